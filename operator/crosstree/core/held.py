"""What reservations made in this cycle take, and what they leave: arrays with one entry per reservation and node.

Only nodes with a reservation are in it, so that a cycle with many reservations pays for those alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from crosstree.core import fit
from crosstree.core.arrays import Bool, Float64, Int8, Int32, Int64, set_in
from crosstree.core.snapshot import Pool


class Held:
    """Reserved nodes.

    Args:
        allocatable: Int64 (N, R), of the snapshot.
    """

    def __init__(self, allocatable: Int64) -> None:
        nodes, columns = allocatable.shape
        self._allocatable = allocatable
        self._nodes = nodes
        self.rows: Int32 = np.zeros(0, np.int32)
        self.who: Int32 = np.zeros(0, np.int32)
        """Number of the reservation, in the order in which they were made."""
        self.since: Float64 = np.zeros(0)
        self.ends: Float64 = np.zeros(0)
        self.takes: Int64 = np.zeros((0, columns), np.int64)
        self._leaves: Int64 = np.zeros((0, columns), np.int64)
        self._grain: Int8 = np.zeros(0, np.int8)
        self._total: Int64 = np.zeros((nodes, columns), np.int64)
        self._known: dict[tuple[str, fit.Request], Int64] = {}
        """What each entry leaves room for, until any of them changes."""

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.rows)

    def add(self, rows: Int32, takes: Int64, free: Int64, grain: Int8, span: tuple[float, float]) -> None:
        """Reserve nodes.

        Args:
            rows: int32 (m,), each once.
            takes: What it takes of each, int64 (m, R).
            free: What is free there when it begins, without any reservation, int64 (m, R).
            grain: Of the nodes then, at most that of its own pods, int8 (m,).
            span: From when on the nodes are held, and until when.
        """
        since, ends = span
        leaves = free - takes
        place, mine = self._on(rows)
        begin = self.since[mine]
        then = mine[(begin <= since) & (since < self.ends[mine])]
        later = mine[(begin >= since) & (begin < ends)]
        np.subtract.at(leaves, place[then], self.takes[then])
        self._leaves[later] -= takes[place[later]]
        number = int(self.who[-1]) + 1 if len(self) else 0
        self.rows = np.concatenate((self.rows, rows))
        self.who = np.concatenate((self.who, np.full(len(rows), number, np.int32)))
        self.since = np.concatenate((self.since, np.full(len(rows), since)))
        self.ends = np.concatenate((self.ends, np.full(len(rows), ends)))
        self.takes = np.concatenate((self.takes, takes))
        self._leaves = np.concatenate((self._leaves, leaves))
        self._grain = np.concatenate((self._grain, grain))
        self._total[rows] += takes
        self._known.clear()

    def book(self, rows: Int32, takes: Int64, ends: float) -> None:
        """Somebody starts now and stays until `ends` on nodes of which reservations left that much; negative undoes."""
        place, mine = self._on(rows)
        mine = mine[self.since[mine] < ends]
        self._leaves[mine] -= takes[place[mine]]
        self._known.clear()

    def taken_at(self, at: float, columns: Iterable[int]) -> dict[int, Int64]:
        """Return what reservations hold at an instant, by column, int64 (N,); nothing where none does."""
        active = set_in((self.since <= at) & (at < self.ends))
        if not len(active):
            return {}
        rows = self.rows[active]
        return {
            column: np.bincount(rows, self.takes[active, column], minlength=self._nodes).astype(np.int64)
            for column in columns
        }

    def between(self, begin: float, end: float) -> Bool:
        """Mark the entries whose reservation begins after `begin` and before `end`."""
        return (self.since > begin) & (self.since < end)

    def slots(self, request: fit.Request, pool: Pool, which: Int64) -> Int64:
        """Count the workers that some entries leave room for when their reservation begins, int64 (k,)."""
        key = (pool.name, request)
        known = self._known.get(key)
        if known is None:
            total = self._allocatable[self.rows, request.device_column]
            known = fit.slots_of(request, pool, total, lambda column: self._leaves[:, column], self._grain)
            self._known[key] = known
        found: Int64 = known[which]
        return found

    def exceeds(self, left: Int64, column: int, place: Int32) -> bool:
        """Say whether all reservations together, whenever they are, take more of a column than is left on a node.

        Args:
            left: Of each node of the pool, int64 (n,).
            column: Which.
            place: Places in the pool by row, int32 (N,), -1 for other nodes.

        O(entries).
        """
        here = place[self.rows]
        return bool(((self._total[self.rows, column] > left[here]) & (here >= 0)).any())

    def _on(self, rows: Int32) -> tuple[Int64, Int64]:
        """Return where among some nodes that of each entry is, -1 where it is none of them; and which entries are."""
        place = np.full(self._nodes, -1, np.int64)
        place[rows] = np.arange(len(rows))
        here = place[self.rows]
        return here, set_in(here >= 0)
