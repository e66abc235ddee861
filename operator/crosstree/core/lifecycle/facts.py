"""What the life of a job is decided on, and the plain questions one can ask of it. Facts only, no choices.

A *placement being withdrawn* is one that is still stored while condition Placed is False: all its pods have
to be gone before it is cleared. That pair is the whole memory of a stop in progress, so an operator that was
killed in the middle of one goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.base.names import pod_name
from crosstree.core.job import RESIZED, RUN_TIME_EXCEEDED, Job, Progress
from crosstree.core.plan import Decision, WaitReason
from crosstree.core.pods import NodeHealth, PodFact, PodPhase
from crosstree.core.queues import RunBound
from crosstree.core.snapshot import NodeState

ENDED = frozenset({PodPhase.SUCCEEDED, PodPhase.FAILED})
NEVER_READY = frozenset(
    {"Starting", "WaitingForImage", "PodStuck", "NoPods", "Stopping", "WaitingForScheduler"}
)
"""Reasons of PodsReady=False that say the gang has not been ready in this attempt."""


@dataclass(frozen=True, slots=True, eq=False)
class JobFacts:
    """One TrainingJob and everything around it, observed now.

    Attributes:
        job: The job, with what its status says.
        pods: Every pod labelled with the job's name, whoever owns it.
        nodes: Health of the nodes of its placement; may lack nodes of which nothing is known.
        decision: What the scheduler last decided for it, if anything.
        served: Whether its Service exists.
        grace: Seconds a node or device may be unwell before the gang leaves it.
        unreachable_timeout: Seconds a node may be silent before what was told to go there is removed by force.
        now: Seconds since the epoch.
        bound: How long its runs may last; None for any time.
        own: Pods that this very object owns, of any attempt.
        current: Its pods of the current attempt, by index.
    """

    job: Job
    pods: tuple[PodFact, ...] = ()
    nodes: tuple[NodeHealth, ...] = ()
    decision: Decision | None = None
    served: bool = True
    grace: float = 30.0
    unreachable_timeout: float = 300.0
    now: float = 0.0
    bound: RunBound | None = None
    own: tuple[PodFact, ...] = field(init=False, repr=False)
    current: Mapping[int, PodFact] = field(init=False, repr=False)
    _node: Mapping[str, NodeHealth] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Asked for many times over in one look: derived once, so that a look is linear in the workers.
        job = self.job
        own = tuple(pod for pod in self.pods if pod.job_uid == job.uid)
        object.__setattr__(self, "own", own)
        object.__setattr__(
            self, "current", {pod.index: pod for pod in own if pod.attempt == job.progress.attempt}
        )
        object.__setattr__(self, "_node", {node.name: node for node in self.nodes})

    @property
    def leftover(self) -> tuple[PodFact, ...]:
        """Its pods that belong to no running attempt: earlier ones, or any while nothing is placed."""
        progress = self.job.progress
        if progress.placement is None:
            return self.own
        return tuple(pod for pod in self.own if pod.attempt != progress.attempt)

    @property
    def squatters(self) -> tuple[PodFact, ...]:
        """Pods of somebody else that hold a name this job needs."""
        return squatters(self.job, self.pods)

    @property
    def missing(self) -> tuple[int, ...]:
        """Indices without a pod in the current attempt."""
        have = self.current
        return tuple(index for index in range(self.job.workers) if index not in have)

    def node(self, name: str) -> NodeHealth | None:
        """Return what is known of a node of the placement."""
        return self._node.get(name)

    def grace_of(self, node: NodeHealth) -> float:
        """Return how many seconds this node's trouble must last before the gang leaves it."""
        return self.grace if node.grace is None else node.grace

    def node_gone(self, name: str) -> bool:
        """Tell whether the Node object is known to be gone."""
        node = self.node(name)
        return node is not None and not node.exists

    def given_up_at(self, pod: PodFact) -> float | None:
        """Return when a pod that was told to go is removed by force, seconds since the epoch; None for not at all.

        Only where its node does not answer, and never before the pod's own grace is over: it may be saving a
        checkpoint. A time in the past where an admin says that the node is down. A node of which nobody knows since
        when it has been silent is silent since the gang was told to go. A kubelet that reports NotReady may end
        the pod yet, and says so when it has.
        """
        node = self.node(pod.node)
        if node is None or not self.node_not_ready(pod.node):
            return None
        if node.out_of_service:
            return 0.0
        if not node.silent:
            return None
        began = node.since or since(self.job.progress, "Placed") or self.now
        own = node.unreachable_timeout
        return max(began + (self.unreachable_timeout if own is None else own), pod.due)

    def node_not_ready(self, name: str) -> bool:
        """Tell whether the node exists but is not ready, or says nothing."""
        node = self.node(name)
        return node is not None and node.exists and node.state is NodeState.NOT_READY


