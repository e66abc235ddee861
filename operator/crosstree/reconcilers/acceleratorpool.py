"""AcceleratorPool: keeps its status in step with the numbers."""

from __future__ import annotations

from crosstree.adapters.livecluster import LiveCluster
from crosstree.core.troubles import NONE
from crosstree.engine.work import Done, Outcome
from crosstree.reconcilers.inventories import Inventories
from crosstree.reconcilers.statuses import StatusWriter, Target
from crosstree.status import pool as pool_status

KIND = "AcceleratorPool"
PLURAL = "acceleratorpools"


class AcceleratorPoolReconciler:
    """Reconciles AcceleratorPools."""

    def __init__(self, live: LiveCluster, statuses: StatusWriter, inventories: Inventories) -> None:
        self._live = live
        self._statuses = statuses
        self._inventories = inventories

    async def reconcile(self, name: str, now: float) -> Outcome:
        """Store the status of one pool.

        Raises:
            ApiError: the API server did not take it.
        """
        pool = self._live.store.pools.get(name)
        if pool is None or pool.deleting:
            self._statuses.forget(KIND, name)
            return Done()
        early = self._statuses.early(KIND, name, now)
        if early is not None:
            return early
        exists = pool.cluster in self._live.store.clusters
        row = self._inventories.row(pool.cluster, name) if exists else None
        troubles = self._inventories.troubles(pool.cluster, name) if exists else NONE
        status = pool_status.build(pool, row, troubles, cluster_exists=exists, now=now)
        return await self._statuses.write(
            Target(KIND, PLURAL, name, pool.resource_version, pool.observed), status, now
        )
