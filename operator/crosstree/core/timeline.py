"""What the nodes will have free, if nobody else came: now, and at every later instant at which somebody leaves.

Reservations are not in it: `held` keeps them, and `horizon` puts both together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import NamedTuple

import numpy as np

from crosstree.core import fit, intranode
from crosstree.core.arrays import Float64, Int32, Int64, set_in
from crosstree.core.capacity import Taken, Trial
from crosstree.core.expect import at_size, confidence, or_assumed
from crosstree.core.shapes import EMPTY_GRAIN
from crosstree.core.snapshot import Pool
from crosstree.core.workload import Gang

LEAVING_CONFIDENCE = 0.9
"""A gang that has been told to stop will be gone when its grace is over."""

OVERDUE = 60.0
"""Seconds from now after which a gang is taken to end whose expected end has passed unnoticed."""


class Leaver(NamedTuple):
    """A gang that holds nodes and will leave them.

    Attributes:
        gang: Who.
        pool: Name of the pool it is in.
        rows: Nodes it holds, int32 (m,).
        counts: Workers on each, int64 (m,).
        began: When it got them.
        ends: When it is expected to be gone.
        confidence: 0 to 1.
    """

    gang: Gang
    pool: str
    rows: Int32
    counts: Int64
    began: float
    ends: float
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Releases:
    """What gangs give back when they leave, in the order in which they do; an entry for each of their nodes.

    Attributes:
        leavers: Who, G of them.
        ends: When each is gone, ascending, float64 (G,).
        stops: Entries of the first g leavers are those before `stops[g]`, int64 (G + 1,).
        rows: Node of each entry, int32 (K,).
        amounts: What comes free there, by column of the snapshot, int64 (R, K).
    """

    leavers: tuple[Leaver, ...]
    ends: Float64
    stops: Int64
    rows: Int32
    amounts: Int64

    def until(self, at: float) -> int:
        """Return the number of leavers that are gone at an instant."""
        return int(np.searchsorted(self.ends, at, side="right"))


class Timeline:
    """Free amounts by time. Reads the trial and writes nothing on it.

    Args:
        trial: The ledger of the cycle; places booked on it come free when their gangs are expected to end.
        now: Seconds since the epoch.
    """

    def __init__(self, trial: Trial, now: float) -> None:
        self._trial = trial
        self._now = now
        self._offered: dict[str, Int64] = {}
        self._booked: Releases | None = None
        self._seen: tuple[int, Taken | None] = (0, None)

    @cached_property
    def running(self) -> Releases:
        """What running gangs give back whose end is in sight. O(gangs and their nodes), once a cycle."""
        return self._releases(sorted(self._running(), key=lambda one: (one.ends, one.gang.key)))

    @cached_property
    def by_age(self) -> Releases:
        """The same, as if they left in the order in which they began, one a second from 1 on.

        For a gang that has been put off too often: who began first ends first in the long run, whatever is expected.
        """
        oldest = sorted(self._running(), key=lambda one: (one.began, one.gang.key))
        found = self._releases(oldest)
        turns = np.arange(1, len(oldest) + 1, dtype=np.float64)
        return Releases(found.leavers, turns, found.stops, found.rows, found.amounts)

    def booked(self) -> Releases:
        """What gangs give back that got their place in this cycle."""
        taken = self._trial.taken
        seen = (len(taken), taken[-1] if taken else None)
        if self._booked is None or seen[0] != self._seen[0] or seen[1] is not self._seen[1]:
            leavers = [self._leaver(one) for one in taken]
            self._booked = self._releases(sorted(leavers, key=lambda one: (one.ends, one.gang.key)))
            self._seen = seen
        return self._booked

    def vector(self, gang: Gang, pool: Pool) -> Int64:
        """Return what one worker takes, by column of the snapshot, int64 (R,)."""
        return fit.vector_of(gang, pool, self._trial.snapshot.resources)

    def slots_by_age(self, request: fit.Request, pool: Pool, gone: int) -> Int64:
        """Count slots once the first so many of `by_age` are gone, with what is booked: int64 (n,), in pool order."""
        return self._count(request, pool, self._free(self._trial.free, request, [(self.by_age, gone)]))

    def slots(self, request: fit.Request, pool: Pool, at: float, taken: Mapping[int, Int64]) -> Int64:
        """Count slots at an instant, with what is booked, int64 (n,), in pool order.

        Args:
            request: What one worker takes.
            pool: Where.
            at: Seconds since the epoch.
            taken: What reservations take then, by column, int64 (N,).
        """
        running, booked = self.running, self.booked()
        released = [(running, running.until(at)), (booked, booked.until(at))]
        free = self._free(self._trial.free, request, released)
        for column in free.keys() & taken.keys():
            free[column] = free[column] - taken[column]
        return self._count(request, pool, free)

    def free_on(self, rows: Int32, at: float) -> Int64:
        """Return all that is free on some nodes at an instant, without reservations, int64 (m, R)."""
        result = self._trial.free[rows]
        place = np.full(len(self._trial.snapshot.names), -1, np.int64)
        place[rows] = np.arange(len(rows))
        for releases in (self.running, self.booked()):
            if not releases.leavers:
                continue
            here = place[releases.rows[: releases.stops[releases.until(at)]]]
            mine = set_in(here >= 0)
            np.add.at(result, here[mine], releases.amounts[:, mine].T)
        return result

    def _free(
        self, free: Int64, request: fit.Request, released: Sequence[tuple[Releases, int]]
    ) -> dict[int, Int64]:
        """Return the free amounts of the columns a request asks for, int64 (N,), after so many leavers."""
        columns = (request.device_column, *request.columns) if request.devices else request.columns
        found: dict[int, Int64] = {}
        for column in columns:
            amount: Int64 = free[:, column]
            for releases, gone in released:
                if stop := int(releases.stops[gone]):
                    # Sums of whole numbers below 2**53 are exact in floats.
                    back = np.bincount(
                        releases.rows[:stop], releases.amounts[column, :stop], minlength=len(amount)
                    )
                    amount = amount + back.astype(np.int64)
            found[column] = amount
        return found

    def _count(self, request: fit.Request, pool: Pool, free: Mapping[int, Int64]) -> Int64:
        """Count slots on the nodes of a pool. One that will be empty is whole, whatever is on it now."""
        rows, offered = pool.nodes, self._offered.get(pool.name)
        if offered is None:
            offered = self._offered[pool.name] = self._trial.snapshot.allocatable[rows, pool.column]
        grain = self._trial.grain[rows]
        if request.devices and intranode.scatters(pool.profile.intra):
            empty = free[request.device_column][rows] >= offered
            grain = np.where(empty, np.int8(EMPTY_GRAIN), grain)
        return fit.slots_of(request, pool, offered, lambda column: free[column][rows], grain)

    def _running(self) -> list[Leaver]:
        found = []
        for one in self._trial.snapshot.running:
            if isfinite(one.ends):
                sure = (
                    LEAVING_CONFIDENCE if one.leaving else confidence(one.gang.expected, one.began, one.ends)
                )
                ends = one.ends if one.ends > self._now else self._now + OVERDUE
                found.append(Leaver(one.gang, one.pool, one.rows, one.counts, one.began, ends, sure))
        return found

    def _leaver(self, taken: Taken) -> Leaver:
        workers = int(taken.counts.sum())
        known = or_assumed(at_size(taken.gang.expected, taken.gang.workers, workers))
        ends = self._now + known.seconds
        return Leaver(
            taken.gang, taken.pool.name, taken.rows, taken.counts, self._now, ends, known.confidence
        )

    def _releases(self, leavers: Sequence[Leaver]) -> Releases:
        snapshot = self._trial.snapshot
        pools = {pool.name: pool for pool in snapshot.pools}
        nothing = np.zeros(len(snapshot.resources), np.int64)
        ends = np.fromiter((one.ends for one in leavers), np.float64, count=len(leavers))
        sizes = np.fromiter((len(one.rows) for one in leavers), np.int64, count=len(leavers))
        stops = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        if not leavers:
            empty = np.zeros((len(snapshot.resources), 0), np.int64)
            return Releases((), ends, stops, np.zeros(0, np.int32), empty)
        rows = np.concatenate([one.rows for one in leavers])
        counts = np.concatenate([one.counts for one in leavers])
        # Few vectors, many gangs: each is looked up once and its number is repeated.
        kinds: dict[tuple[object, ...], int] = {}
        vectors: list[Int64] = []
        kind = np.empty(len(leavers), np.int64)
        for at, one in enumerate(leavers):
            key = (one.gang.requests, one.gang.devices, one.pool)
            number = kinds.get(key)
            if number is None:
                number = kinds[key] = len(vectors)
                vectors.append(self.vector(one.gang, pools[one.pool]) if one.pool in pools else nothing)
            kind[at] = number
        table = np.array(vectors).T
        amounts = np.ascontiguousarray(table[:, np.repeat(kind, sizes)] * counts)
        return Releases(tuple(leavers), ends, stops, rows, amounts)