def squatters(job: Job, pods: Iterable[PodFact]) -> tuple[PodFact, ...]:
    """Return pods that another object owns under a name `job` needs."""
    head = pod_name(job.name, 0)[:-1]
    return tuple(
        pod
        for pod in pods
        if pod.job_uid != job.uid
        and pod.name.startswith(head)
        and pod.name[len(head) :].isdigit()
        and int(pod.name[len(head) :]) < job.workers
    )


def condition(progress: Progress, kind: str) -> Mapping[str, object]:
    """Return a stored condition; an empty mapping if there is none."""
    return next((c for c in progress.conditions if c.get("type") == kind), {})


def holds(progress: Progress, kind: str) -> bool:
    """Tell whether a stored condition is True."""
    return condition(progress, kind).get("status") == "True"


def finished(progress: Progress) -> bool:
    """Tell whether the job has ended for good."""
    return holds(progress, "Finished")


def withdrawing(progress: Progress) -> bool:
    """Tell whether the stored placement is on its way out: its pods have to be gone before it is cleared."""
    return progress.placement is not None and not holds(progress, "Placed")


def recovering(progress: Progress) -> bool:
    """Tell whether the job was broken by a failure and has not been whole again since."""
    return holds(progress, "Recovering")


def preempted(progress: Progress) -> bool:
    """Tell whether the job was stopped for another one and has not been whole again since."""
    return holds(progress, "Preempted")


def resizing(progress: Progress) -> bool:
    """Tell whether the job is on its way from one number of workers to another: nothing failed."""
    recovery = progress.recovery
    return recovering(progress) and recovery is not None and recovery.cause == RESIZED


def was_ready(progress: Progress) -> bool:
    """Tell whether the whole gang has been ready in this attempt."""
    ready = condition(progress, "PodsReady")
    return bool(ready) and (ready.get("status") == "True" or ready.get("reason") not in NEVER_READY)


def since(progress: Progress, kind: str) -> float | None:
    """Return when a stored condition last changed its status, seconds since the epoch; None if unknown."""
    text = condition(progress, kind).get("lastTransitionTime")
    return from_rfc3339(str(text)) if text else None


def held_since(progress: Progress) -> float | None:
    """Return when the place was given that a job holds, seconds since the epoch; None without one, or if unknown."""
    if progress.placement is None or progress.placement.since is not None:
        return None if progress.placement is None else progress.placement.since
    return progress.started_at if withdrawing(progress) else since(progress, "Placed")


def outlived(progress: Progress) -> bool:
    """Tell whether the job was ended because it ran longer than its queue allows."""
    return finished(progress) and condition(progress, "Finished").get("reason") == RUN_TIME_EXCEEDED


def waits_for(progress: Progress) -> WaitReason | None:
    """Return the stored reason of waiting; None if there is none or it is not one of ours."""
    waiting = progress.observed.get("waiting") or {}
    try:
        return WaitReason(waiting.get("reason"))
    except ValueError:
        return None


def told_at(progress: Progress) -> float | None:
    """Return when the stored sentence about waiting was written, seconds since the epoch; None if unknown."""
    text = (progress.observed.get("waiting") or {}).get("asOf")
    try:
        return from_rfc3339(str(text)) if text else None
    except SpecError:  # edited by hand: as good as unknown
        return None
