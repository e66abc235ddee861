"""The static half of snapshots: pools and fabrics, laid out again only when something they are made from changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from crosstree.adapters.store import ObjectStore
from crosstree.core.accelerator import Profile
from crosstree.core.cluster import Cluster, DeclaredProfile, PoolObject, Preset
from crosstree.core.columns import Columns
from crosstree.core.discovery import Identify, Layout, NodeFacts, discover
from crosstree.core.fabrics import FabricPreset
from crosstree.core.health import AS_ITS_CLUSTER, HealthPolicy


class Accelerators(Protocol):
    """The catalog, as far as it is asked here."""

    @property
    def label_keys(self) -> frozenset[str]:
        """Every node label that any row reads."""
        ...

    def identify(self, labels: Mapping[str, str], resource: str) -> Profile | None:
        """Return which accelerator a resource is on a node with these labels."""
        ...

    def is_accelerator(self, resource: str) -> bool:
        """Say whether a resource is an accelerator at all."""
        ...

    def with_declared(self, declared: tuple[DeclaredProfile, ...]) -> Accelerators:
        """Return a catalog that knows these too."""
        ...


class Layouts:
    """Layout of every AICluster."""

    def __init__(
        self,
        columns: Columns,
        store: ObjectStore,
        catalog: Accelerators,
        fabrics: Mapping[Preset, FabricPreset],
    ) -> None:
        self._columns = columns
        self._store = store
        self._catalog = catalog
        self._fabrics = fabrics
        self._catalogs: dict[tuple[DeclaredProfile, ...], Accelerators] = {}
        self._current: dict[str, Layout] = {}
        self._stale = True
        self._drawn = -1
        self._drawn_from: tuple[object, ...] = ()

    def is_accelerator(self, resource: str) -> bool:
        """Say whether the catalog, or any AICluster, knows a resource as an accelerator."""
        known = self._catalog.is_accelerator(resource)
        return known or any(one.is_accelerator(resource) for one in self._catalogs.values())

    def invalidate(self) -> None:
        """An AICluster or an AcceleratorPool changed."""
        self._stale = True

    def current(self) -> Mapping[str, Layout]:
        """Return the layout of every AICluster by name, in order of name; laid out anew if need be."""
        if not self._stale and self._drawn == self._columns.layout:
            return self._current
        self._learn()
        drawn_from = (self._columns.layout, *self._specs())
        if drawn_from != self._drawn_from:
            self._current = {layout.cluster: layout for layout in self._discover()}
            self._drawn_from = drawn_from
        self._drawn = self._columns.layout
        self._stale = False
        return self._current

    def policies(self) -> Mapping[str, HealthPolicy]:
        """Return how signals of each node of a pool are taken, by name; of several pools the first in order of name.

        O(nodes); the answer changes only together with `current`.
        """
        found: dict[str, HealthPolicy] = {}
        for layout in self._current.values():
            cluster = self._store.clusters.get(layout.cluster)
            if cluster is None:
                continue
            found |= dict.fromkeys(layout.names, cluster.health)
            for pool in reversed(layout.pools):
                known = self._store.pools.get(pool.name)
                if known is not None and known.health != AS_ITS_CLUSTER:
                    policy = known.health.over(cluster.health)
                    found |= {layout.names[row]: policy for row in pool.nodes}
        return found

    def _discover(self) -> Iterable[Layout]:
        known = self._columns.facts
        nodes = [
            NodeFacts(fact.name, fact.labels, tuple(name for name, _ in fact.capacity if "/" in name))
            for fact in known
            if fact is not None
        ]
        return discover(
            nodes,
            list(self._store.clusters.values()),
            list(self._store.pools.values()),
            identify=self._identify,
            fabrics=self._fabrics,
            column=self._columns.words.column,
        )

    def _identify(self, cluster: Cluster) -> Identify:
        return self._catalogs[cluster.declared].identify

    def _learn(self) -> None:
        """Follow the accelerators that AIClusters declare, and the labels that matter to any of them."""
        wanted = {cluster.declared for cluster in self._store.clusters.values()}
        if wanted != self._catalogs.keys():
            before = self._catalogs
            self._catalogs = {
                one: before.get(one) or (self._catalog.with_declared(one) if one else self._catalog)
                for one in wanted
            }
            if any(wanted) or any(before):
                self._columns.regrade()
        self._columns.care_for(self._relevant())

    def _relevant(self) -> frozenset[str]:
        keys = {level.label for preset in self._fabrics.values() for level in preset.levels}
        keys |= {label for preset in self._fabrics.values() for label in preset.domain_labels}
        keys |= self._catalog.label_keys
        for catalog in self._catalogs.values():
            keys |= catalog.label_keys
        for cluster in self._store.clusters.values():
            keys |= {level.label for level in cluster.levels} | {cluster.domain_label}
        owners: list[Cluster | PoolObject] = [*self._store.clusters.values(), *self._store.pools.values()]
        for owner in owners:
            keys |= {key for key, _ in owner.selector.labels}
            keys |= {one.key for one in owner.selector.expressions}
        return frozenset(keys - {""})

    def _specs(self) -> list[tuple[str, str, int, bool]]:
        """Identify every spec that layouts are made from; a status alone does not move the generation."""
        owners: list[Cluster | PoolObject] = [*self._store.clusters.values(), *self._store.pools.values()]
        return sorted((one.name, one.uid, one.generation, one.deleting) for one in owners)
