"""When bookings are in force, of many at once: what `calendar.window` says of a single one, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from crosstree.base.clock import LAST
from crosstree.core.arrays import Bool, Float64
from crosstree.core.calendar import Booking


class Windows:
    """The windows of some bookings.

    Args:
        bookings: B of them.

    Attributes:
        again: Which come more than once, Bool (B,).
    """

    def __init__(self, bookings: Sequence[Booking]) -> None:
        self.again: Bool = np.array([one.every is not None for one in bookings], np.bool_)
        self._start: Float64 = np.array([one.start for one in bookings], np.float64)
        self._lasts: Float64 = np.array([one.duration for one in bookings], np.float64)
        self._every: Float64 = np.array([one.every or 1.0 for one in bookings], np.float64)
        self._until: Float64 = np.array(
            [inf if one.until is None else one.until for one in bookings], np.float64
        )

    def since_last(self, base: float, count: int) -> tuple[Float64, Float64]:
        """Return beginnings and ends from the last window that began: float64 (B, count); inf and -inf for none."""
        first = np.where(self.again, np.maximum(np.floor((base - self._start) / self._every), 0.0), 0.0)
        numbers = first[:, None] + np.arange(count)
        starts = self._start[:, None] + numbers * self._every[:, None]
        there = self.again[:, None] | (numbers == 0)
        there &= (starts <= LAST) & (starts < self._until[:, None])
        return np.where(there, starts, inf), np.where(there, starts + self._lasts[:, None], -inf)

    def at(self, now: float) -> tuple[Float64, Float64]:
        """Return of each the window that is open at an instant, else the next: float64 (B,); inf and -inf for none."""
        starts, ends = self.since_last(now, 2)
        over = np.isfinite(starts[:, 0]) & (ends[:, 0] <= now)
        return np.where(over, starts[:, 1], starts[:, 0]), np.where(over, ends[:, 1], ends[:, 0])
