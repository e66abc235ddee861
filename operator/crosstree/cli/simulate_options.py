"""What `crosstree simulate` is asked for, as one value, and the scenario it makes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from crosstree.base.errors import SettingsError, SpecError

if TYPE_CHECKING:
    from crosstree.sim.inventory import Inventory
    from crosstree.sim.replay import Scenario
    from crosstree.sim.traces.jobs import Jobs


class Hints(Enum):
    """What owners say of durations."""

    EXACT = "exact"
    DOUBLE = "x2"
    HALF = "/2"
    ABSENT = "absent"

    @property
    def factor(self) -> float:
        """The multiple of the truth; 0 for nothing."""
        return {Hints.EXACT: 1.0, Hints.DOUBLE: 2.0, Hints.HALF: 0.5, Hints.ABSENT: 0.0}[self]


USUAL = "leaf"
"""Level that gangs prefer where nothing is said and the nodes have it."""


def speeds(given: Iterable[str]) -> dict[str, float]:
    """Read `MODEL=X` options: work per second by model.

    Raises:
        SettingsError: a text is something else, or X is not a finite number above 0.
    """
    found: dict[str, float] = {}
    for text in given:
        model, _, number = text.rpartition("=")
        try:
            found[model] = float(number)
        except ValueError:
            found[model] = 0.0
        if not model or not 0 < found[model] < math.inf:
            raise SettingsError(
                f"--speed {text!r} is not MODEL=X with a finite X above 0; write V100=0.6, for example."
            )
    return found


@dataclass(frozen=True, slots=True)
class Request:
    """The options of the verb, in their own units; `prefer` is None for the usual level, empty for none."""

    trace: Path
    nodes: Path
    fabric: Path | None = None
    queues: Path | None = None
    load: float | None = None
    copies: int = 1
    tiles: int = 1
    jobs: int | None = None
    days: float | None = None
    speeds: Mapping[str, float] | None = None
    hints: Hints = Hints.EXACT
    failures: float = 0.0
    repair: float = 4.0
    seed: int = 1
    window: float = 1.0
    checkpoint: float = 30.0
    restart: float = 60.0
    grace: float = 30.0
    saves: bool = False
    prefer: str | None = None

    def scenario(self) -> Scenario:
        """Read the files and make the scenario.

        Raises:
            SettingsError: a file is bad, and the text says file, line, column, what was found and what would do; or
                no job of the trace can be replayed; or an option names what the nodes don't have.
        """
        try:
            return self._scenario()
        except SpecError as error:  # a file named on the command line is usage, nobody's object
            raise SettingsError(str(error)) from error

    def _scenario(self) -> Scenario:
        from crosstree.sim.failures import Failures
        from crosstree.sim.replay import Scenario
        from crosstree.sim.runtime import Runtime
        from crosstree.sim.traces import shape
        from crosstree.sim.traces.queues import queues

        nodes = self._inventory()
        self._named(nodes)
        return Scenario(
            nodes=nodes,
            jobs=self._jobs(nodes),
            runtime=Runtime(self.checkpoint * 60, self.restart, self.grace, self.saves, self.speeds or {}),
            queues=queues(self.queues, nodes) if self.queues is not None else (),
            failures=Failures(self.failures, self.repair * 3600, self.seed) if self.failures else None,
            hint=self.hints.factor,
            window=self.window,
            prefer=(USUAL if USUAL in nodes.levels else "") if self.prefer is None else self.prefer,
            until=self.days * shape.DAY if self.days is not None else math.inf,
        )

    def _named(self, nodes: Inventory) -> None:
        """Refuse models and levels that the nodes don't have: ignored, they would seem to make no difference."""
        for model in self.speeds or {}:
            if model not in nodes.models:
                raise SettingsError(
                    f"--speed names model {model!r}, but the nodes have {', '.join(nodes.models)}. Name one of these."
                )
        if self.prefer and self.prefer not in nodes.levels:
            levels = (
                f"levels {', '.join(nodes.levels)}. Name one of these"
                if nodes.levels
                else "no levels. Leave it out"
            )
            raise SettingsError(
                f"--prefer is {self.prefer!r}, but the nodes have {levels}, or give --fabric FILE."
            )

    def _inventory(self) -> Inventory:
        from crosstree.sim.inventory import inventory
        from crosstree.sim.traces.nodes import nodes, on_fabric, tiled

        facts = tiled(nodes(self.nodes), self.tiles)
        return inventory(on_fabric(facts, nodes(self.fabric)) if self.fabric is not None else facts)

    def _jobs(self, nodes: Inventory) -> Jobs:
        from crosstree.sim.traces import shape
        from crosstree.sim.traces.read import read

        # Load is what those offer who are replayed: whoever is left out goes before times are stretched. Days are
        # days of the replay, so they are counted after.
        every = shape.superposed(read(self.trace), self.copies)
        found = shape.possible(every, nodes)
        if not len(found):
            raise SettingsError(
                f"None of the {len(every):,} jobs of {self.trace} can run on the nodes of {self.nodes}, not even "
                "while all of them are empty. Give a trace of smaller jobs, or more nodes, by --tiles for example."
            )
        found = shape.first(found, self.jobs, None)
        if self.load is not None:
            found = shape.loaded(found, self.load, nodes.total)
        cut = shape.first(found, None, self.days)
        if not len(cut):
            raise SettingsError(
                f"--days {self.days:g} ends before a job comes that can run on these nodes: the first comes after "
                f"{found.submit[0] / shape.DAY:.3g} days. Give more."
            )
        return cut
