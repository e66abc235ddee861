"""What an AICluster has, in numbers: the totals that its status, the metrics and `crosstree status` show.

Computed from a Snapshot alone, so the operator and the simulator count alike. Meaning of the five numbers:
`total` devices are present; `unhealthy` ones stand on nodes that are not ready or have to be left, or are taken out
one by one, `healthy` are the others; `allocated` ones are healthy and requested by pods, whoever made them, or
promised to a gang; `free` ones a gang could have now, so none on a cordoned or avoided node or in a closed pool, but
those on spares too, which only gangs that recover get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosstree.core import spares
from crosstree.core.arrays import Bool, Int8, Int64
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.spares import SpareCount
from crosstree.core.topology import NODE_LEVEL, Fabric

NAMED = 5
"""Nodes named where only some can be: enough to find the rack, few enough to read."""

MAX_DOMAINS = 64
"""Rows of domains per pool; a status is read by people and stored in etcd."""

LOST = [int(state) for state in NodeState if state.lost]

DOMAIN_LEVELS = 2
"""Widest levels whose domains are listed."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Devices by state."""

    total: int = 0
    healthy: int = 0
    allocated: int = 0
    free: int = 0
    unhealthy: int = 0

    def by_state(self) -> tuple[tuple[str, int], ...]:
        """Return the numbers by name; `total` is not among them, for it is healthy plus unhealthy."""
        return (
            ("healthy", self.healthy),
            ("allocated", self.allocated),
            ("free", self.free),
            ("unhealthy", self.unhealthy),
        )

    def __add__(self, other: Counts) -> Counts:
        """Sum field by field."""
        return Counts(
            self.total + other.total,
            self.healthy + other.healthy,
            self.allocated + other.allocated,
            self.free + other.free,
            self.unhealthy + other.unhealthy,
        )


@dataclass(frozen=True, slots=True)
class Named:
    """How many nodes something is true of, and the names of the first few in order."""

    count: int
    names: tuple[str, ...]


