"""AICluster: keeps its AcceleratorPool objects in step with the nodes, and its status with the numbers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, assert_never

from crosstree.adapters.livecluster import LiveCluster
from crosstree.adapters.writer import Writer
from crosstree.base.errors import AlreadyExists, NotFound
from crosstree.base.names import API_VERSION, LABEL_CLUSTER, slug
from crosstree.core.admission import cluster_of
from crosstree.core.cluster import Cluster
from crosstree.core.inventory import Inventory, PoolRow
from crosstree.core.ledger import advance, news, reports
from crosstree.core.pool_objects import Make, Mend, Remove, upkeep
from crosstree.engine.work import Done, Outcome
from crosstree.reconcilers.inventories import Inventories
from crosstree.reconcilers.statuses import StatusWriter, Target
from crosstree.status import cluster as cluster_status
from crosstree.status import queue as queue_status

KIND = "AICluster"
PLURAL = "aiclusters"
POOL_KIND = "AcceleratorPool"
POOL_PLURAL = "acceleratorpools"


class AIClusterReconciler:
    """Reconciles AIClusters."""

    def __init__(
        self,
        live: LiveCluster,
        writer: Writer,
        statuses: StatusWriter,
        inventories: Inventories,
        node_failed: Callable[[str, int], None] = lambda cause, times: None,
    ) -> None:
        self._node_failed = node_failed
        self._live = live
        self._writer = writer
        self._statuses = statuses
        self._inventories = inventories

    async def reconcile(self, name: str, now: float) -> Outcome:
        """Make, repair and remove pools, then store the status.

        Raises:
            ApiError: the API server did not take a write.
        """
        cluster = self._live.store.clusters.get(name)
        if cluster is None or cluster.deleting:
            self._inventories.forget(name)
            self._statuses.forget(KIND, name)
            return Done()
        early = self._statuses.early(KIND, name, now)
        if early is not None:
            return early
        inventory = self._inventories.of(name)
        await self._keep_pools(cluster, inventory)
        clusters = self._live.store.clusters
        own = [job for job in self._live.store.jobs.values() if cluster_of(job, clusters) is cluster]
        jobs = queue_status.count(own)
        failures = advance(cluster.failures, reports(own), now)
        troubles = self._inventories.troubles(name)
        status = cluster_status.build(
            cluster, inventory, self._live.oddities_of(name), jobs, troubles, now=now, failures=failures
        )
        target = Target(KIND, PLURAL, name, cluster.resource_version, cluster.observed)
        outcome = await self._statuses.write(target, status, now)
        for cause, times in news(cluster.failures, failures):
            self._node_failed(cause, times)
        return outcome

    async def _keep_pools(self, cluster: Cluster, inventory: Inventory) -> None:
        store = self._live.store
        unreadable = [name for kind, name in store.broken if kind == POOL_KIND]
        for step in upkeep(cluster, inventory.pools, store.pools, unreadable):
            match step:
                case Make(row):
                    await self._make(cluster, row)
                case Mend(row):
                    patch = {"spec": _spec(cluster, row)}
                    store.update(
                        POOL_KIND, await self._writer.patch_object(POOL_PLURAL, None, row.name, patch)
                    )
                case Remove(pool):
                    with suppress(NotFound):  # gone already; its event is on the way
                        await self._writer.delete_object(POOL_PLURAL, None, pool.name, pool.uid)
                case _:
                    assert_never(step)

    async def _make(self, cluster: Cluster, row: PoolRow) -> None:
        try:
            made = await self._writer.create_object(POOL_PLURAL, None, _pool(cluster, row))
        except AlreadyExists:  # made by hand or by an operator before us; its event is on the way
            return
        self._live.store.put(POOL_KIND, made)


def _spec(cluster: Cluster, row: PoolRow) -> dict[str, Any]:
    return {"cluster": cluster.name, "accelerator": {"model": row.model, "resourceName": row.resource}}


def _pool(cluster: Cluster, row: PoolRow) -> dict[str, Any]:
    owner = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": cluster.name,
        "uid": cluster.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": POOL_KIND,
        "metadata": {
            "name": row.name,
            "labels": {LABEL_CLUSTER: slug(cluster.name)},
            "ownerReferences": [owner],
        },
        "spec": _spec(cluster, row),
    }
