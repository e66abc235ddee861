"""Times in sentences: `14:20 UTC`, with the day where that is another one, and lengths.

What is expected is rounded, the more the further away it is, so that the words stay while little changes. What is
certain, a past event or the end of a booking, is told to the minute. Fields of a status have all of it to the second.
"""

from __future__ import annotations

from datetime import UTC, datetime

from crosstree.base.clock import LAST

_ROUNDING = ((3_600.0, 60), (21_600.0, 300), (86_400.0, 1_800))
"""Up to so many seconds away, a time is rounded to so many; to an hour beyond."""

_SHORT = 120.0
"""A length of so many seconds at most is told as it is."""


def clock(at: float, now: float, *, early: bool = False) -> str:
    """Write an instant that is expected, rounded up; down if `early`."""
    return moment(rounded(at, now, early=early), now)


def rounded(at: float, now: float, *, early: bool = False) -> float:
    """Return the instant that `clock` writes, seconds since the epoch."""
    return _to_step(at, at - now, early=early)


def moment(at: float, now: float | None = None) -> str:
    """Write an instant that stays what it is, to the minute; with its day always unless it is told what day it is."""
    found = datetime.fromtimestamp(min(at, LAST), UTC)
    if now is not None and found.date() == datetime.fromtimestamp(now, UTC).date():
        return found.strftime("%H:%M UTC")
    return found.strftime("%Y-%m-%d %H:%M UTC")


def length(seconds: float, *, early: bool = False) -> float:
    """Return a length that is expected as it is told: rounded like an instant that far away, if it is not short."""
    return seconds if seconds <= _SHORT else _to_step(seconds, seconds, early=early)


def _to_step(seconds: float, away: float, *, early: bool) -> float:
    step = next((step for most, step in _ROUNDING if away <= most), 3_600)
    whole = int(min(seconds, LAST))
    return float(whole // step * step if early else -(-whole // step) * step)
