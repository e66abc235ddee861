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


_BRIEF = {
    "api": "401 403 403-watch 409 410-at-start 410-in-list 410-in-watch 429 504-done all-answers-lost answers-garbage "
    "answers-truncated no-answer reset watch-cut watch-fails watch-loses watch-replays watch-stalls watch-truncates",
    "control-plane": "etcd frozen kube-apiserver kwok",
    "job": "deleted-at-start placement-removed recreated status-emptied suspended",
    "node": "condition cordoned deleted devices-lost fabric-relabelled flapping unreachable",
    "object": "cluster-recreated pool-deleted service-deleted",
    "operator": "clock-day-ahead clock-hour-behind crash-loop disk-full frozen",
    "pod": "all-deleted deleted fails fails-alone foreign-grab labels-removed outrun",
}
BRIEF = frozenset(f"{group}/{name}" for group, names in _BRIEF.items() for name in names.split())
"""Kinds that every `make test` plays: of each group those that go different ways through the operator, two or three
seconds each. `make chaos` plays all of them."""

KINDS: dict[str, Kind] = {}
"""Every kind, by name; filled by `campaign`, which imports the modules that know them."""


def kind(name: str, says: str, **more: float) -> Callable[[Callable[[Stage], Iterator[None]]], Deed]:
    """Make a kind of a generator function that breaks something, yields once and mends it."""

    def keep(deed: Callable[[Stage], Iterator[None]]) -> Deed:
        made = contextmanager(deed)
        KINDS[name] = Kind(name, says, made, **more)  # type: ignore[arg-type]
        return made

    return keep
