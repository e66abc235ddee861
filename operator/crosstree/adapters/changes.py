"""What a change of one of our objects means to others: asked by `livecluster` about the object before and after."""

from __future__ import annotations

from crosstree.adapters.store import Domain
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.job import Job
from crosstree.core.lifecycle.facts import waits_for


class NodeUsers:
    """Which jobs have a place on a node, so that its trouble reaches them."""

    def __init__(self) -> None:
        self._users: dict[str, set[str]] = {}

    def note(self, key: str, before: Domain | None, after: Domain | None) -> None:
        """A job changed: it may have given up nodes, and got others."""
        for name in nodes_of(before):
            users = self._users.get(name, set())
            users.discard(key)
            if not users:
                self._users.pop(name, None)
        for name in nodes_of(after):
            self._users.setdefault(name, set()).add(key)

    def of(self, name: str) -> list[str]:
        """Return the keys of the jobs that have a place on a node, in order."""
        return sorted(self._users.get(name, ()))


def nodes_of(job: Domain | None) -> tuple[str, ...]:
    """Return the nodes of a job's placement; none of anything else."""
    placement = job.progress.placement if isinstance(job, Job) else None
    return tuple(share.name for share in placement.nodes) if placement is not None else ()


def counted(job: Domain | None) -> tuple[object, ...] | None:
    """Return what queues and AIClusters tell of a job; a thousand that moved in their line are not counted anew."""
    if not isinstance(job, Job):
        return None
    progress = job.progress
    placed = progress.placement
    held = (placed.pool, placed.model, job.workers) if placed is not None else None
    why = waits_for(progress)
    in_line = why is None or not why.barred
    told = (held, in_line, progress.started_at, progress.finished_at, progress.restarts)
    return job.uid, job.queue, job.suspend, job.deleting, job.gang.devices, *told


def only_told(before: Domain | None, after: Domain | None) -> bool:
    """Say whether only the status of an object changed, which is our own doing."""
    if before is None or after is None or type(before) is not type(after):
        return False
    return (before.uid, before.generation, before.deleting) == (after.uid, after.generation, after.deleting)


def unseated(before: Domain | None, after: Domain | None) -> bool:
    """Say whether a job has just given its place back: it may want the next one at once, and others the old."""
    return bool(nodes_of(before)) and not nodes_of(after)


def spec_of(one: Domain | None) -> tuple[str, int, bool] | None:
    """Return what of an AICluster or JobQueue its jobs depend on; None of anything else."""
    if isinstance(one, Cluster | Queue):
        return one.uid, one.generation, one.deleting
    return None


def allowed(queue: Domain | None) -> float | None:
    """Return how long runs of a JobQueue may last; None for ever, and of anything else."""
    return queue.max_run_time if isinstance(queue, Queue) else None
