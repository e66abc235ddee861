"""Kinds of faults: each with a sentence and a way to be on for a while. Kept in a table by the modules beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.chaos.stage import Stage

Deed = Callable[[Stage], AbstractContextManager[None]]


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        name: Group and name, for example "api/409".
        says: What goes wrong, one sentence.
        on: Has the fault on while the block lasts; the block says how long.
        seconds: How long it lasts in a short campaign.
        harms: Whether gangs that run may be restarted by it; if not, they must not.
        exits: Whether an operator that starts meanwhile may end by itself, for a kubelet to start it anew.
    """

    name: str
    says: str
    on: Deed
    seconds: float = 1.0
    harms: bool = False
    exits: bool = False


KINDS: dict[str, Kind] = {}
"""Every kind, by name; filled by `campaign`, which imports the modules that know them."""


def kind(name: str, says: str, **more: float) -> Callable[[Callable[[Stage], Iterator[None]]], Deed]:
    """Make a kind of a generator function that breaks something, yields once and mends it."""

    def keep(deed: Callable[[Stage], Iterator[None]]) -> Deed:
        made = contextmanager(deed)
        KINDS[name] = Kind(name, says, made, **more)  # type: ignore[arg-type]
        return made

    return keep
