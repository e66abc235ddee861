"""What options of `crosstree simulate` go together, and which numbers make sense: two tables, and who reads them.

The verb has two halves that share a parser, which knows nothing of either: without these rules an option of the other
half would be ignored without a word. Read by `cli.simulate` before any file is.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import typer

from crosstree.base.errors import SettingsError

EITHER = ("output", "no_color")
"""Parameters that mean the same with and without --what-if."""

ASKING = (
    "snapshot", "cluster", "job", "drain", "add_rack", "queue", "replay", "horizon", "namespace", "kubeconfig",
    "context",
)  # fmt: skip
"""Parameters that only --what-if reads; all others are read only where a trace is replayed."""

CHANGES = ("job", "drain", "add_rack", "queue", "horizon")
"""What --what-if asks about, and how far ahead: nothing that --replay of a snapshot looks at."""


@dataclass(frozen=True, slots=True)
class Number:
    """What a number is that can be too strange to simulate.

    Attributes:
        what: Says what it counts.
        example: A value that would do.
        endless: Whether infinity has a meaning.
    """

    what: str
    example: str
    endless: bool = False


NUMBERS: Mapping[str, Number] = {
    "load": Number("load", "0.9"),
    "days": Number("number of days", "7", endless=True),
    "failures": Number("number of faults per 1,000 node-days", "6.5"),
    "repair": Number("number of hours", "4", endless=True),  # a node that breaks never comes back
    "window": Number("number of seconds", "60"),
    "checkpoint": Number("number of minutes", "30", endless=True),  # nobody ever saves
    "restart": Number("number of seconds", "60"),
    "grace": Number("number of seconds", "30"),
}


def given(called: typer.Context) -> tuple[str, ...]:
    """Return the parameters that stand on the command line, in the order of the verb's."""
    sources = {name: called.get_parameter_source(name) for name in called.params}
    return tuple(
        name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"
    )


def check(named: Collection[str], values: Mapping[str, object]) -> None:
    """Refuse options that would be ignored, and numbers that nothing can be simulated with.

    Args:
        named: Parameters that stand on the command line.
        values: Value of each parameter.

    Raises:
        SettingsError: two options exclude each other, one needs another, or a number is not one; the text says which.
    """
    asks = bool(values.get("what_if"))
    for name in named:
        if asks and name not in (*ASKING, *EITHER, "what_if"):
            raise SettingsError(
                f"{flag(name)} and --what-if exclude each other: one replays a trace, the other asks about a cluster. "
                "Leave one of them out."
            )
        if not asks and name in ASKING:
            raise SettingsError(
                f"{flag(name)} means something only with --what-if; add that, or leave it out."
            )
        if values.get("replay") and name in CHANGES:
            raise SettingsError(
                f"{flag(name)} and --replay exclude each other: a replay decides once on the snapshot as it is. "
                "Leave one of them out."
            )
    for name, number in NUMBERS.items():
        value = values.get(name)
        if isinstance(value, float) and not _makes_sense(value, number):
            kind = number.what if number.endless else f"finite {number.what}"
            raise SettingsError(
                f"{flag(name)} {value:g} is not a {kind}; write {number.example}, for example."
            )


def flag(name: str) -> str:
    """Return a parameter as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


def _makes_sense(value: float, number: Number) -> bool:
    return math.isfinite(value) or (number.endless and value > 0)
