"""What a job says about the place it holds, before anybody asks in which rows of a snapshot that is.

Pure. A place is held from the moment it is promised until the last pod of its attempt is gone and the placement is
cleared, whether the job starts, runs or is being stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from crosstree.core.checkpoint import LONGEST_GRACE, saved_at
from crosstree.core.job import Job
from crosstree.core.lifecycle.facts import ENDED, finished, preempted, since, withdrawing
from crosstree.core.plan import NodeShare, Place
from crosstree.core.pods import PodFact, PodPhase
from crosstree.core.workload import Gang

TERMINATION_SECONDS = 30.0
"""How long a pod has to end where its template does not say: what Kubernetes gives it."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """A place that is held.

    Attributes:
        gang: Who holds it.
        attempt: Which of its attempts.
        cluster: AICluster of the job; empty if that can't be told any more.
        pool: Name of the pool.
        model: Its accelerator.
        nodes: Workers on each node, by name, those that have ended well left out.
        began: When the place was given, in whole seconds since the epoch: stored plans are compared with it.
        leaving: When the gang was told to stop; None while it was not.
        gone_by: When it should have gone at the latest; 0 while it was not told to.
        saved: Up to when its work is safe; None for since it began.
        restart_cost: Seconds that a restart costs it besides.
        grace: Seconds it may take to stop for another gang.
    """

    gang: Gang
    attempt: int
    cluster: str
    pool: str
    model: str
    nodes: tuple[tuple[str, int], ...]
    began: float
    leaving: float | None = None
    gone_by: float = 0.0
    saved: float | None = None
    restart_cost: float = 60.0
    grace: float = 30.0


def promised(job: Job, gang: Gang, place: Place, attempt: int, cluster: str, now: float) -> Tenure:
    """Return the tenure that begins with a place which is not in the job's status yet."""
    nodes = _counts(place.nodes, ())
    return Tenure(
        gang,
        attempt,
        cluster,
        place.pool,
        place.model,
        nodes,
        float(int(now)),
        restart_cost=job.checkpoint.restart_cost,
        grace=min(job.checkpoint.grace, LONGEST_GRACE),
    )


def stored(job: Job, gang: Gang, cluster: str, pods: Iterable[PodFact], now: float) -> Tenure | None:
    """Return the tenure that a job's status tells of; None if it holds no place. O(workers).

    Args:
        job: The job.
        gang: What it asks for, as the scheduler knows it.
        cluster: Its AICluster.
        pods: Every pod labelled with its name.
        now: Seconds since the epoch: no report of a checkpoint is believed that is later.
    """
    progress = job.progress
    placement = progress.placement
    if placement is None or finished(progress) or job.deleting:
        return None
    own = [pod for pod in pods if pod.job_uid == job.uid and pod.attempt == progress.attempt]
    done = [pod.index for pod in own if pod.phase is PodPhase.SUCCEEDED]
    nodes = _counts(placement.nodes, done)
    if not nodes:
        return None
    changed = since(progress, "Placed") or job.created
    leaving = changed if withdrawing(progress) else None
    # Of one that is leaving the status tells when it was told to, not when it began: certainly before.
    placed = changed if leaving is None else min(progress.started_at or job.created, leaving)
    return Tenure(
        gang,
        progress.attempt,
        cluster,
        placement.pool,
        placement.model,
        nodes,
        placed,
        leaving,
        0.0 if leaving is None else leaving + _grace(job),
        _saved(job, own, placed, now),
        job.checkpoint.restart_cost,
        min(job.checkpoint.grace, LONGEST_GRACE),
    )


def lingering(known: Tenure, pods: Iterable[PodFact], now: float) -> Tenure | None:
    """Return what is left of a tenure whose job has ended or is gone: the nodes of its pods that still live. O(pods).

    Deleting a job takes a moment, its pods take their grace: until then their nodes are not free, and will be.
    """
    alive = [pod for pod in pods if pod.job_uid == known.gang.uid and pod.node and pod.phase not in ENDED]
    if not alive:
        return None
    nodes = tuple(Counter(pod.node for pod in sorted(alive, key=lambda pod: pod.index)).items())
    if known.leaving is not None:
        return replace(known, nodes=nodes)
    due = max(pod.due for pod in alive)
    return replace(known, nodes=nodes, leaving=now, gone_by=due or now + TERMINATION_SECONDS)


def _counts(shares: Iterable[NodeShare], done: Iterable[int]) -> tuple[tuple[str, int], ...]:
    counts: Counter[str] = Counter()
    ended = set(done)
    for share in shares:
        gone = len(ended.intersection(range(share.first, share.first + share.count))) if ended else 0
        counts[share.name] += share.count - gone
    return tuple((name, count) for name, count in counts.items() if count)


def _saved(job: Job, pods: Sequence[PodFact], began: float, now: float) -> float | None:
    """Return up to when the work of an attempt is safe; None if nobody says."""
    saved = saved_at(job.checkpoint, pods, began, now)
    return saved if saved > began else None


def _grace(job: Job) -> float:
    """Return how many seconds its pods have to end: more of them for one that was stopped to save its work."""
    if preempted(job.progress):
        return min(job.checkpoint.grace, LONGEST_GRACE)
    spec = job.template.get("spec")
    told = spec.get("terminationGracePeriodSeconds") if isinstance(spec, dict) else None
    return float(told) if isinstance(told, int) else TERMINATION_SECONDS