NOBODY = Named(0, ())


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One domain of a level."""

    level: str
    name: str
    nodes: int
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One pool. `domains` holds the widest levels, at most `MAX_DOMAINS` rows."""

    name: str
    vendor: str
    model: str
    resource: str
    nodes: int
    schedulable: bool
    counts: Counts
    domains: tuple[DomainRow, ...]
    spares: SpareCount | None = None


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One level over all pools, widest first.

    `largest_free` is the most free devices of one model inside one domain, those on spares left out: the largest
    gang that stays in it and would start now.
    """

    name: str
    domains: int
    largest_free: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """One AICluster in numbers.

    `fragmentation` is the share of free devices, 0 to 1, that stand on partly used nodes, where a gang of
    whole nodes can't have them.
    """

    cluster: str
    nodes: int
    ready: int
    cordoned: Named
    not_ready: Named
    faulty: Named
    counts: Counts
    pools: tuple[PoolRow, ...]
    levels: tuple[LevelRow, ...]
    fragmentation: float
    avoided: Named = NOBODY


def take(snapshot: Snapshot) -> Inventory:
    """Count what a snapshot holds. O(nodes · levels) in numpy, O(domains) in Python; never in a cycle."""
    state = np.asarray(snapshot.state)
    free = [_free(snapshot, pool) for pool in snapshot.pools]
    pools = tuple(_pool(snapshot, pool, spare) for pool, spare in zip(snapshot.pools, free, strict=True))
    return Inventory(
        cluster=snapshot.cluster,
        nodes=len(snapshot.names),
        ready=int(np.count_nonzero(state != NodeState.NOT_READY)),
        cordoned=_named(snapshot.names, state == NodeState.CORDONED),
        not_ready=_named(snapshot.names, state == NodeState.NOT_READY),
        faulty=_named(snapshot.names, (state == NodeState.UNHEALTHY) | _lacking(snapshot, state)),
        avoided=_named(snapshot.names, state == NodeState.AVOIDED),
        counts=sum((row.counts for row in pools), Counts()),
        pools=pools,
        levels=_levels(
            snapshot,
            [
                np.where(spares.ready(snapshot, pool), 0, one)
                for pool, one in zip(snapshot.pools, free, strict=True)
            ],
        ),
        fragmentation=_fragmentation(snapshot, free),
    )


def _lacking(snapshot: Snapshot, state: Int8) -> Bool:
    """Mark the nodes that answer and offer fewer devices than they have."""
    lacking = np.zeros(len(state), np.bool_)
    for pool in snapshot.pools:
        lacking[pool.nodes] |= snapshot.present(pool) > snapshot.allocatable[pool.nodes, pool.column]
    lacking &= state != NodeState.NOT_READY
    return lacking


def _free(snapshot: Snapshot, pool: Pool) -> Int64:
    """Devices per node of the pool that a new gang could have, int64 (n,)."""
    spare = np.maximum(snapshot.free[pool.nodes, pool.column], 0)
    usable = (snapshot.state[pool.nodes] == NodeState.USABLE) & pool.schedulable
    return np.where(usable, spare, 0).astype(np.int64)


def _pool(snapshot: Snapshot, pool: Pool, free: Int64) -> PoolRow:
    offered = snapshot.allocatable[pool.nodes, pool.column]
    used = np.maximum(offered - snapshot.free[pool.nodes, pool.column], 0)
    total = snapshot.present(pool)
    broken = np.isin(snapshot.state[pool.nodes], LOST)
    unhealthy = int(np.where(broken, total, total - offered).sum())
    held = int(np.where(broken, 0, used).sum())
    counts = Counts(int(total.sum()), int(total.sum()) - unhealthy, held, int(free.sum()), unhealthy)
    return PoolRow(
        name=pool.name,
        vendor=pool.profile.vendor,
        model=pool.profile.id,
        resource=pool.resource,
        nodes=len(pool.nodes),
        schedulable=pool.schedulable,
        counts=counts,
        domains=_domains(pool.fabric, total, free),
        spares=spares.count(snapshot, pool),
    )


def _domains(fabric: Fabric, total: Int64, free: Int64) -> tuple[DomainRow, ...]:
    rows: list[DomainRow] = []
    for level in [one for one in fabric.levels if one.name != NODE_LEVEL][:DOMAIN_LEVELS]:
        sums = zip(
            level.names,
            level.total(np.ones(len(total), np.int64)).tolist(),
            level.total(total).tolist(),
            level.total(free).tolist(),
            strict=True,
        )
        rows += [DomainRow(level.name, name, nodes, devices, spare) for name, nodes, devices, spare in sums]
    return tuple(rows[:MAX_DOMAINS])


def _levels(snapshot: Snapshot, free: Sequence[Int64]) -> tuple[LevelRow, ...]:
    """Join the levels of all pools by name; a domain that several pools share is one."""
    names = dict.fromkeys(name for pool in snapshot.pools for name in pool.fabric.level_names)
    order = sorted(
        names, key=lambda name: name == NODE_LEVEL
    )  # stable: the node level last, the rest as they came
    return tuple(_level(snapshot, free, name) for name in order)


def _level(snapshot: Snapshot, free: Sequence[Int64], name: str) -> LevelRow:
    paths: set[tuple[str, ...]] = set()
    largest = 0
    for pool, spare in zip(snapshot.pools, free, strict=True):
        depth = pool.fabric.depth(name)
        if depth is not None and len(pool.nodes):
            largest = max(largest, int(pool.fabric.levels[depth].total(spare).max()))
            paths |= _paths(pool.fabric, depth)
    return LevelRow(name, len(paths), largest)


def _paths(fabric: Fabric, depth: int) -> set[tuple[str, ...]]:
    """Name every domain of a level by its whole path; two leaves of one name under two spines are two."""
    if fabric.levels[depth].name == NODE_LEVEL:  # node names are unique in a cluster
        return {(name,) for name in fabric.levels[depth].names}
    starts = fabric.levels[depth].starts
    columns = [[level.names[i] for i in level.domain[starts]] for level in fabric.levels[: depth + 1]]
    return set(zip(*columns, strict=True))


def _fragmentation(snapshot: Snapshot, free: Sequence[Int64]) -> float:
    spare = whole = 0
    for pool, per_node in zip(snapshot.pools, free, strict=True):
        spare += int(per_node.sum())
        whole += int(per_node[per_node == snapshot.allocatable[pool.nodes, pool.column]].sum())
    return 1.0 - whole / spare if spare else 0.0


def _named(names: Sequence[str], mask: Bool) -> Named:
    rows = np.flatnonzero(mask)
    return Named(len(rows), tuple(sorted(names[int(i)] for i in rows)[:NAMED]))
