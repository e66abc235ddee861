"""The future of the nodes: who leaves when, and which places are reserved from when on.

A reservation is a concrete place at a concrete time for a gang that can't start now. Gangs behind it in the line may
use its nodes until then, and never longer: that is backfill. Reservations are made anew in every cycle, in the order
of the line, so that they follow what has become of the durations they rest on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from crosstree.core import fit
from crosstree.core.arrays import Bool, Int8, Int32, Int64, set_in
from crosstree.core.capacity import Taken, Trial
from crosstree.core.expect import at_size, or_assumed, trusted
from crosstree.core.gains import Events
from crosstree.core.held import Held
from crosstree.core.plan import Forecast
from crosstree.core.shapes import EMPTY_GRAIN, grain_of
from crosstree.core.sizes import smallest
from crosstree.core.snapshot import Pool
from crosstree.core.timeline import Timeline
from crosstree.core.workload import Gang

EVERY_ONE = 1 << 30
"""More reservations than there are."""

KEPT = 256
"""Requests of which it is kept what they leave over: gangs alike come one after another."""


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """A place in the future.

    Attributes:
        gang: Whose.
        pool: Name of the pool.
        rows: Nodes by row of the snapshot, int32 (m,).
        counts: Workers on each, int64 (m,).
        forecast: When.
        since: From when on nobody else may use the nodes: when it begins, or now if it has been put off too often.
        ends: When it is expected to be over.
        blockers: Keys of the running gangs that have to end first, the last to end first.
        behind: Keys of the waiting gangs that have to come and go first, in the order of the line.
    """

    gang: Gang
    pool: str
    rows: Int32
    counts: Int64
    forecast: Forecast
    since: float
    ends: float
    blockers: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()


class Horizon:
    """Ends of running gangs and reservations made so far in this cycle.

    Args:
        trial: The ledger of the cycle; its free amounts are those of now.
        now: Seconds since the epoch.

    Attributes:
        reservations: In the order in which they were made.
        timeline: Free amounts by time, without reservations.
        held: The same reservations by node.
    """

    def __init__(self, trial: Trial, now: float) -> None:
        self.trial = trial
        self.now = now
        self.reservations: list[Reservation] = []
        self.timeline = Timeline(trial, now)
        self.held = Held(trial.snapshot.allocatable)
        self._counted: list[Taken] = []
        self._shown = EVERY_ONE
        self._spare: dict[tuple[str, fit.Request], tuple[int, list[tuple[int, Int64]]]] = {}
        """What `_to_spare` says, and after how many steps of the trial."""
        self._lean: dict[tuple[fit.Request, tuple[tuple[int, int], ...]], fit.Request] = {}
        self._pools = {pool.name: pool for pool in trial.snapshot.pools}

    def open_slots(self, gang: Gang, pool: Pool, slots: Int64) -> Int64:
        """Cut the slots open now to what the gang may use for as long as it is expected to run: int64 (n,), pool order.

        O(nodes reserved); returns `slots` itself where no reservation is in its way.
        """
        if not self.reservations:
            return slots
        self._count_bookings()
        until = self.now + _stays(gang)
        return self._cut(gang, pool, slots, set_in((self.held.since < until) & (self.held.who < self._shown)))

    @contextmanager
    def as_of(self, made: int) -> Iterator[None]:
        """Let `open_slots` answer as when there were only so many reservations."""
        self._shown = made
        try:
            yield
        finally:
            self._shown = EVERY_ONE

    def lean(self, request: fit.Request, pool: Pool) -> fit.Request:
        """Return the request without what is never short wherever the accelerators are there.

        O(n) per resource after a step of the trial, else O(nodes held).

        For who counts slots at many instants: it holds until the next booking or reservation.
        """
        if not request.devices or request.missing:
            return request
        key, steps = (pool.name, request), self.trial.steps
        known = self._spare.get(key)
        if known is None or known[0] != steps:
            if len(self._spare) >= KEPT:
                self._spare.clear()
            known = self._spare[key] = steps, self._to_spare(request, pool)
        place = self.trial.positions(pool)
        short = tuple(
            (column, amount)
            for (column, amount), (least, left) in zip(request.others, known[1], strict=True)
            if least < 0 or self.held.exceeds(left, column, place)
        )
        if (request, short) not in self._lean:
            columns, amounts = tuple(one for one, _ in short), tuple(amount for _, amount in short)
            self._lean[request, short] = replace(request, columns=columns, amounts=amounts)
        return self._lean[request, short]

    def _to_spare(self, request: fit.Request, pool: Pool) -> list[tuple[int, Int64]]:
        """Return what is left of each resource beside the accelerators once as many workers are there as can be.

        The least of it, and that of each node, int64 (n,).
        """
        rows, snapshot = pool.nodes, self.trial.snapshot
        most = np.maximum(snapshot.allocatable[rows, request.device_column] // request.devices, 1)
        found = []
        for column, amount in request.others:
            left = self.trial.free[rows, column] - most * amount
            found.append((int(left.min(initial=0)), left))
        return found

    def slots_at(self, gang: Gang, pool: Pool, at: float, lean: fit.Request | None = None) -> Int64:
        """Count the workers that each node holds from a later instant on for as long as the gang runs: int64 (n,).

        `lean` is what `lean` says of its request, if that is known.
        """
        self._count_bookings()
        request = lean or fit.request_of(gang, pool, self.trial.snapshot.resources)
        columns = (request.device_column, *request.columns)
        slots = self.timeline.slots(request, pool, at, self.held.taken_at(at, columns))
        if not len(self.held):
            return slots
        return self._cut(gang, pool, slots, set_in(self.held.between(at, at + trusted(gang.expected))))

    def events(self) -> Events:
        """Return all that comes free later than now, as decided so far."""
        timeline, held = self.timeline, self.held
        parts = (timeline.running, timeline.booked())
        times = np.concatenate((*(np.repeat(one.ends, np.diff(one.stops)) for one in parts), held.ends))
        order = np.argsort(times, kind="stable")
        order = order[int(np.searchsorted(times[order], self.now, side="right")) :]
        rows = np.concatenate((*(one.rows for one in parts), held.rows))
        amounts = np.concatenate((*(one.amounts for one in parts), held.takes.T), axis=1)
        return Events(times[order], rows[order], order, amounts)

    def of_use(self, events: Events, gang: Gang, pool: Pool) -> Bool:
        """Mark the events that give a gang room: not those on nodes that are taken whole before it would be over."""
        held, until = self.held, trusted(gang.expected)
        result = np.ones(len(events.times), np.bool_)
        if not len(held):
            return result
        self._count_bookings()
        request = fit.request_of(gang, pool, self.trial.snapshot.resources)
        full = set_in(held.slots(request, pool, np.arange(len(held))) == 0)
        if not len(full):
            return result
        rows = np.zeros(len(self.trial.snapshot.names), np.bool_)
        rows[held.rows[full]] = True
        near = set_in(rows[events.rows])
        # What comes free on a node before the next reservation that leaves nothing there is of no use unless the gang
        # is over by then: the node is taken when that begins, and comes free when it ends, which is another event.
        begins = np.sort(held.since[full])
        ranked = np.lexsort((held.since[full], held.rows[full]))
        key = held.rows[full][ranked].astype(np.int64) * (len(begins) + 1) + np.searchsorted(
            begins, held.since[full][ranked]
        )
        at, times = events.rows[near], events.times[near]
        asked = at.astype(np.int64) * (len(begins) + 1) + np.searchsorted(begins, times)
        following = np.searchsorted(key, asked)
        there = following < len(key)
        following = full[ranked][np.minimum(following, len(key) - 1)]
        result[near] = ~(there & (held.rows[following] == at) & (held.since[following] - until < times))
        return result

    def in_the_way(self, gang: Gang, pool: Pool, before: int) -> tuple[Reservation, ...]:
        """Return which of the first `before` reservations keep the gang from nodes that are free now."""
        self._count_bookings()
        held = self.held
        until = self.now + _stays(gang)
        near = set_in((held.since < until) & (held.who < before))
        place = self.trial.positions(pool)[held.rows[near]]
        near, place = near[place >= 0], place[place >= 0]
        request = fit.request_of(gang, pool, self.trial.snapshot.resources)
        cut = held.slots(request, pool, near) < self.trial.usable_slots(gang, pool)[place]
        return tuple(self.reservations[int(one)] for one in np.unique(held.who[near[cut]]))

    def hold(self, reservation: Reservation) -> None:
        """Keep a place for somebody: what has its turn from now on stays out of its way."""
        self._count_bookings()
        pool = self._pools[reservation.pool]
        rows = reservation.rows
        takes = self.timeline.vector(reservation.gang, pool) * reservation.counts[:, None]
        free = self.timeline.free_on(rows, reservation.since)
        grain = self._grain(reservation.gang, pool, rows, free)
        self.held.add(rows, takes, free, grain, (reservation.since, reservation.ends))
        self.reservations.append(reservation)
        self.trial.reserved = self.open_slots

    def _grain(self, gang: Gang, pool: Pool, rows: Int32, free: Int64) -> Int8:
        """Return the grain of nodes once the gang is there: a node that is empty then has no grain but the gang's."""
        snapshot = self.trial.snapshot
        empty = free[:, pool.column] >= snapshot.allocatable[rows, pool.column]
        own = grain_of(gang.devices) if gang.devices else EMPTY_GRAIN
        return np.minimum(np.where(empty, EMPTY_GRAIN, self.trial.grain[rows]), own).astype(np.int8)

    def _cut(self, gang: Gang, pool: Pool, slots: Int64, which: Int64) -> Int64:
        """Cut slots to what these entries leave, where they are in the pool."""
        if not len(which):
            return slots
        place = self.trial.positions(pool)[self.held.rows[which]]
        which, place = which[place >= 0], place[place >= 0]
        if not len(which):
            return slots
        request = fit.request_of(gang, pool, self.trial.snapshot.resources)
        result = slots.copy()
        np.minimum.at(result, place, self.held.slots(request, pool, which))
        return result

    def _count_bookings(self) -> None:
        """Take what was booked since the last look off what reservations leave; give back what is undone."""
        taken, counted = self.trial.taken, self._counted
        while counted and (len(counted) > len(taken) or taken[len(counted) - 1] is not counted[-1]):
            self._book(counted.pop(), -1)
        for one in taken[len(counted) :]:
            self._book(one, 1)
            counted.append(one)

    def _book(self, one: Taken, sign: int) -> None:
        if not len(self.held):
            return
        takes = self.timeline.vector(one.gang, one.pool) * (sign * one.counts)[:, None]
        workers = int(one.counts.sum())
        stays = trusted(at_size(one.gang.expected, one.gang.workers, workers))
        self.held.book(one.rows, takes, self.now + stays)


def _stays(gang: Gang) -> float:
    """Return how many seconds a gang is relied on to stay at most: at the smallest size it may get."""
    return trusted(at_size(gang.expected, gang.workers, smallest(gang)))


def over(gang: Gang, start: float) -> float:
    """Return when a gang that starts then is expected to have ended."""
    end = start + or_assumed(gang.expected).seconds
    assert isfinite(end), f"{gang.key} is expected to run for ever"
    return end
