"""Status of a JobQueue, and the counting of jobs that it shares with the AICluster's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from crosstree.core.cluster import Queue
from crosstree.core.job import Job
from crosstree.status.conditions import Condition, Reason, Type, merge


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Jobs that hold a placement, jobs that want one, and accelerators held per model, by name of model."""

    running: int = 0
    waiting: int = 0
    allocated: tuple[tuple[str, int], ...] = ()


def count(jobs: Iterable[Job]) -> JobCounts:
    """Count jobs by what their status says has happened; finished, suspended and ending ones are in neither."""
    running = waiting = 0
    allocated: Counter[str] = Counter()
    for job in jobs:
        if job.progress.finished_at is not None:
            continue
        if job.progress.placement is not None:
            running += 1
            allocated[job.progress.placement.model] += job.gang.workers * job.gang.devices
        elif not job.suspend and not job.deleting:
            waiting += 1
    return JobCounts(running, waiting, tuple(sorted((+allocated).items())))


def build(queue: Queue, jobs: JobCounts, *, cluster_exists: bool, now: float) -> dict[str, Any]:
    """Return the whole status to store.

    Args:
        queue: The JobQueue, with its stored status.
        jobs: Jobs that name it.
        cluster_exists: Whether there is an AICluster of the name it gives; True when it gives none.
        now: Seconds since the epoch.
    """
    condition = (
        Condition.true(Type.READY, Reason.READY, "Jobs of this queue are considered for placement.")
        if cluster_exists
        else Condition.false(
            Type.READY,
            Reason.CLUSTER_NOT_FOUND,
            f"spec.cluster is {queue.cluster!r}, and there is no such AICluster. Create it, or name another.",
        )
    )
    return {
        "observedGeneration": queue.generation,
        "conditions": merge(
            queue.observed.get("conditions", ()), [condition], generation=queue.generation, now=now
        ),
        "usage": [{"model": model, "allocated": devices} for model, devices in jobs.allocated],
        "running": jobs.running,
        "waiting": jobs.waiting,
    }
