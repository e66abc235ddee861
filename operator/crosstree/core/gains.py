"""How soon a place that is too small could be large enough at the earliest: what comes free, counted generously."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from crosstree.core import fit
from crosstree.core.accelerator import Rule
from crosstree.core.arrays import Float64, Int32, Int64, set_in
from crosstree.core.placement.need import Need
from crosstree.core.snapshot import Pool


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """All that comes free later, in order of time: gangs that run, places booked and reservations that end.

    Attributes:
        times: When, ascending, float64 (E,).
        rows: On which node, int32 (E,).
        entry: Which of the amounts, int64 (E,).
        amounts: How much, by column of the snapshot, int64 (R, at least E).
    """

    times: Float64
    rows: Int32
    entry: Int64
    amounts: Int64


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """The same for one gang on one pool: workers that there may be room for, one entry per event in the pool.

    Room shrinks as well, where reservations begin; that is left out, so that these are never too few.

    Attributes:
        times: When, ascending, float64 (E,).
        workers: How many, int64 (E,).
        domain: In which domain of the level that has to hold the gang, int64 (E,), domains being neighbours in order.
        starts: First node of each domain, in pool order.
        need: How many workers one domain has to hold.
    """

    times: Float64
    workers: Int64
    domain: Int64
    starts: Int64
    need: int

    @classmethod
    def of(
        cls, events: Events, place: Int32, most: Int64, request: fit.Request, pool: Pool, need: Need
    ) -> Self:
        """Count in workers.

        Args:
            events: All that comes free.
            place: Position of each event's node in the pool, -1 outside, int32 (E,).
            most: Workers that each node of the pool would hold if it were empty, int64 (n,).
            request: What a worker takes.
            pool: Where.
            need: What is asked for.
        """
        mine = set_in((place >= 0) & (most[place] > 0))
        place = place[mine]
        workers = most[place]
        if pool.profile.intra.rule is Rule.ALL_TO_ALL:
            more = np.zeros(len(mine), np.int64)
            asked = [*zip(request.columns, request.amounts, strict=True)]
            if request.devices:
                asked.append((request.device_column, request.devices))
            entry = events.entry[mine]
            for column, amount in asked:
                np.maximum(more, -(-events.amounts[column, entry] // amount), out=more)
            workers = np.minimum(workers, more)
        if need.required is None:
            domain, starts = np.zeros(len(mine), np.int64), np.zeros(1, np.int64)
        else:
            level = pool.fabric.levels[need.required]
            domain, starts = level.domain[place].astype(np.int64), level.starts
        return cls(events.times[mine], workers, domain, starts, need.workers)

    def enough_after(self, at: float, slots: Int64) -> float:
        """Return the first instant later than `at` at which there could be enough; infinite if there never is.

        Args:
            at: An instant at which there is not, or at which no place was found all the same.
            slots: Workers that each node of the pool holds from then on, int64 (n,).
        """
        later = int(np.searchsorted(self.times, at, side="right"))
        if later == len(self.times):
            return float("inf")
        lacking = self.need - np.add.reduceat(slots, self.starts)
        if (lacking <= 0).any():
            return float(self.times[later])
        if len(self.starts) == 1:
            sums = np.cumsum(self.workers[later:])
            reached = int(np.searchsorted(sums, int(lacking[0])))
            return float(self.times[later + reached]) if reached < len(sums) else float("inf")
        order = np.argsort(self.domain[later:], kind="stable")
        domain, workers = self.domain[later:][order], self.workers[later:][order]
        sums = np.cumsum(workers)
        first = np.searchsorted(domain, domain, side="left")
        within = sums - (sums[first] - workers[first])
        enough = within >= lacking[domain]
        if not enough.any():
            return float("inf")
        return float(self.times[later:][order][enough].min())
