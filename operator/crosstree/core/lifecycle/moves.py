"""The next step in the life of a job, as a value.

`reconcilers/trainingjob` carries it out; `after` tells what it leaves behind in the status.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from crosstree.core.job import RESIZED, RUN_TIME_EXCEEDED, Held, Placement, Progress, Recovery, Restart
from crosstree.core.lifecycle.facts import held_since, recovering
from crosstree.core.plan import Place, WaitReason
from crosstree.core.pods import PodFact
from crosstree.core.recovery import alone, seated, stopped, unseated

KEPT_RESTARTS = 10
"""Entries of the restart history kept in the status."""

KEPT_RUNS = 10
"""Places given back that are kept in the status: more than are ever given back before budgets are charged for them."""


class Cause(Enum):
    """Why an attempt ended, or the job. The values are reasons in the status."""

    WORKER_FAILED = "WorkerFailed"
    """A worker ended with an error. The one that ended first is named."""
    OUT_OF_MEMORY = "OutOfMemory"
    """A container was killed for using more memory than its limit. A second time ends the job."""
    COMMAND_NOT_RUNNABLE = "CommandNotRunnable"
    """The command of the container can't be run at all; repeating it would not help."""
    MAX_RESTARTS_EXCEEDED = "MaxRestartsExceeded"
    """A worker failed and `spec.restart.maxRestarts` is used up."""
    DISRUPTED = "Disrupted"
    """A pod was drained, evicted, preempted or refused by its node: condition DisruptionTarget."""
    NODE_LOST = "NodeLost"
    """A node of the placement is no longer in the cluster."""
    NODE_NOT_READY = "NodeNotReady"
    """A node of the placement has been NotReady for longer than the grace period."""
    NODE_UNHEALTHY = "NodeUnhealthy"
    """A node of the placement has reported a hardware fault for longer than the grace period."""
    DEVICE_LOST = "DeviceLost"
    """Accelerators that workers hold have been missing or Unhealthy for longer than the grace period."""
    RESTART_ADVISED = "RestartAdvised"
    """A node of the placement reports a fault that a fresh process cures. The node is not avoided for it."""
    POD_DELETED = "PodDeleted"
    """Somebody deleted a pod of a gang that was running."""
    POD_UNSCHEDULABLE = "PodUnschedulable"
    """kube-scheduler could not bind a pod to the node it was given."""
    PREEMPTED = "Preempted"
    """The gang was stopped for a job of higher priority. Not charged; it waits at its old age."""
    RECLAIMED = "Reclaimed"
    """The gang was stopped because its queue had borrowed what another queue is guaranteed and now needs."""
    RUN_TIME_EXCEEDED = RUN_TIME_EXCEEDED
    """A run lasted longer than `spec.maxRunTime` of its JobQueue, or of one above it, allows. It is not repeated."""
    RESIZED = RESIZED
    """An elastic gang starts again with another number of workers: more where nobody waits for what is idle, fewer
    to make room for another job."""


INFRASTRUCTURE = frozenset(
    {
        Cause.DISRUPTED,
        Cause.NODE_LOST,
        Cause.NODE_NOT_READY,
        Cause.NODE_UNHEALTHY,
        Cause.DEVICE_LOST,
        Cause.POD_UNSCHEDULABLE,
    }
)
"""Causes that speak against the node, not against the program."""


HARDWARE = frozenset({Cause.NODE_LOST, Cause.NODE_NOT_READY, Cause.NODE_UNHEALTHY, Cause.DEVICE_LOST})
"""Causes by which a node itself failed. A drain or a place taken by somebody else says nothing about it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing to do but to keep the status true; look again at `until` even if nothing happens.

    `quiet` leaves even the status alone: of a job that is being deleted, or that is so new that its first
    status comes with its first decision.
    """

    until: float | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class StorePlacement:
    """Write this placement into the status; only then make Service and pods."""

    place: Place


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The scheduler placed a job that can't use it now."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Create the pods of these indices; all others of the attempt exist."""

    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Serve:
    """The gang has its pods and no Service: make it, the first time or after somebody deleted it."""


@dataclass(frozen=True, slots=True)
class Recover:
    """End this attempt and go back to waiting: all pods go, then the placement.

    `charged` counts against `maxRestarts`. `node` is the node at fault, avoided for a while; empty if none.
    `worker` is the index of the one worker it began with; None if it is not about one.
    """

    cause: Cause
    charged: bool
    message: str
    node: str = ""
    worker: int | None = None


