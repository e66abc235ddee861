"""How much room there is, per domain of the fabric: what the command line and reports show of a snapshot.

Counts, never decisions: whether a gang starts is `cycle.run_cycle`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosstree.core import fit
from crosstree.core.arrays import Int64
from crosstree.core.capacity import Trial
from crosstree.core.placement.bounds import fewest
from crosstree.core.shapes import EMPTY_GRAIN
from crosstree.core.sizes import smallest
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True)
class Room:
    """Accelerators of one domain.

    Attributes:
        level: Name of the level.
        name: Name of the domain.
        depth: 0 for the widest level.
        labelled: False where the nodes lack the level's label and the domain was made up.
        nodes: Nodes in it.
        total: Accelerators its nodes have, whole devices.
        allocated: In use by anybody's pods, or promised.
        free: On usable nodes and not in use; never negative.
        unhealthy: Out of order, or not in use on nodes that take no new pods.
    """

    level: str
    name: str
    depth: int
    labelled: bool
    nodes: int
    total: int
    allocated: int
    free: int
    unhealthy: int


@dataclass(frozen=True, slots=True)
class LevelRoom:
    """What one level of one pool could give a gang now.

    Attributes:
        pool: Name of the pool.
        level: Name of the level.
        domains: Domains there are.
        largest: Workers of the gang that the roomiest domain holds now.
        best: Name of that domain; the first by order among equals.
        capacity: Workers that the largest domain would hold if every usable node in it were empty.
        together: Workers that all domains hold now.
        fewest: Domains the gang, at its smallest size, needs at least; 0 if all of them together hold too few.
    """

    pool: str
    level: str
    domains: int
    largest: int
    best: str
    capacity: int
    together: int
    fewest: int


def per_node(snapshot: Snapshot, pool: Pool) -> tuple[Int64, Int64, Int64, Int64]:
    """Count accelerators per node of a pool: total, allocated, free, unhealthy; each int64 (n,), pool order."""
    offered, total = snapshot.allocatable[pool.nodes, pool.column], snapshot.present(pool)
    left = np.maximum(snapshot.free[pool.nodes, pool.column], 0)
    usable = fit.usable(pool, snapshot)
    free = np.where(usable, left, 0)
    unhealthy = np.where(usable, 0, left) + (total - offered)
    return total, offered - np.minimum(left, offered), free, unhealthy


def tree(snapshot: Snapshot, pool: Pool, *, deepest: int) -> tuple[Room, ...]:
    """List the domains of a pool down to depth `deepest`, each before what is inside it.

    O(n·L) array work; the result has one entry per domain.
    """
    parts = per_node(snapshot, pool)
    found: list[tuple[int, int, Room]] = []
    for depth, level in enumerate(pool.fabric.levels[: deepest + 1]):
        nodes = level.total(np.ones(len(pool.nodes), np.int64))
        sums = [level.total(part) for part in parts]
        for at in range(level.size):
            total, allocated, free, unhealthy = (int(part[at]) for part in sums)
            room = Room(
                level.name, level.names[at], depth, bool(level.labelled[at]),
                int(nodes[at]), total, allocated, free, unhealthy,
            )  # fmt: skip
            found.append((int(level.starts[at]), depth, room))
    return tuple(room for _, _, room in sorted(found, key=lambda entry: entry[:2]))


def for_gang(snapshot: Snapshot, pool: Pool, gang: Gang) -> tuple[LevelRoom, ...]:
    """Say per level, widest first, what a pool could give a gang now, by the arithmetic that placement uses."""
    request = fit.request_of(gang, pool, snapshot.resources)
    now = Trial(snapshot).open_slots(gang, pool)
    open_ = fit.usable(pool, snapshot) & fit.admitted(gang, pool, snapshot)
    grain = np.full(len(snapshot.names), EMPTY_GRAIN, np.int8)
    empty = fit.slots(request, pool, pool.nodes, snapshot.allocatable, snapshot.allocatable, grain)
    empty = np.where(open_, empty, 0)
    rows: list[LevelRoom] = []
    for level in pool.fabric.levels:
        room = level.total(now)
        if not len(room):
            continue
        best = int(np.argmax(room))
        rows.append(
            LevelRoom(
                pool.name,
                level.name,
                level.size,
                int(room[best]),
                level.names[best],
                int(level.total(empty).max()),
                int(room.sum()),
                fewest(room, smallest(gang)),
            )
        )
    return tuple(rows)


def state_of(snapshot: Snapshot, row: int) -> NodeState:
    """Return the state of one node by row."""
    return NodeState(int(snapshot.state[row]))
