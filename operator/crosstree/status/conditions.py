"""Conditions as values, and `merge`, the only place that sets their generation and transition time.

Every status builder of this package makes `Condition` values from facts observed now and hands them to
`merge` together with the stored list. Types are positive names; reasons come from `Reason`, or from
`core.plan.WaitReason` where the condition tells why a job waits. Nothing here knows a kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from crosstree.base.clock import to_rfc3339
from crosstree.core.plan import WaitReason

MAX_MESSAGE = 1024
"""Characters of a message: a screenful in `kubectl describe`; the API server would take 32,768."""

Wire = dict[str, str | int]
"""One condition as it stands in `status.conditions`."""


class Status(Enum):
    """`status` of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Type(Enum):
    """Condition types of all kinds. A type means the same wherever it is used."""

    ADMITTED = "Admitted"
    PLACED = "Placed"
    PODS_READY = "PodsReady"
    SUSPENDED = "Suspended"
    RECOVERING = "Recovering"
    PREEMPTED = "Preempted"
    FINISHED = "Finished"
    READY = "Ready"
    FABRIC_COMPLETE = "FabricComplete"
    HEALTHY = "Healthy"
    BOOKINGS_FIT = "BookingsFit"


class Reason(Enum):
    """Why a condition is as it is; a closed list that alerts may rely on. `WaitReason` adds to it."""

    # TrainingJob
    ADMITTED = "Admitted"
    GANG_PLACED = "GangPlaced"
    NOT_PLACED = "NotPlaced"
    WAITING_FOR_SCHEDULER = "WaitingForScheduler"
    ALL_READY = "AllReady"
    STARTING = "Starting"
    WAITING_FOR_IMAGE = "WaitingForImage"
    POD_STUCK = "PodStuck"
    NOT_ALL_READY = "NotAllReady"
    STOPPING = "Stopping"
    ENDED = "Ended"
    NO_PODS = "NoPods"
    SUSPENDED = "Suspended"
    SUSPENDING = "Suspending"
    NOT_SUSPENDED = "NotSuspended"
    NOT_RECOVERING = "NotRecovering"
    NOT_PREEMPTED = "NotPreempted"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    NOT_FINISHED = "NotFinished"
    # Causes of a gang restart, also in `status.restarts[].reason`
    WORKER_FAILED = "WorkerFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    DISRUPTED = "Disrupted"
    NODE_LOST = "NodeLost"
    NODE_NOT_READY = "NodeNotReady"
    NODE_UNHEALTHY = "NodeUnhealthy"
    DEVICE_LOST = "DeviceLost"
    RESTART_ADVISED = "RestartAdvised"
    POD_DELETED = "PodDeleted"
    POD_UNSCHEDULABLE = "PodUnschedulable"
    PREEMPTED = "Preempted"
    RECLAIMED = "Reclaimed"
    RESIZED = "Resized"
    # Causes of a failure for good
    MAX_RESTARTS_EXCEEDED = "MaxRestartsExceeded"
    COMMAND_NOT_RUNNABLE = "CommandNotRunnable"
    RUN_TIME_EXCEEDED = "RunTimeExceeded"
    # AICluster, AcceleratorPool, JobQueue
    READY = "Ready"
    NOT_READY = "NotReady"
    NO_NODES = "NoNodes"
    COMPLETE = "Complete"
    LABELS_MISSING = "LabelsMissing"
    NO_FABRIC = "NoFabric"
    HEALTHY = "Healthy"
    NODES_UNHEALTHY = "NodesUnhealthy"
    DEVICES_UNHEALTHY = "DevicesUnhealthy"
    INVALID_SPEC = "InvalidSpec"
    CLUSTER_NOT_FOUND = "ClusterNotFound"
    PARENT_NOT_FOUND = "ParentNotFound"
    PARENT_CYCLE = "ParentCycle"
    MODEL_UNKNOWN = "ModelUnknown"
    CLOSED = "Closed"
    BOOKINGS_FIT = "BookingsFit"
    OVERBOOKED = "Overbooked"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as decided now: no generation and no time yet, `merge` adds them.

    `timed` is True where something waits for the reason to have lasted: its time is then when the reason began, not
    only the status.
    """

    type: Type
    status: Status
    reason: Reason | WaitReason
    message: str = ""
    timed: bool = False

    @classmethod
    def true(cls, type: Type, reason: Reason | WaitReason, message: str = "") -> Condition:
        """Return a condition that holds."""
        return cls(type, Status.TRUE, reason, message)

    @classmethod
    def false(cls, type: Type, reason: Reason | WaitReason, message: str = "") -> Condition:
        """Return a condition that does not hold."""
        return cls(type, Status.FALSE, reason, message)

    @classmethod
    def unknown(cls, type: Type, reason: Reason | WaitReason, message: str = "") -> Condition:
        """Return a condition of which nothing is known yet."""
        return cls(type, Status.UNKNOWN, reason, message)


def merge(
    old: Sequence[Mapping[str, object]], new: Iterable[Condition], *, generation: int, now: float
) -> list[Wire]:
    """Return the list to store: exactly the conditions of `new`, in their order.

    `lastTransitionTime` stays as stored while the status stays, and for a timed condition its reason; a stored
    condition of a type that `new` lacks is dropped. Messages lose surrounding space and what is beyond `MAX_MESSAGE`,
    so that the same facts give the same bytes.

    Args:
        old: `status.conditions` as stored.
        new: All conditions of the object.
        generation: `metadata.generation` the facts were derived from.
        now: Seconds since the epoch.
    """
    stored = {str(condition.get("type")): condition for condition in old}
    return [_wire(condition, stored.get(condition.type.value), generation, now) for condition in new]


def find(conditions: Iterable[Mapping[str, object]], type: Type) -> Mapping[str, object] | None:
    """Return the stored condition of a type, or None."""
    return next((c for c in conditions if c.get("type") == type.value), None)


def is_true(conditions: Iterable[Mapping[str, object]], type: Type) -> bool:
    """Tell whether a stored condition of this type holds; an absent one does not."""
    found = find(conditions, type)
    return found is not None and found.get("status") == Status.TRUE.value


def bounded(message: str) -> str:
    """Return a message trimmed to what a condition may carry."""
    text = message.strip()
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1].rstrip() + "…"


def _wire(condition: Condition, stored: Mapping[str, object] | None, generation: int, now: float) -> Wire:
    kept = stored is not None and stored.get("status") == condition.status.value
    if kept and stored and condition.timed:
        kept = stored.get("reason") == condition.reason.value
    since = (
        str(stored["lastTransitionTime"])
        if kept and stored and "lastTransitionTime" in stored
        else to_rfc3339(now)
    )
    return {
        "type": condition.type.value,
        "status": condition.status.value,
        "observedGeneration": generation,
        "lastTransitionTime": since,
        "reason": condition.reason.value,
        "message": bounded(condition.message),
    }
