"""A what-if ledger over one snapshot: take, roll back, commit.

Every try of a cycle happens on a `Trial`; the snapshot itself never changes. Slots per node are remembered
per shape of request and brought up to date only for the nodes touched since, so that the hundredth gang of a
shape costs its own nodes, not the fleet. Prior art: KAI-Scheduler's `Statement` (checkpoint, rollback,
commit).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from crosstree.core import fit, spares
from crosstree.core.arrays import Bool, Int32, Int64
from crosstree.core.candidates import Candidate, in_preference, offers
from crosstree.core.placement.need import Need
from crosstree.core.placement.pack import shortfall
from crosstree.core.running import Running
from crosstree.core.shapes import EMPTY_GRAIN, grain_of
from crosstree.core.snapshot import Pool, Snapshot
from crosstree.core.workload import Gang

Shape = tuple[str, fit.Request]
"""Pool name and request: gangs of one shape share their slots."""

_FEW = 64
"""Up to so many nodes it is cheaper to look at some of them twice than to find out which are the same."""

_KEPT = 256
"""Answers of `usable_slots` that are kept: gangs alike come one after another, and each is as long as a pool."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A place on the trial: who took how many workers' room on which nodes."""

    gang: Gang
    pool: Pool
    rows: Int32
    counts: Int64


@dataclass(slots=True)
class _Remembered:
    """Slots as of the first so many steps."""

    slots: Int64
    seen: int


