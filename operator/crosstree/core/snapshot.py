"""Everything one cycle may look at: the nodes of one AICluster as columns, its pools, its waiting gangs.

A snapshot is immutable and complete: the same snapshot, policy and time give an equal Plan in any process.
Static arrays (pools, fabrics, allocatable) are shared between snapshots; only `free`, `state` and `grain`
are new each cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from crosstree.core.accelerator import Profile
from crosstree.core.arrays import Bool, Int8, Int32, Int64
from crosstree.core.budgets import NO_TAB, Tab
from crosstree.core.manners import Manners
from crosstree.core.queues import QueueSpec
from crosstree.core.running import Running
from crosstree.core.topology import Fabric
from crosstree.core.workload import Gang, NodeConstraint


class NodeState(IntEnum):
    """Why a node can or can't take new pods; order is the order in which explanations list them."""

    USABLE = 0
    CORDONED = 1
    NOT_READY = 2
    UNHEALTHY = 3
    """The node reports trouble for which running work has to leave it."""
    AVOIDED = 4
    """The node reports trouble: it takes no new work and keeps what it has."""

    @property
    def lost(self) -> bool:
        """True where nothing that runs on the node can be counted on."""
        return self in (NodeState.NOT_READY, NodeState.UNHEALTHY)


@dataclass(frozen=True, slots=True)
class Pool:
    """Nodes of one cluster with the same accelerator.

    Attributes:
        name: Name of its AcceleratorPool.
        profile: The accelerator.
        resource: Extended resource that pods request.
        column: Index of `resource` in `Snapshot.resources`.
        nodes: Rows of its nodes in the snapshot, int32 (n,), in fabric order: neighbours in this array
            are neighbours in the fabric.
        fabric: The tree over exactly these nodes, in this order.
        schedulable: False while an admin has closed the pool.
    """

    name: str
    profile: Profile
    resource: str
    column: int
    nodes: Int32
    fabric: Fabric
    schedulable: bool = True


@dataclass(frozen=True, slots=True)
class SpareRule:
    """How many free nodes of every domain of a level are kept for gangs that recover."""

    per_domain: int
    level: str


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One AICluster at one moment.

    Attributes:
        cluster: Name of the AICluster.
        generation: Grows with every change of anything below.
        names: Node names by row.
        resources: Resource names by column; units of `base.quantity`.
        allocatable: Int64 (N, R).
        free: Int64 (N, R): allocatable less every bound pod, whoever made it, less placements in flight.
            Negative where a node is overcommitted.
        state: Int8 (N,) of `NodeState`.
        grain: Int8 (N,): log2 of the largest power of two that divides the device count of every
            accelerator pod on the node; 7 on an empty node. Bounds how scattered its free devices can be.
        pools: In order of name.
        gangs: Waiting gangs, in any order.
        masks: For all that a gang which may be given a place demands in any of the pools, Bool (N,) of nodes it
            admits: waiting gangs and elastic ones. Empty where there are no labels and taints: all nodes admit all.
        capacity: Int64 (N, R): what the nodes have, of which `allocatable` is what they offer. A device that its
            plugin calls unhealthy is the difference. None where the two are equal.
        signal: Int32 (N,): what each node reports as its worst trouble, by index of `signals`; 0 where nothing.
            None where no node reports any.
        signals: Names of signals, by index.
        suspect: Bool (N,): nodes that failed gangs repeatedly of late, used last; None where there are none.
        spares: Which free nodes are kept for gangs that recover; None for none.
        running: Gangs that hold nodes, by key. Their use is in `free` already.
        queues: The JobQueues, by name. A gang of a queue that is not among them has no limit and no guarantee.
        manners: How this AICluster schedules.
        tab: What budgets of the queues were charged, and are to be.
    """

    cluster: str
    generation: int
    names: tuple[str, ...]
    resources: tuple[str, ...]
    allocatable: Int64
    free: Int64
    state: Int8
    grain: Int8
    pools: tuple[Pool, ...]
    gangs: tuple[Gang, ...] = ()
    masks: Mapping[NodeConstraint, Bool] = field(default_factory=dict)
    capacity: Int64 | None = None
    signal: Int32 | None = None
    signals: tuple[str, ...] = ("",)
    suspect: Bool | None = None
    spares: SpareRule | None = None
    running: tuple[Running, ...] = ()
    queues: tuple[QueueSpec, ...] = ()
    manners: Manners = field(default_factory=Manners)
    tab: Tab = NO_TAB

    def present(self, pool: Pool) -> Int64:
        """Devices per node of a pool, those its device plugin calls unhealthy included, int64 (n,)."""
        offered: Int64 = self.allocatable[pool.nodes, pool.column]
        if self.capacity is None:
            return offered
        present: Int64 = np.maximum(self.capacity[pool.nodes, pool.column], offered)
        return present

    def reporting(self, pool: str | None = None) -> tuple[str, ...]:
        """Names of the nodes that report trouble, of one pool or of all, in order of row."""
        if self.signal is None:
            return ()
        rows = np.flatnonzero(self.signal)
        if pool is not None:
            own = [one.nodes for one in self.pools if one.name == pool]
            rows = np.intersect1d(rows, own[0]) if own else rows[:0]
        return tuple(self.names[int(row)] for row in rows)
