"""The nodes that running gangs of a pool hold, as flat arrays, and what a waiting gang gains if some of them go.

`victims` chooses among the numbers made here. Nothing is booked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosstree.core import fit
from crosstree.core.arrays import Bool, Int32, Int64, set_in
from crosstree.core.capacity import Trial
from crosstree.core.running import Running
from crosstree.core.shapes import EMPTY_GRAIN
from crosstree.core.snapshot import Pool, Snapshot
from crosstree.core.workload import Gang

MOST = 1 << 40
"""The dearest a gang can be, four months of 100,000 accelerators: what people write for a restart has no bound."""


@dataclass(frozen=True, slots=True, eq=False)
class Tenants:
    """The running gangs of a pool. K is the number of (gang, node) pairs.

    Attributes:
        gang: Index of the gang in `Snapshot.running`, int64 (K,).
        position: Node by its position in the pool, int64 (K,).
        count: Workers there, int64 (K,).
        amounts: What a worker takes, int64 (V, R), a row per running gang of the snapshot.
    """

    gang: Int64
    position: Int64
    count: Int64
    amounts: Int64


def tenants(snapshot: Snapshot, pool: Pool) -> Tenants:
    """Flatten the running gangs of a pool. O(nodes held)."""
    place = np.full(len(snapshot.names), -1, np.int64)
    place[pool.nodes] = np.arange(len(pool.nodes))
    amounts = np.zeros((len(snapshot.running), len(snapshot.resources)), np.int64)
    gangs, rows, counts = [], [], []
    for index, one in enumerate(snapshot.running):
        if one.pool != pool.name or one.leaving:
            continue
        amounts[index] = fit.vector_of(one.gang, pool, snapshot.resources)
        gangs.append(index)
        rows.append(one.rows)
        counts.append(one.counts)
    if not gangs:
        empty = np.zeros(0, np.int64)
        return Tenants(empty, empty, empty, amounts)
    positions = place[np.concatenate(rows)]
    inside = positions >= 0
    who = np.repeat(np.array(gangs, np.int64), [len(one) for one in rows])
    return Tenants(who[inside], positions[inside], np.concatenate(counts)[inside], amounts)


class Ground:
    """What a gang could get of one pool, on the trial as it stands, by who goes.

    Args:
        gang: Who waits.
        pool: Where.
        trial: The ledger; must not be written while this is used.
        running: Those running gangs of the pool that may go.
        taken: Bool (n,): nodes that somebody else has reserved; not to be had whoever goes.
    """

    def __init__(
        self, gang: Gang, pool: Pool, trial: Trial, running: Tenants, may_go: Bool, taken: Bool
    ) -> None:
        snapshot = trial.snapshot
        self._pool = pool
        self._snapshot = snapshot
        self._request = fit.request_of(gang, pool, snapshot.resources)
        self.base: Int64 = np.where(taken, 0, trial.open_slots(gang, pool))
        open_to_it = trial.allowed(gang, pool) & ~taken
        chosen = may_go[running.gang] & open_to_it[running.position]
        self.gang: Int64 = running.gang[chosen]
        """Index of the running gang of each pair, int64 (K,)."""
        self.position: Int64 = running.position[chosen]
        """Node of each pair, by position in the pool, int64 (K,)."""
        self._amounts = running.amounts[self.gang] * running.count[chosen][:, None]
        self._free = trial.free
        self._grain = trial.grain
        self._open = open_to_it
        order = np.argsort(self.position, kind="stable")
        at = self.position[order]
        self.shared = bool((at[1:] == at[:-1]).any())
        """Whether some node is held by several of these gangs."""
        devices = self._amounts[:, self._request.device_column]
        self.fraction = devices / max(self._request.devices, 1)
        """Workers' worth of accelerators of each pair, float64 (K,)."""

    def gains(self, order: Int64) -> Int64:
        """Return what each pair adds to the slots of its node if pairs go in this order: int64 (K,), by pair.

        Args:
            order: Rank of each pair, int64 (K,); those of one gang may be equal.
        """
        if not len(order):
            return np.zeros(0, np.int64)
        by_node = np.lexsort((order, self.position))
        at = self.position[by_node]
        first = np.r_[True, at[1:] != at[:-1]]
        back = np.cumsum(self._amounts[by_node], axis=0)
        start = set_in(first)
        node = np.cumsum(first) - 1
        before = np.where(start[:, None] > 0, back[np.maximum(start - 1, 0)], 0)
        slots = self._slots(at, back - before[node])
        previous = np.r_[0, slots[:-1]]
        previous[first] = self.base[at[first]]
        gains = np.zeros(len(order), np.int64)
        gains[by_node] = np.maximum(slots - previous, 0)
        return gains

    def slots(self, going: Bool) -> Int64:
        """Count the workers each node of the pool would hold if these gangs went: int64 (n,).

        Args:
            going: Bool (V,), by index in `Snapshot.running`.
        """
        chosen = going[self.gang]
        if not chosen.any():
            return self.base
        positions, inverse = np.unique(self.position[chosen], return_inverse=True)
        back = np.zeros((len(positions), self._amounts.shape[1]), np.int64)
        np.add.at(back, inverse, self._amounts[chosen])
        result = self.base.copy()
        result[positions] = np.maximum(self._slots(positions, back), result[positions])
        return result

    def _slots(self, positions: Int64, back: Int64) -> Int64:
        rows: Int32 = self._pool.nodes[positions]
        offered = self._snapshot.allocatable[rows]
        free = np.minimum(self._free[rows] + back, offered)
        column = self._pool.column
        idle = free[:, column] >= offered[:, column]
        grain = np.where(idle, EMPTY_GRAIN, self._grain[rows]).astype(np.int8)
        every = np.arange(len(rows), dtype=np.int32)
        return fit.slots(self._request, self._pool, every, offered, free, grain)


def costs(running: Sequence[Running], now: float) -> Int64:
    """Return what stopping each gang loses, in accelerator-seconds: int64 (V,), from 1 for each worker to `MOST`.

    The work since its last checkpoint, and what a restart costs besides.
    """
    return np.array(
        [
            max(
                one.workers,
                min(
                    round(one.devices * (max(now - max(one.saved, one.began), 0.0) + one.restart_cost)), MOST
                ),
            )
            for one in running
        ],
        np.int64,
    )