class Trial:
    """Free capacity as it would be after the steps taken so far.

    Attributes:
        taken: Places taken, first to last.
        reserved: Cuts slots, int64 (n,), to what reservations leave a gang, once there are any: `Horizon.cut`.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.free = snapshot.free.copy()
        self.grain = snapshot.grain.copy()
        self.taken: list[Taken] = []
        self.reserved: Callable[[Gang, Pool, Int64], Int64] | None = None
        self._undo: list[tuple[Int32, Int64, Int64, int]] = []
        self._touched: list[Int32] = []
        self._asked, self._here = (0, 0, ""), np.zeros(0, np.int32)
        self._slots: dict[Shape, _Remembered] = {}
        self._usable_slots: dict[tuple[int, int], _Remembered] = {}
        self._spares: dict[str, Bool] = {}
        self._position: dict[str, Int32] = {}
        self._rows: dict[str, dict[str, int]] = {}
        self._usable: dict[str, Bool] = {}
        self._allowed: dict[tuple[object, ...], Bool] = {}
        self._offers: dict[tuple[object, ...], list[Candidate]] = {}

    def slots(self, gang: Gang, pool: Pool) -> Int64:
        """Count the gang's workers that each node of the pool holds now: int64 (n,), in pool order.

        Looks at amounts and wiring only; `open_slots` also asks whether a node may be used. The array is
        shared: do not write to it.
        """
        request = fit.request_of(gang, pool, self.snapshot.resources)
        shape = (pool.name, request)
        known = self._slots.get(shape)
        if known is None:
            fresh = self._compute(request, pool, pool.nodes)
            self._slots[shape] = _Remembered(fresh, len(self._touched))
            return fresh
        if known.seen < len(self._touched):
            here = self._touched_since(known.seen, pool)
            known.slots[here] = self._compute(request, pool, pool.nodes[here])
            known.seen = len(self._touched)
        return known.slots

    def open_slots(self, gang: Gang, pool: Pool) -> Int64:
        """Count the workers that each node holds now and may take for as long as the gang will run.

        That is `usable_slots`, less what is reserved for gangs whose turn came before.

        Returns:
            int64 (n,), in pool order. It may be shared: do not write to it, nor read it after the next step.
        """
        usable = self.usable_slots(gang, pool)
        return usable if self.reserved is None else self.reserved(gang, pool, usable)

    def usable_slots(self, gang: Gang, pool: Pool) -> Int64:
        """Count the workers that each node holds now: `slots`, zero where anything forbids the node.

        State, constraint, and being a spare, which only some gangs may use.

        Returns:
            int64 (n,), in pool order. It is shared: do not write to it, nor read it after the next step.
        """
        allowed, slots = self.allowed(gang, pool), self.slots(gang, pool)
        # Both are remembered for as long as this ledger lives: no other arrays get their identities.
        key = (id(allowed), id(slots))
        known = self._usable_slots.get(key)
        if known is None:
            if len(self._usable_slots) >= _KEPT:
                self._usable_slots.clear()
            known = self._usable_slots[key] = _Remembered(np.where(allowed, slots, 0), len(self._touched))
        elif known.seen < len(self._touched):
            here = self._touched_since(known.seen, pool)
            known.slots[here] = np.where(allowed[here], slots[here], 0)
            known.seen = len(self._touched)
        return known.slots

    def holds(self, gang: Gang, pool: Pool, need: Need) -> bool:
        """Say whether the pool has room for what the gang needs there, on nodes that it may take now."""
        return shortfall(pool.fabric, self.open_slots(gang, pool), need) is None

    def allowed(self, gang: Gang, pool: Pool) -> Bool:
        """Say which nodes of the pool a gang may use, whatever is free there: Bool (n,), in pool order.

        The array is shared: do not write to it.
        """
        with_spares = spares.open_to(gang, self.snapshot)
        key = (pool.name, gang.constraint, gang.devices > 0, gang.avoid, gang.banned, with_spares)
        known = self._allowed.get(key)
        if known is None:
            known = self._usable_nodes(pool) & fit.admitted(gang, pool, self.snapshot)
            if not with_spares:
                known &= ~self.spares(pool)
            self._allowed[key] = known
        return known

    def candidates(self, gang: Gang) -> list[Candidate]:
        """Return the pools that could hold the gang, in its order of preference: see `candidates.candidates`."""
        size = (gang.workers, gang.sizes, gang.devices, gang.models, gang.vendor)
        key = (size, gang.required, gang.preferred, gang.groups)
        known = self._offers.get(key)
        if known is None:
            known = self._offers[key] = offers(gang, self.snapshot.pools, self.snapshot.allocatable)[0]
        return in_preference(gang, known, self.free)

    def _usable_nodes(self, pool: Pool) -> Bool:
        if pool.name not in self._usable:
            self._usable[pool.name] = fit.usable(pool, self.snapshot)
        return self._usable[pool.name]

    def spares(self, pool: Pool) -> Bool:
        """Say which nodes of the pool are kept for gangs that recover: Bool (n,), as when the ledger was opened."""
        if pool.name not in self._spares:
            self._spares[pool.name] = spares.ready(self.snapshot, pool)
        return self._spares[pool.name]

    def positions(self, pool: Pool) -> Int32:
        """Map rows of the snapshot to positions in the pool: int32 (N,), -1 for rows outside it. Shared."""
        if pool.name not in self._position:
            position = np.full(len(self.snapshot.names), -1, np.int32)
            position[pool.nodes] = np.arange(len(pool.nodes), dtype=np.int32)
            self._position[pool.name] = position
        return self._position[pool.name]

    def rows(self, pool: Pool) -> Mapping[str, int]:
        """Map names of the nodes of a pool to rows of the snapshot."""
        if pool.name not in self._rows:
            names = pool.fabric.levels[-1].names
            self._rows[pool.name] = dict(zip(names, pool.nodes.tolist(), strict=True))
        return self._rows[pool.name]

    def take(self, gang: Gang, pool: Pool, rows: Int32, counts: Int64) -> None:
        """Put `counts` workers of the gang on `rows`.

        Args:
            gang: Whose workers.
            pool: Where; gives the accelerator's column.
            rows: Nodes by snapshot row, int32 (m,), each at most once.
            counts: Workers per node, int64 (m,).
        """
        self._note(rows)
        self.taken.append(Taken(gang, pool, rows, counts))
        request = fit.request_of(gang, pool, self.snapshot.resources)
        for column, amount in zip(request.columns, request.amounts, strict=True):
            self.free[rows, column] -= amount * counts
        if request.devices:
            self.free[rows, request.device_column] -= request.devices * counts
            self.grain[rows] = np.minimum(self.grain[rows], grain_of(request.devices))

    def release(self, running: Running, counts: Int64 | None = None) -> None:
        """Give back the nodes of a running gang, as if it had ended.

        Args:
            running: Who holds them.
            counts: Workers that go on each of its rows, int64 (m,), where only some of them do; None for all.

        No node ever gets more than it has to offer: a worker that ended has given its place back before. What is known
        of the scatter of free devices stays as it was while others are on the node, for they may be the cause of it.
        What reservations leave on the nodes does not become more.
        """
        pool = next((one for one in self.snapshot.pools if one.name == running.pool), None)
        if pool is None:
            return
        rows, going = running.rows, running.counts if counts is None else counts
        self._note(rows)
        request = fit.request_of(running.gang, pool, self.snapshot.resources)
        offered = self.snapshot.allocatable
        for column, amount in ((request.device_column, request.devices), *request.others):
            if amount:
                back = self.free[rows, column] + amount * going
                self.free[rows, column] = np.maximum(
                    np.minimum(back, offered[rows, column]), self.free[rows, column]
                )
        idle = self.free[rows, pool.column] >= offered[rows, pool.column]
        self.grain[rows] = np.where(idle, EMPTY_GRAIN, self.grain[rows])

    def give_back(self, rows: Int32, amounts: Int64, columns: Int64) -> None:
        """Give back what several running gangs hold on nodes: as `release` does, one after another.

        Args:
            rows: A node for each pair of gang and node, int32 (K,); a node may be there several times.
            amounts: What the gang holds there, int64 (K, R).
            columns: Column of the accelerator there, int64 (K,).
        """
        if not len(rows):
            return
        touched, inverse = np.unique(rows, return_inverse=True)
        self._note(touched)
        back = np.zeros((len(touched), amounts.shape[1]), np.int64)
        np.add.at(back, inverse, amounts)
        free, offered = self.free[touched], self.snapshot.allocatable[touched]
        after = np.maximum(np.minimum(free + back, offered), free)
        self.free[touched] = after
        idle = after[inverse, columns] >= offered[inverse, columns]
        self.grain[rows[idle]] = EMPTY_GRAIN

    @property
    def steps(self) -> int:
        """Number of steps taken and undone: while it stays, what is free does."""
        return len(self._touched)

    def checkpoint(self) -> int:
        """Return a mark to roll back to."""
        return len(self._undo)

    def rollback(self, mark: int) -> None:
        """Undo every step taken since `mark`, newest first."""
        while len(self._undo) > mark:
            rows, free, grain, taken = self._undo.pop()
            del self.taken[taken:]
            self.free[rows] = free
            self.grain[rows] = grain
            self._touched.append(rows)

    def _note(self, rows: Int32) -> None:
        """Remember what these nodes are before a step changes them."""
        self._undo.append((rows, self.free[rows], self.grain[rows].astype(np.int64), len(self.taken)))
        self._touched.append(rows)

    def _touched_since(self, seen: int, pool: Pool) -> Int32:
        """Return the positions in a pool of the nodes that steps after the first so many have changed."""
        asked = (seen, len(self._touched), pool.name)
        if asked != self._asked:  # slots and what may be used of them ask alike, one after the other
            steps = self._touched[seen:]
            rows = steps[0] if len(steps) == 1 else np.concatenate(steps)
            if len(rows) > _FEW:  # tried and undone, again and again: the same nodes
                rows = np.unique(rows)
            here = self.positions(pool)[rows]
            self._asked, self._here = asked, here[here >= 0]
        return self._here

    def _compute(self, request: fit.Request, pool: Pool, rows: Int32) -> Int64:
        return fit.slots(request, pool, rows, self.snapshot.allocatable, self.free, self.grain)
