"""JobQueue: keeps the queue `default` in existence, and every queue's status in step with its jobs."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, isinf

from crosstree.adapters.livecluster import LiveCluster
from crosstree.adapters.writer import Writer
from crosstree.base.errors import AlreadyExists
from crosstree.base.names import API_VERSION, DEFAULT_QUEUE
from crosstree.core.budgets import Settlement, settle
from crosstree.core.durations import learn, runs
from crosstree.engine.work import Again, Done, Outcome
from crosstree.reconcilers.statuses import StatusWriter, Target
from crosstree.status import queue as queue_status
from crosstree.status import queue_models

KIND = "JobQueue"
PLURAL = "jobqueues"

LONGEST = 60.0
"""Seconds until the next look at a queue with bookings: what is usable may have changed meanwhile."""


class JobQueueReconciler:
    """Reconciles JobQueues.

    Args:
        live: What is true.
        writer: Makes the queue `default`.
        statuses: Writes statuses.
        models: Every accelerator model of the catalog.
    """

    def __init__(
        self, live: LiveCluster, writer: Writer, statuses: StatusWriter, models: Iterable[str]
    ) -> None:
        self._models = frozenset(models)
        self._live = live
        self._writer = writer
        self._statuses = statuses

    async def reconcile(self, name: str, now: float) -> Outcome:
        """Store the status of one queue; make `default` if it is not there.

        Raises:
            ApiError: the API server did not take a write.
        """
        store = self._live.store
        queue = store.queues.get(name)
        if queue is None:
            self._statuses.forget(KIND, name)
            if name == DEFAULT_QUEUE and (KIND, name) not in store.broken:
                await self._make_default()
            return Done()
        early = self._statuses.early(KIND, name, now)
        if early is not None:
            return early
        found = queue_status.standing(
            name, store.queues, store.clusters, store.jobs.values(), self._live.diary, now=now
        )
        exists = not found.cluster or found.cluster in store.clusters
        own = (job for job in store.jobs.values() if job.queue == name)
        lessons = learn(queue.lessons, runs(own))
        budgets = Settlement()
        if queue.budgets:
            stints = self._live.meter.below(name)
            budgets = settle(name, queue.budgets, queue.charged, stints, found.rates, now)
        doubt = queue_models.doubt(queue, self._known())
        status = queue_status.build(
            queue, found, lessons, budgets.charged, cluster_exists=exists, now=now, doubt=doubt
        )
        target = Target(KIND, PLURAL, name, queue.resource_version, queue.observed)
        written = await self._statuses.write(target, status, now)
        again = min(budgets.again, inf if found.turn is None else min(found.turn, now + LONGEST))
        return written if isinf(again) else Again(max(again - now, 0.0))

    def _known(self) -> frozenset[str]:
        store = self._live.store
        declared = (one.model for cluster in store.clusters.values() for one in cluster.declared)
        return self._models.union((pool.model for pool in store.pools.values()), declared)

    async def _make_default(self) -> None:
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": DEFAULT_QUEUE},
            "spec": {},
        }
        try:
            self._live.store.put(KIND, await self._writer.create_object(PLURAL, None, body))
        except AlreadyExists:  # its event is on the way
            return
