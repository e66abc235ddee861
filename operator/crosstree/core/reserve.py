"""Find the earliest place for a gang that can't start now, by the packing that will place it then.

An instant is tried by counting room as it will be for as long as the gang stays, with all reservations. Where that is
too little, what comes free later says until when it must stay too little, and the instants before that are passed
over: the first place found is the earliest. Only when many tries in a row fail do steps grow, to bound their number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from crosstree.core import fit
from crosstree.core.arrays import Bool, Int64, set_in
from crosstree.core.candidates import Candidate
from crosstree.core.expect import at_size, or_assumed, trusted
from crosstree.core.fence import Fence
from crosstree.core.gains import Events, Gains
from crosstree.core.horizon import Horizon, Reservation, over
from crosstree.core.placement.need import Need, Packed
from crosstree.core.placement.pack import pack
from crosstree.core.plan import Forecast
from crosstree.core.seat import steady_first
from crosstree.core.shapes import EMPTY_GRAIN
from crosstree.core.sizes import smallest
from crosstree.core.timeline import OVERDUE, Leaver, Releases
from crosstree.core.workload import Gang

TRIES = 24
"""Instants tried in turn before steps grow."""

SURE = 0.9
"""Confidence in a place that waits for nobody's end."""


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A gang on one pool: what it asks for, the part of it that may be short, and the nodes it may use, Bool (n,)."""

    gang: Gang
    candidate: Candidate
    request: fit.Request
    lean: fit.Request
    allowed: Bool


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """A place: workers per node of the pool, int64 (n,), and from when."""

    question: _Question
    counts: Int64
    start: float


class Search:
    """Finds reservations during one cycle and remembers what gangs alike have in common."""

    def __init__(self, horizon: Horizon, fence: Fence | None = None) -> None:
        self._horizon = horizon
        self._fence = fence
        self._reached: dict[tuple[object, ...], float] = {}
        self._empty: dict[tuple[str, fit.Request], Int64] = {}
        self._events: Events | None = None
        self._made: tuple[object, ...] = ()

    def earliest(
        self, gang: Gang, affords: Callable[[str], bool], *, put_off: bool = False
    ) -> Reservation | None:
        """Return the earliest place on any pool the gang takes, of equal ones on the pool it prefers; None if none.

        Args:
            gang: Who can't start now.
            affords: Says whether its quotas let it start on a model.
            put_off: It has been put off too often: choose the place whose occupants began first, and hold it from
                now on.
        """
        # At the smallest size it starts with, and where need be on nodes that failed it lately: as `start.place` does.
        least = smallest(gang)
        stays = at_size(gang.expected, gang.workers, least)
        asking = replace(gang, workers=least, sizes=(), expected=stays, avoid=()) if _bent(gang) else gang
        trial = self._horizon.trial
        best: _Found | None = None
        for one in trial.candidates(asking):
            if not affords(one.pool.profile.id):
                continue
            request = fit.request_of(asking, one.pool, trial.snapshot.resources)
            lean = self._horizon.lean(request, one.pool)
            question = _Question(asking, one, request, lean, trial.allowed(asking, one.pool))
            found = self._by_age(question) if put_off else None
            if found is not None and self._barred(question, found.start) is not None:
                found = None
            found = found or self._in_time(question, best.start if best is not None else np.inf)
            if found is not None and (best is None or found.start < best.start):
                best = found
        return None if best is None else self._reservation(gang, best, put_off=put_off)

    def hopeless(self, gang: Gang) -> bool:
        """Say whether the nodes free now are too few for the gang, whatever is reserved."""
        trial = self._horizon.trial
        return not any(_enough(one, trial.usable_slots(gang, one.pool)) for one in trial.candidates(gang))

    # in time ----------------------------------------------------------------------------------------------

    def _in_time(self, question: _Question, before: float) -> _Found | None:
        """Return the earliest place in a pool that begins before an instant."""
        # Who asks for the same, for as long, and later in the line, finds nothing that the one before did not find.
        gang, pool = question.gang, question.candidate.pool
        alike = (
            pool.name,
            question.request,
            question.candidate.need,
            (gang.demands(pool.resource), gang.avoid, gang.recovering, gang.priority < 0),
            trusted(gang.expected),
            gang.queue if self._fence is not None else "",
        )
        gains = cache(lambda: self._gains(question))  # who finds room where the one before did needs none
        at = self._reached.get(alike)
        if at is None:
            now = self._horizon.now
            at = self._barred(question, now) or gains().enough_after(now, self._slots_at(question, now))
        for _ in range(TRIES):
            if at >= before or at == np.inf:
                break
            if (free := self._barred(question, at)) is not None:
                at = free
                continue
            slots = self._slots_at(question, at)
            if _enough(question.candidate, slots):
                found = self._packed(question, slots, at)
                if found is not None:
                    self._reached[alike] = at
                    return found
            at = gains().enough_after(at, slots)
        else:
            times = gains().times[(gains().times >= at) & (gains().times < before)].tolist()
            found = _first(times, partial(self._place_at, question))
            if found is not None:
                self._reached[alike] = found.start
            return found
        self._reached[alike] = at
        return None

    def _gains(self, question: _Question) -> Gains:
        """Return what comes free in the pool, in the gang's workers, after what has been decided so far."""
        horizon, candidate, request = self._horizon, question.candidate, question.request
        pool = candidate.pool
        made = (len(horizon.reservations), len(horizon.trial.taken), horizon.trial.taken[-1:])
        if self._events is None or self._made != made:
            self._events, self._made = horizon.events(), made
        snapshot = horizon.trial.snapshot
        key = (pool.name, request)
        if key not in self._empty:
            whole = np.full(len(snapshot.names), EMPTY_GRAIN, np.int8)
            self._empty[key] = fit.slots(
                request, pool, pool.nodes, snapshot.allocatable, snapshot.allocatable, whole
            )
        most = np.where(question.allowed, self._empty[key], 0)
        useful = horizon.of_use(self._events, question.gang, pool)
        place = np.where(useful, horizon.trial.positions(pool)[self._events.rows], -1)
        return Gains.of(self._events, place, most, request, pool, candidate.need)

    def _slots_at(self, question: _Question, at: float) -> Int64:
        slots = self._horizon.slots_at(question.gang, question.candidate.pool, at, question.lean)
        return np.where(question.allowed, slots, 0)

    def _place_at(self, question: _Question, at: float) -> _Found | None:
        if self._barred(question, at) is not None:
            return None
        return self._packed(question, self._slots_at(question, at), at)

    def _barred(self, question: _Question, at: float) -> float | None:
        """Return the instant until when bookings keep a gang from starting that could at `at`; None if none does."""
        if self._fence is None:
            return None
        gang = question.gang
        bar = self._fence.bars(gang, question.candidate.pool.profile.id, gang.workers, at)
        return None if bar is None else bar.free

    def _packed(self, question: _Question, slots: Int64, at: float) -> _Found | None:
        candidate = question.candidate
        if not _enough(candidate, slots):
            return None
        for offered in steady_first(candidate.pool, slots, self._horizon.trial):
            packed = pack(candidate.pool.fabric, offered, candidate.need)
            if isinstance(packed, Packed):
                return _Found(question, packed.counts, at)
        return None

    # put off too often ------------------------------------------------------------------------------------

    def _by_age(self, question: _Question) -> _Found | None:
        """Return the place whose occupants began earliest: later gangs being kept out, it can only come nearer."""
        horizon = self._horizon
        oldest = horizon.timeline.by_age
        pool = question.candidate.pool
        cache: dict[int, _Found | None] = {}

        def place(gone: int) -> _Found | None:
            if gone not in cache:
                slots = horizon.timeline.slots_by_age(question.request, pool, gone)
                cache[gone] = self._packed(question, np.where(question.allowed, slots, 0), 0.0)
            return cache[gone]

        total = len(oldest.leavers)
        gone = bisect_left(range(total + 1), x=True, key=lambda number: place(number) is not None)
        found = place(gone) if gone <= total else None
        if found is None:
            return None
        leaving = [one.ends for one in self._in_its_way(found, oldest, gone)]
        return replace(found, start=max(leaving, default=horizon.now + OVERDUE))

    # what comes of it -------------------------------------------------------------------------------------

    def _reservation(self, gang: Gang, found: _Found, *, put_off: bool) -> Reservation:
        horizon = self._horizon
        pool = found.question.candidate.pool
        timeline = horizon.timeline
        waits_for = []
        for releases in (timeline.running, timeline.booked()):
            waits_for += self._in_its_way(found, releases, releases.until(found.start))
        waits_for.sort(key=lambda one: (-one.ends, one.gang.key))
        behind = self._behind(found)
        sure = [one.confidence for one in waits_for]
        sure += [min(one.forecast.confidence, or_assumed(one.gang.expected).confidence) for one in behind]
        used = set_in(found.counts > 0)
        return Reservation(
            gang=gang,
            pool=pool.name,
            rows=pool.nodes[used],
            counts=found.counts[used],
            forecast=Forecast(found.start, min(sure, default=SURE)),
            since=horizon.now if put_off else found.start,
            ends=over(found.question.gang, found.start),
            blockers=tuple(one.gang.key for one in waits_for),
            behind=tuple(one.gang.key for one in behind),
        )

    def _in_its_way(self, found: _Found, releases: Releases, gone: int) -> list[Leaver]:
        """Return which of the first so many leavers hold nodes that the gang takes and that lack room now."""
        if not gone:
            return []
        question = found.question
        pool = question.candidate.pool
        lacking = found.counts > self._horizon.trial.slots(question.gang, pool)
        place = self._horizon.trial.positions(pool)[releases.rows[: releases.stops[gone]]]
        entries = set_in((place >= 0) & lacking[place])
        who = np.searchsorted(releases.stops, entries, side="right") - 1  # ascending, as the entries are
        return [releases.leavers[one] for one in dict.fromkeys(who.tolist())]

    def _behind(self, found: _Found) -> list[Reservation]:
        """Return the reservations that are over before this one begins, on the same nodes."""
        held = self._horizon.held
        if not len(held):
            return []
        place = self._horizon.trial.positions(found.question.candidate.pool)[held.rows]
        mine = (place >= 0) & (found.counts[place] > 0) & (held.ends <= found.start)
        return [self._horizon.reservations[int(one)] for one in np.unique(held.who[mine])]


def _bent(gang: Gang) -> bool:
    """Say whether a gang takes something else than it asks for first."""
    return bool(gang.sizes or gang.avoid)


def _enough(candidate: Candidate, slots: Int64) -> bool:
    """Say whether slots could be enough: a packing of them may fail all the same, and never succeeds without."""
    need: Need = candidate.need
    if need.required is not None:
        return int(candidate.pool.fabric.levels[need.required].total(slots).max(initial=0)) >= need.workers
    return int(slots.sum()) >= need.workers


def _first(times: Sequence[float], find: Callable[[float], _Found | None]) -> _Found | None:
    """Return what is found at the earliest of these times, as far as growing steps and bisection tell."""
    failed, at, step = -1, 0, 1
    found = None
    while at < len(times):
        found = find(times[at])
        if found is not None:
            break
        failed = at
        if at == len(times) - 1:
            return None
        step *= 2
        at = min(at + step, len(times) - 1)
    while found is not None and at - failed > 1:
        middle = (at + failed) // 2
        better = find(times[middle])
        if better is None:
            failed = middle
        else:
            found, at = better, middle
    return found
