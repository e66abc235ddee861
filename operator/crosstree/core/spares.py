"""Hot spares: whole free nodes of every domain that ordinary gangs do not get, and gangs that recover do.

They are lent to preemptible gangs, those of negative priority, from which a gang that recovers takes them back at
once. A node on loan counts as a spare: no other node is kept in its stead.

Which nodes they are is worked out anew from every snapshot; nothing is remembered. A spare that a gang took is
followed by another as soon as its domain has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosstree.core.arrays import Bool, Int64
from crosstree.core.manners import Preemption
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.underway import under_way
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True)
class SpareCount:
    """Spares of a pool: how many the admin wants, and how many a gang that recovers could have, on loan or idle."""

    wanted: int
    ready: int


def preemptible(gang: Gang) -> bool:
    """Say whether a gang runs on loan: it has a negative priority, and gets what nobody else needs for the moment."""
    return gang.priority < 0


def open_to(gang: Gang, snapshot: Snapshot) -> bool:
    """Say whether spares are open to a gang. They are lent only where they can be taken back."""
    lent = snapshot.manners.preemption is not Preemption.NEVER
    return gang.recovering or (lent and preemptible(gang))


def ready(snapshot: Snapshot, pool: Pool) -> Bool:
    """Mark the spares of a pool, Bool (n,), in pool order: the last nodes of each domain that are free and well.

    The last in fabric order, because placement fills from the first; never one that is suspect, nor one that is a
    waiting gang's: others stopped for that gang and it has to get what they left, or it stopped to change its size and
    has to get back what it had.
    """
    none = np.zeros(len(pool.nodes), np.bool_)
    rule = snapshot.spares
    depth = pool.fabric.depth(rule.level) if rule is not None else None
    if rule is None or depth is None or not pool.schedulable or not len(pool.nodes):
        return none
    level = pool.fabric.levels[depth]
    offered: Int64 = snapshot.allocatable[pool.nodes, pool.column]
    idle = (snapshot.free[pool.nodes, pool.column] == offered) & (offered > 0)
    idle &= snapshot.state[pool.nodes] == NodeState.USABLE
    if snapshot.suspect is not None:
        idle &= ~snapshot.suspect[pool.nodes]
    idle &= ~_spoken_for(snapshot, pool)
    on_loan = level.total(lent(snapshot, pool).astype(np.int64))[level.domain]
    # How many idle nodes follow each node inside its domain.
    running = np.cumsum(idle)
    ends = np.append(level.starts[1:], len(idle)) - 1
    following = running[ends][level.domain] - running
    spare: Bool = idle & (following < rule.per_domain - on_loan)
    return spare


def _spoken_for(snapshot: Snapshot, pool: Pool) -> Bool:
    """Mark the nodes of a pool that are being cleared for waiting gangs, or were theirs, Bool (n,), in pool order."""
    names = {
        name
        for gang in snapshot.gangs
        if gang.before is not None and gang.before.pool == pool.name
        for name, _ in gang.before.counts
    } | {
        share.name
        for gang in snapshot.gangs
        if gang.promise is not None
        and gang.promise.pool == pool.name
        and under_way(gang.promise, snapshot.running)
        for share in gang.promise.nodes
    }
    if not names:
        return np.zeros(len(pool.nodes), np.bool_)
    there = (snapshot.names[row] in names for row in pool.nodes.tolist())
    return np.fromiter(there, np.bool_, count=len(pool.nodes))


def lent(snapshot: Snapshot, pool: Pool) -> Bool:
    """Mark the nodes of a pool that a gang which recovers can have back at once, Bool (n,), in pool order.

    Those whose accelerators are held by preemptible gangs alone. O(nodes held by such gangs).
    """
    theirs = np.zeros(len(snapshot.names), np.int64)
    if snapshot.manners.preemption is not Preemption.NEVER:
        for one in snapshot.running:
            if one.pool == pool.name and preemptible(one.gang):
                np.add.at(theirs, one.rows, one.counts * one.gang.devices)
    offered = snapshot.allocatable[pool.nodes, pool.column]
    used = offered - snapshot.free[pool.nodes, pool.column]
    return np.asarray(
        (used > 0) & (theirs[pool.nodes] == used) & (snapshot.state[pool.nodes] == NodeState.USABLE)
    )


def count(snapshot: Snapshot, pool: Pool) -> SpareCount | None:
    """Count the spares of a pool; None where none are wanted, or the pool has no such level."""
    rule = snapshot.spares
    depth = pool.fabric.depth(rule.level) if rule is not None else None
    if rule is None or depth is None:
        return None
    level = pool.fabric.levels[depth]
    there = level.total((ready(snapshot, pool) | lent(snapshot, pool)).astype(np.int64))
    return SpareCount(rule.per_domain * level.size, int(np.minimum(there, rule.per_domain).sum()))
