"""From node facts to pools: which nodes an AICluster has, which accelerators they carry, the fabric between them.

Pure; runs when labels, devices, AIClusters or AcceleratorPools change, never in a cycle. What is odd about the
nodes comes back as values with their sentence; conditions are made of them elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from crosstree.core import eligibility
from crosstree.core.accelerator import Profile
from crosstree.core.cluster import Cluster, PoolObject, Preset
from crosstree.core.fabrics import FabricPreset
from crosstree.core.grouping import Group, declared_groups, found_groups
from crosstree.core.oddities import Oddity, OddityKind
from crosstree.core.snapshot import Pool
from crosstree.core.topology import LevelSpec, build
from crosstree.core.wiring import choose_levels, missing_labels

Identify = Callable[[Mapping[str, str], str], Profile | None]
"""The catalog's question: which accelerator is this resource on a node with these labels; None if it is none."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What discovery looks at: `devices` are the extended resources of which the node has at least one."""

    name: str
    labels: Mapping[str, str]
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The static half of a cluster's snapshots.

    Attributes:
        cluster: Name of the AICluster.
        names: Its nodes by row, in order of name.
        pools: In order of name; rows are positions in `names`.
        oddities: What an admin should know, in a stable order.
    """

    cluster: str
    names: tuple[str, ...]
    pools: tuple[Pool, ...]
    oddities: tuple[Oddity, ...] = ()


@dataclass(frozen=True, slots=True)
class _Membership:
    nodes: dict[str, list[NodeFacts]] = field(default_factory=dict)
    lost: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def discover(
    nodes: Sequence[NodeFacts],
    clusters: Sequence[Cluster],
    pools: Sequence[PoolObject],
    *,
    identify: Callable[[Cluster], Identify],
    fabrics: Mapping[Preset, FabricPreset],
    column: Mapping[str, int],
) -> tuple[Layout, ...]:
    """Lay out every AICluster, in order of name.

    Args:
        nodes: Every node of the Kubernetes cluster, in any order.
        clusters: Every AICluster. A node that two of them claim belongs to the older.
        pools: Every AcceleratorPool object.
        identify: For a cluster, the catalog with its declared accelerators.
        fabrics: Labels of each preset.
        column: Column of each resource in the snapshots to come.

    O(n log n) per cluster.
    """
    ordered = sorted(nodes, key=lambda node: node.name)
    by_age = sorted((one for one in clusters if not one.deleting), key=lambda one: (one.created, one.name))
    members = _assign(ordered, by_age, identify)
    layouts = [
        _lay_out(
            cluster,
            members.nodes[cluster.name],
            [pool for pool in pools if pool.cluster == cluster.name and not pool.deleting],
            identify(cluster),
            fabrics,
            column,
            [
                Oddity(OddityKind.CLAIMED_TWICE, older, len(names), tuple(names))
                for (loser, older), names in members.lost.items()
                if loser == cluster.name
            ],
        )
        for cluster in by_age
    ]
    return tuple(sorted(layouts, key=lambda layout: layout.cluster))


def _assign(
    nodes: Sequence[NodeFacts], by_age: Sequence[Cluster], identify: Callable[[Cluster], Identify]
) -> _Membership:
    """Give each node to the oldest cluster that claims it."""
    members = _Membership({cluster.name: [] for cluster in by_age})
    catalogs = [identify(cluster) for cluster in by_age]
    for node in nodes:
        owner = ""
        for cluster, known in zip(by_age, catalogs, strict=True):
            if not _claims(cluster, known, node):
                continue
            if owner:
                members.lost.setdefault((cluster.name, owner), []).append(node.name)
            else:
                owner = cluster.name
                members.nodes[owner].append(node)
    return members


def _claims(cluster: Cluster, identify: Identify, node: NodeFacts) -> bool:
    if cluster.selector.empty:
        return any(identify(node.labels, resource) is not None for resource in node.devices)
    return eligibility.selects(cluster.selector, node.name, node.labels)


def _lay_out(
    cluster: Cluster,
    nodes: Sequence[NodeFacts],
    objects: Sequence[PoolObject],
    identify: Identify,
    fabrics: Mapping[Preset, FabricPreset],
    column: Mapping[str, int],
    oddities: list[Oddity],
) -> Layout:
    devices = [
        (row, resource, profile)
        for row, node in enumerate(nodes)
        for resource in node.devices
        if (profile := identify(node.labels, resource)) is not None
    ]
    labels = [node.labels for node in nodes]
    names = [node.name for node in nodes]
    groups, rest, found = declared_groups(objects, names, labels, devices, explicit=not cluster.auto_pools)
    oddities += found
    if cluster.auto_pools:
        groups += found_groups(cluster.name, objects, rest)
    if not nodes:
        oddities.append(Oddity(OddityKind.NO_NODES, cluster.name, 0))
    pools = []
    for group in sorted(groups, key=lambda group: group.name):
        pool, found = _pool(cluster, group, names, labels, fabrics, column)
        pools.append(pool)
        oddities += found
    absent = [
        Oddity(OddityKind.LEVEL_ABSENT, f"{level.name} ({level.label})", len(nodes))
        for level in cluster.levels
        if nodes and not any(own.get(level.label) for own in labels)
    ]
    return Layout(cluster.name, tuple(names), tuple(pools), tuple(oddities + absent))


def _pool(
    cluster: Cluster,
    group: Group,
    names: Sequence[str],
    labels: Sequence[Mapping[str, str]],
    fabrics: Mapping[Preset, FabricPreset],
    column: Mapping[str, int],
) -> tuple[Pool, list[Oddity]]:
    own = [labels[row] for row in group.rows]
    levels: tuple[LevelSpec, ...] = choose_levels(cluster, group.profile, own, fabrics)
    values = [[each.get(level.label, "") for each in own] for level in levels]
    order, fabric = build([names[row] for row in group.rows], levels, values)
    pool = Pool(
        name=group.name,
        profile=group.profile,
        resource=group.resource,
        column=column[group.resource],
        nodes=group.row_array[order],
        fabric=fabric,
        schedulable=group.schedulable,
    )
    return pool, missing_labels(group.name, levels, [names[row] for row in group.rows], own)
