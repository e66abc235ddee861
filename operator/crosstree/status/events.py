"""Which Kubernetes Events a change of a TrainingJob's status implies: changes of state only, each once.

Events are written after the status that implies them, so one may be missed in a crash, and none is ever doubled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from crosstree.core.plan import Rung, WaitReason
from crosstree.status.conditions import Reason, Type, bounded, find, is_true


class EventType(Enum):
    """`type` of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Event:
    """An Event to write about an object."""

    type: EventType
    reason: str
    message: str


_TOLD_ELSEWHERE = frozenset({WaitReason.RECOVERING.value, WaitReason.SUSPENDED.value})
_WARNINGS = frozenset(
    {
        WaitReason.PODS_REFUSED.value,
        WaitReason.INVALID_SPEC.value,
        WaitReason.QUEUE_NOT_FOUND.value,
        WaitReason.QUEUE_NOT_ALLOWED.value,
        WaitReason.CLUSTER_NOT_FOUND.value,
        WaitReason.PRIORITY_CLASS_NOT_FOUND.value,
        WaitReason.LEVEL_UNKNOWN.value,
        WaitReason.ILLEGAL_SIZE.value,
        WaitReason.SHAPE_IMPOSSIBLE.value,
    }
)


def implied(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return the events that lead from one stored status to the next, in the order in which things happened."""
    return tuple(_implied(old, new))


def _implied(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Event]:
    before, after = old.get("conditions") or (), new.get("conditions") or ()
    if is_true(before, Type.SUSPENDED) and not is_true(after, Type.SUSPENDED):
        yield Event(EventType.NORMAL, "Resumed", "spec.suspend is false: the job waits for its place.")
    if new.get("restarts") and (old.get("restarts") or [None])[-1] != new["restarts"][-1]:
        last = new["restarts"][-1]
        if last["reason"] != WaitReason.PODS_REFUSED.value:
            alone = (new.get("recovery") or {}).get("rung") == Rung.WORKER.value
            what = "One worker is made again" if alone else f"Attempt {new['attempt']} ends"
            yield Event(EventType.WARNING, last["reason"], f"{what}: {last['message']}")
    waiting, waited = new.get("waiting") or {}, old.get("waiting") or {}
    reason = waiting.get("reason")
    if reason and reason != waited.get("reason") and reason not in _TOLD_ELSEWHERE:
        kind = EventType.WARNING if reason in _WARNINGS else EventType.NORMAL
        yield Event(kind, reason, waiting["message"])
    if new.get("attempt", 0) > old.get("attempt", 0):
        placed = find(after, Type.PLACED) or {}
        yield Event(EventType.NORMAL, Reason.GANG_PLACED.value, str(placed.get("message", "")))
    if is_true(after, Type.PODS_READY) and not is_true(before, Type.PODS_READY):
        yield Event(EventType.NORMAL, "Running", str((find(after, Type.PODS_READY) or {}).get("message", "")))
    if is_true(after, Type.SUSPENDED) and not is_true(before, Type.SUSPENDED):
        yield Event(EventType.NORMAL, Reason.SUSPENDED.value, "spec.suspend is true and no pod is left.")
    if is_true(after, Type.FINISHED) and not is_true(before, Type.FINISHED):
        end = find(after, Type.FINISHED) or {}
        good = end.get("reason") == Reason.SUCCEEDED.value
        kind = EventType.NORMAL if good else EventType.WARNING
        yield Event(kind, str(end.get("reason")), bounded(str(end.get("message", ""))))
