"""Hot spares: whole free nodes of every domain that ordinary gangs do not get, and gangs that recover do.

Which nodes they are is worked out anew from every snapshot; nothing is remembered. A spare that a gang took is
followed by another as soon as its domain has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosstree.core.arrays import Bool, Int64
from crosstree.core.snapshot import NodeState, Pool, Snapshot


@dataclass(frozen=True, slots=True)
class SpareCount:
    """Spares of a pool: how many the admin wants, and how many stand ready."""

    wanted: int
    ready: int


def ready(snapshot: Snapshot, pool: Pool) -> Bool:
    """Mark the spares of a pool, Bool (n,), in pool order: the last nodes of each domain that are free and well.

    The last in fabric order, because placement fills from the first; never one that is suspect.
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
    # How many idle nodes follow each node inside its domain.
    running = np.cumsum(idle)
    ends = np.append(level.starts[1:], len(idle)) - 1
    following = running[ends][level.domain] - running
    spare: Bool = idle & (following < rule.per_domain)
    return spare


def count(snapshot: Snapshot, pool: Pool) -> SpareCount | None:
    """Count the spares of a pool; None where none are wanted, or the pool has no such level."""
    rule = snapshot.spares
    depth = pool.fabric.depth(rule.level) if rule is not None else None
    if rule is None or depth is None:
        return None
    return SpareCount(rule.per_domain * pool.fabric.levels[depth].size, int(ready(snapshot, pool).sum()))