@dataclass(frozen=True, slots=True)
class Preempt:
    """End this attempt because another job gets the place: all pods go, then the placement. Nothing failed.

    `cause` is PREEMPTED or RECLAIMED.
    """

    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class Remake:
    """Record that one worker ended and is made again alone: its pod goes, then comes anew under the same name."""

    pod: PodFact
    cause: Cause
    charged: bool
    message: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """The user wants the job stopped: all pods go, then the placement."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The API server refuses the pods: those already made go, then the placement; tried again later."""

    message: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Delete `pods` and wait until they are gone, looking again at `until` at the latest.

    `force` are those whose node no longer exists, or has been silent for too long, so that nobody else will ever
    confirm their end. `hurried` were told to go and have more time than they still need. All may be empty: then there
    is only waiting to do. `grace` is how many seconds `pods` have to save their work; None for what their own template
    gives them.
    """

    pods: tuple[PodFact, ...] = ()
    force: tuple[PodFact, ...] = ()
    until: float | None = None
    hurried: tuple[PodFact, ...] = ()
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Every pod of the withdrawn placement is gone: clear it."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """The pause after a refusal is over: let the scheduler see the job again."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The job has ended. `cause` is None for success."""

    cause: Cause | None
    message: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Its time to live after the end is over: delete the TrainingJob."""


Move = (
    Hold
    | StorePlacement
    | GiveBack
    | Launch
    | Serve
    | Recover
    | Preempt
    | Remake
    | Suspend
    | Withdraw
    | Sweep
    | Release
    | Reopen
    | Finish
    | Expire
)


def after(progress: Progress, move: Move, now: float, queue: str = "") -> Progress:
    """Return the progress to store once this move is taken; conditions are made from it in `status/`.

    Args:
        progress: As stored.
        move: The move.
        now: Seconds since the epoch.
        queue: JobQueue of the job, which answers for the place that it gives back.
    """
    match move:
        case StorePlacement(place):
            placement = Placement(
                place.pool, place.model, place.resource, place.nodes, place.spans, float(int(now))
            )
            recovery = seated(progress.recovery, place)
            return replace(progress, placement=placement, attempt=progress.attempt + 1, recovery=recovery)
        case Recover(cause, charged, message, node):
            begun = replace(progress, recovery=stopped(cause.value, node, now))
            return _remember(begun, Restart(now, cause.value, node, message, charged))
        case Preempt(cause, message):
            begun = replace(progress, recovery=None)
            return _remember(begun, Restart(now, cause.value, "", message, charged=False))
        case Remake(pod, cause, charged, message):
            begun = replace(progress, recovery=alone(cause.value, pod.node, now, pod.uid, pod.index))
            return _remember(begun, Restart(now, cause.value, pod.node, message, charged))
        case Withdraw(message):
            return _remember(
                progress, Restart(now, WaitReason.PODS_REFUSED.value, "", message, charged=False)
            )
        case Release():
            runs = (*progress.runs, *_given_back(progress, now, queue))[-KEPT_RUNS:]
            return replace(progress, placement=None, recovery=_lost(progress), runs=runs)
        case Finish():
            return replace(progress, finished_at=now)
        case Suspend():
            return replace(progress, recovery=None)
        case Hold() | GiveBack() | Launch() | Serve() | Sweep() | Reopen() | Expire():
            stopped_meanwhile = progress.placement is None and not recovering(progress)
            return replace(progress, recovery=None) if stopped_meanwhile else progress
        case _:
            assert_never(move)


def _given_back(progress: Progress, now: float, queue: str) -> tuple[Held, ...]:
    """Say how long the place was held that is given back now."""
    placement, began = progress.placement, held_since(progress)
    if placement is None or began is None:
        return ()
    return (Held(queue, placement.model, placement.workers, began, max(float(int(now)), began)),)


def _lost(progress: Progress) -> Recovery | None:
    """What a job remembers of the place it gives back: nothing, unless it lost it by a failure."""
    if progress.placement is None or not recovering(progress):
        return None
    return unseated(progress.recovery, progress.placement)


def _remember(progress: Progress, restart: Restart) -> Progress:
    return replace(
        progress,
        restarts=(*progress.restarts, restart)[-KEPT_RESTARTS:],
        restarts_charged=progress.restarts_charged + restart.charged,
    )
