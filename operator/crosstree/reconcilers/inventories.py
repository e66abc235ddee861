"""Inventories of the AIClusters, counted once per generation however many objects show them."""

from __future__ import annotations

from crosstree.adapters.livecluster import LiveCluster
from crosstree.core.inventory import Inventory, PoolRow, take
from crosstree.core.troubles import Troubles


class Inventories:
    """Remembers the last inventory of each AICluster."""

    def __init__(self, live: LiveCluster) -> None:
        self._live = live
        self._last: dict[str, tuple[int, Inventory]] = {}

    def of(self, cluster: str) -> Inventory:
        """Return the inventory of an AICluster that exists."""
        snapshot = self._live.snapshot_of(cluster)
        known = self._last.get(cluster)
        if known is not None and known[0] == snapshot.generation:
            return known[1]
        counted = take(snapshot)
        self._last[cluster] = (snapshot.generation, counted)
        return counted

    def row(self, cluster: str, pool: str) -> PoolRow | None:
        """Return the numbers of one pool of an AICluster that exists; None if it has no node there."""
        return next((row for row in self.of(cluster).pools if row.name == pool), None)

    def troubles(self, cluster: str, pool: str | None = None) -> Troubles:
        """Return what the nodes of an AICluster that exists report, or those of one of its pools."""
        return self._live.troubles_of(self._live.snapshot_of(cluster), pool)

    def forget(self, cluster: str) -> None:
        """Drop what is remembered of an AICluster that is gone."""
        self._last.pop(cluster, None)
