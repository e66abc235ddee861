"""S16: operations at random against what must never happen, long and from seeds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from random import Random

from rich.progress import track

from bench.judge import Violation
from bench.world import World
from crosstree.base.clock import monotonic
from crosstree.cli.measure import Record
from crosstree.cli.output import console

EPISODE = 250
"""Operations on one cluster before another one is made."""


@dataclass(slots=True)
class Tally:
    """What a run came to.

    Attributes:
        operations: Operations done.
        plans: Plans judged.
        evictions: Gangs that were told to stop or shrink for another.
        violations: What was found, in words, with seed and history.
    """

    operations: int = 0
    plans: int = 0
    evictions: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, one: Tally) -> None:
        """Count what another run came to."""
        self.operations += max(one.operations, 1)
        self.plans += one.plans
        self.evictions += one.evictions
        self.violations += one.violations


def episode(seed: int, operations: int = EPISODE) -> Tally:
    """Live one cluster through operations at random; the first violation ends it. The same seed does the same."""
    chance = Random(seed)  # noqa: S311
    world = World(chance)
    names, weights = list(World.OPERATIONS), list(World.OPERATIONS.values())
    found = Tally()
    try:
        for _ in range(operations):
            world.operate(chance.choices(names, weights)[0], chance)
    except Exception as error:  # whatever is raised is a violation: of a rule, or of what a cluster can do
        kind = "" if isinstance(error, Violation) else f"{type(error).__name__}: "
        past = "\n  ".join(world.history)
        found.violations.append(f"seed {seed}, operation {world.operations}: {kind}{error}\n  {past}")
    found.operations = world.operations
    found.plans, found.evictions = world.judge.checked, world.judge.evictions
    return found


def run(operations: int, seed: int) -> Tally:
    """Live through episodes until so many operations are done."""
    whole = Tally()
    while whole.operations < operations:
        whole.add(episode(seed))
        seed += 1
    return whole


def on_all_cores(operations: int, seed: int) -> Tally:
    """Live through as many episodes as so many operations are, several at a time; tell on a terminal how far it is."""
    whole, seeds = Tally(), range(seed, seed - (-operations // EPISODE))
    with ProcessPoolExecutor() as pool:
        episodes = pool.map(episode, seeds, chunksize=4)
        for one in track(
            episodes, "episodes", total=len(seeds), console=console(stderr=True), transient=True
        ):
            whole.add(one)
    return whole


async def measure(operations: int, seed: int) -> AsyncIterator[Record]:
    """Yield how many operations, plans and evictions there were, and what was violated."""
    began = monotonic()
    found = on_all_cores(operations, seed)
    conditions = {
        "operations": found.operations,
        "seed": seed,
        "plans": found.plans,
        "evictions": found.evictions,
    }
    for text in found.violations[:5]:
        yield Record("S16", "violation", 1, "", {**conditions, "what": text})
    yield Record("S16", "violations", len(found.violations), "", conditions)
    yield Record("S16", "operations_rate", found.operations / (monotonic() - began), "1/s", conditions)
