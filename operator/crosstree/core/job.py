"""A TrainingJob as the domain sees it: the gang it asks for, the rules of its life, and its progress.

Made by `translate.job`; wire models stop there. Everything under `progress` is read back from the object's
status: it is the state that survives a restart of the operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crosstree.core.checkpoint import Checkpoint
from crosstree.core.plan import NodeShare, Promise, Rung, Span
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the current attempt runs; the same facts as `plan.Place`, as stored in the status.

    `since` is when it was given, whole seconds since the epoch; None if an older operator did not write that down.
    """

    pool: str
    model: str
    resource: str
    nodes: tuple[NodeShare, ...]
    spans: tuple[Span, ...] = ()
    since: float | None = None

    @property
    def workers(self) -> int:
        """Workers it holds; of an elastic gang not always the most it may have."""
        return sum(share.count for share in self.nodes)

    def node_of(self, index: int) -> str:
        """Return the node of worker `index`; KeyError if the placement does not hold it."""
        for share in self.nodes:
            if share.first <= index < share.first + share.count:
                return share.name
        raise KeyError(index)


@dataclass(frozen=True, slots=True)
class Restart:
    """One entry of the restart history. `charged` entries count against `maxRestarts`."""

    at: float
    reason: str
    node: str = ""
    message: str = ""
    charged: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """A place that was given back: whose queue's it was, and from when to when, whole seconds since the epoch."""

    queue: str
    model: str
    workers: int
    began: float
    ended: float


RESIZED = "Resized"
"""Cause of a restart that is no failure: an elastic gang goes on with another number of workers."""


RUN_TIME_EXCEEDED = "RunTimeExceeded"
"""Why a job ended that ran longer than its queue allows."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How the last failure is being, or was, recovered from; kept for the attempt that came of it.

    Attributes:
        rung: How far up the ladder.
        cause: Reason of the restart that began it.
        node: The node at fault; empty if none.
        since: When it began, seconds since the epoch.
        message: The rung in one sentence.
        pod: Uid of the pod that is made again, for rung Worker.
        pool: Pool of the place that was lost; empty once there is a new one.
        nodes: That place; empty once there is a new one.
    """

    rung: Rung
    cause: str
    node: str
    since: float
    message: str
    pod: str = ""
    pool: str = ""
    nodes: tuple[NodeShare, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What the status says has happened.

    `attempt` is 0 until the first placement, then counts placements. `placement` is None while nothing is
    placed. `conditions` is the stored list, as it stands on the wire.
    """

    attempt: int = 0
    placement: Placement | None = None
    restarts: tuple[Restart, ...] = ()
    restarts_charged: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    recovery: Recovery | None = None
    plan: Promise | None = None
    """The place that is being cleared for it."""
    conditions: tuple[Mapping[str, Any], ...] = ()
    observed: Mapping[str, Any] = field(default_factory=dict)
    """The status exactly as stored: what a new status is compared with before it is written."""
    runs: tuple[Held, ...] = ()
    """The last places it had and gave back, the newest last."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One TrainingJob.

    `gang` holds what placement needs (its priority is filled in by the caller that knows PriorityClasses);
    `template` is the user's pod template, untouched.
    """

    key: str
    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    created: float
    cluster: str
    queue: str
    priority_class: str
    framework: str
    gang: Gang
    template: Mapping[str, Any]
    suspend: bool = False
    alone: bool = False
    """A worker that ended is made again alone, not with its gang."""
    max_restarts: int = 3
    ttl_after_finished: float | None = None
    deleting: bool = False
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    progress: Progress = field(default_factory=Progress)

    @property
    def workers(self) -> int:
        """Workers of the current attempt; while nothing is placed, the most there may be of the next."""
        placement = self.progress.placement
        return self.gang.workers if placement is None else placement.workers
