"""What is booked of one model, as arrays: who has booked how much at an instant, and when windows begin.

`calendar` says the same of a single booking. Here a thousand of them cost one pass over arrays: a cycle asks for many
instants.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from crosstree.core.arrays import Bool, Float64, Int64
from crosstree.core.calendar import Booking, Window
from crosstree.core.windows import Windows

AHEAD = 16
"""Windows of one booking that are listed: later ones matter only where several bookings coincide."""

LISTED = 8_192
"""Windows listed in all. The next one of every booking always is, whatever their number."""

MANY = 1 << 31
"""Accelerators, more than there are anywhere: a booking of more counts as this many, so that sums stay exact."""


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking, whose it is, and how much of it the limits of that queue allow."""

    queue: str
    booking: Booking
    count: int


class _Owners:
    """Which of some bookings are whose."""

    def __init__(self, booked: Sequence[Booked]) -> None:
        self._count = len(booked)
        rows: dict[str, list[int]] = {}
        for row, one in enumerate(booked):
            rows.setdefault(one.queue, []).append(row)
        self._rows = {queue: np.array(those, np.int64) for queue, those in rows.items()}

    def of(self, queues: Collection[str]) -> Bool:
        """Return which are of these queues: Bool (B,)."""
        found = np.zeros(self._count, np.bool_)
        for queue in queues:
            if queue in self._rows:
                found[self._rows[queue]] = True
        return found


class ModelBookings:
    """All bookings of one model.

    Args:
        booked: They, in order of queue and name.

    Attributes:
        booked: The same.
    """

    def __init__(self, booked: Sequence[Booked]) -> None:
        self.booked = tuple(booked)
        self._windows = Windows([one.booking for one in booked])
        self._owners = _Owners(booked)
        self._known: dict[float, tuple[Int64, Float64, Float64]] = {}

    def open_at(self, at: float) -> dict[str, int]:
        """Return what bookings in force at an instant guarantee, by queue: the largest of each. O(bookings)."""
        found: dict[str, int] = {}
        for row in self._open(at)[0].tolist():
            one = self.booked[row]
            found[one.queue] = max(found.get(one.queue, 0), one.count)
        return found

    def longest(self, at: float, own: Collection[str]) -> tuple[Booked, Window] | None:
        """Return the booking of others that has been in force longest at an instant, with its window; None for none.

        Of several the first by queue and name. O(bookings) in arrays.
        """
        rows, starts, ends = self._open(at)
        others = np.flatnonzero(~self._owners.of(own)[rows])
        if not len(others):
            return None
        first = others[np.argmin(starts[others])]
        return self.booked[int(rows[first])], Window(float(starts[first]), float(ends[first]))

    def _open(self, at: float) -> tuple[Int64, Float64, Float64]:
        """Return which bookings are in force at an instant, int64 (o,), since when and until when, float64 (o,)."""
        if at not in self._known:
            starts, ends = self._windows.since_last(at, 2)
            rows, columns = np.nonzero((starts <= at) & (at < ends))
            self._known[at] = rows, starts[rows, columns], ends[rows, columns]
        return self._known[at]

    def since(self, base: float) -> Agenda:
        """List the windows that are open at an instant or begin after it. O(w log w) for `LISTED` windows."""
        ahead = min(max(LISTED // max(len(self.booked), 1), 1), AHEAD)
        starts, ends = self._windows.since_last(base, ahead + 1)  # the first may be over
        rows, columns = np.nonzero(ends > base)
        # A booking that goes on beyond what is listed counts as in force from there on: nothing is passed over for it.
        for_ever = np.isfinite(starts[:, -1]) & self._windows.again
        upto = np.where(for_ever[rows] & (columns == ahead), inf, ends[rows, columns])
        return Agenda(self.booked, self._owners, rows, starts[rows, columns], ends[rows, columns], upto)


class Agenda:
    """The windows of one model from an instant on, and how tight it is when each begins.

    Tight is how much may be held at an instant and is booked then: never less than what is, for of bookings that
    overlap in one queue or tree each counts.

    Args:
        booked: All bookings of the model.
        owners: Whose they are.
        rows: Of which booking each window is, int64 (w,).
        starts, ends: When each opens and closes, float64 (w,).
        upto: Until when it counts as booked, float64 (w,).

    Attributes:
        times: The instants at which windows begin, each once, in order: float64 (d,).
    """

    def __init__(
        self,
        booked: Sequence[Booked],
        owners: _Owners,
        rows: Int64,
        starts: Float64,
        ends: Float64,
        upto: Float64,
    ) -> None:
        self._booked = booked
        self._owners = owners
        order = np.argsort(starts, kind="stable")  # rows come by queue and name
        self._rows, self._starts = rows[order], starts[order]
        self._ends, self._upto = ends[order], upto[order]
        self._counts: Float64 = np.array([min(one.count, MANY) for one in booked], np.float64)
        self.times, self._at = np.unique(self._starts, return_inverse=True)
        self._total = self._booked_at(np.ones(len(order), np.bool_))
        self._held: Float64 = np.zeros(len(self.times))
        self._of: dict[frozenset[str], tuple[Bool, Float64]] = {}

    def hold(self, devices: float, since: float, until: float) -> None:
        """Count in somebody who holds so many accelerators for a time; out, where they are less than 0."""
        low, high = np.searchsorted(self.times, (since, until), side="left")
        self._held[low:high] += devices

    def tight(self, own: frozenset[str], since: float, until: float, above: float, most: int) -> list[float]:
        """Return the instants after one and before another at which it is tighter than `above`, in order.

        Args:
            own: Queues whose own bookings do not count.
            since: The one instant, itself left out.
            until: The other, itself left out.
            above: In accelerators.
            most: No more than so many instants, the tightest; of equal ones the earliest.
        """
        low = int(np.searchsorted(self.times, since, side="right"))
        high = int(np.searchsorted(self.times, until, side="left"))
        if low >= high:
            return []
        begins, total = self._for(own)
        tight = (total + self._held)[low:high]
        found = np.flatnonzero(begins[low:high] & (tight > above))
        if len(found) > most:
            found = np.sort(found[np.argsort(-tight[found], kind="stable")[:most]])
        return [float(at) for at in self.times[low:high][found]]

    def begins(self, at: float, own: Collection[str]) -> tuple[Booked, Window] | None:
        """Return the first booking of others that begins at an instant, with its window; None if none does."""
        for row in range(int(np.searchsorted(self._starts, at)), len(self._starts)):
            if self._starts[row] > at:
                return None
            one = self._booked[int(self._rows[row])]
            if one.queue not in own:
                return one, Window(at, float(self._ends[row]))
        return None

    def _for(self, own: frozenset[str]) -> tuple[Bool, Float64]:
        """Return at which instants windows of others begin, and what is booked by others then."""
        if own not in self._of:
            mine: Bool = self._owners.of(own)[self._rows]
            begins: Bool = np.bincount(self._at, ~mine, minlength=len(self.times)) > 0
            self._of[own] = begins, self._total - self._booked_at(mine)
        return self._of[own]

    def _booked_at(self, which: Bool) -> Float64:
        """Return what some of the windows book at each instant: float64 (d,)."""
        counts = self._counts[self._rows[which]]
        ends = self._upto[which]
        order = np.argsort(ends)
        opened = np.concatenate(((0.0,), np.cumsum(counts)))
        closed = np.concatenate(((0.0,), np.cumsum(counts[order])))
        begun = np.searchsorted(self._starts[which], self.times, side="right")
        over = np.searchsorted(ends[order], self.times, side="right")
        found: Float64 = opened[begun] - closed[over]
        return found
