"""What a change means for others: who is looked at again, what is made anew, whether a decision depends on it."""

from __future__ import annotations

from crosstree.adapters.changes import NodeUsers, allowed, counted, only_told, spec_of, unseated
from crosstree.adapters.layouts import Layouts
from crosstree.adapters.neighbours import Listener
from crosstree.adapters.pods import JobKey
from crosstree.adapters.resources import Kind
from crosstree.adapters.store import Domain, ObjectStore
from crosstree.adapters.tree import Tree
from crosstree.adapters.waiting import Waiting
from crosstree.core.admission import cluster_of
from crosstree.core.cluster import Queue
from crosstree.core.job import Job
from crosstree.core.plan import Wait
from crosstree.core.queuetree import upwards


class Ripples:
    """Passes changes on.

    Args:
        listener: Told whom to look at, and that something changed.
        store: Our objects.
        layouts: Made from AIClusters and pools.
        tree: Made from JobQueues.
        waiting: Made from jobs, and all they depend on.
    """

    def __init__(
        self, listener: Listener, store: ObjectStore, layouts: Layouts, tree: Tree, waiting: Waiting
    ) -> None:
        self._listener = listener
        self._store = store
        self._layouts = layouts
        self._tree = tree
        self._waiting = waiting
        self._users = NodeUsers()

    def stored(self, kind: Kind, key: str, before: Domain | None, after: Domain | None) -> None:
        """One of our objects changed: `before` and `after`, None where there is none."""
        self._listener.mark(kind, key)
        if kind in (Kind.CLUSTER, Kind.POOL):
            self._layouts.invalidate()
        if kind is Kind.POOL and (before is None) is not (after is None):
            self._mark_queues()  # they say which models of their quotas there are
        if isinstance(after, Queue) and isinstance(before, Queue) and before.lessons != after.lessons:
            self._waiting.taught(key)
        if kind is Kind.QUEUE and allowed(before) != allowed(after):
            for one in self._store.jobs.values():
                if one.progress.placement is not None:
                    self.job(one.key)
        if kind is Kind.JOB:
            self._job_stored(key, before, after)
        elif spec_of(before) != spec_of(after):
            self._respecified(kind, key)
        if only_told(before, after) and not unseated(before, after):
            self._listener.wake_lazily()
        else:
            self._listener.wake()

    def _job_stored(self, key: str, before: Domain | None, after: Domain | None) -> None:
        self._waiting.look_at(key)
        if counted(before) != counted(after):
            for job in (before, after):
                if isinstance(job, Job):
                    self._mark_owners(job)
        self._users.note(key, before, after)

    def _respecified(self, kind: Kind, key: str) -> None:
        """An AICluster or JobQueue has another spec, came or went: every job and every queue may depend on it."""
        if kind in (Kind.CLUSTER, Kind.QUEUE):
            self._tree.invalidate()
            self._waiting.look_at_all()
            self._mark_queues()
        for pool in self._store.pools.values():
            if kind is Kind.CLUSTER and pool.cluster == key:
                self._listener.mark(Kind.POOL, pool.name)

    def _mark_queues(self) -> None:
        for queue in self._store.queues:
            self._listener.mark(Kind.QUEUE, queue)

    def _mark_owners(self, job: Job) -> None:
        queue = self._store.queues.get(job.queue)
        for one in upwards(queue, self._store.queues) if queue is not None else ():
            self._listener.mark(Kind.QUEUE, one.name)
        owner = cluster_of(job, self._store.clusters)
        if not isinstance(owner, Wait):
            self._listener.mark(Kind.CLUSTER, owner.name)

    def node(self, name: str) -> None:
        """What is said of a node changed: jobs on it look at it, and there may be more room, or less."""
        for key in self._users.of(name):
            self.job(key)
        self._listener.wake()

    def pods(self, job: JobKey) -> None:
        """A pod of a job changed."""
        key = f"{job[0]}/{job[1]}"
        self._waiting.look_at(key)
        self.job(key)
        self._listener.wake_lazily()

    def job(self, key: str) -> None:
        """Have a job looked at."""
        self._listener.mark(Kind.JOB, key)
