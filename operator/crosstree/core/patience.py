"""When a gang has been put off too often: the point from which nobody overtakes it on its nodes any more.

Reservations follow the durations they rest on. Where these are wrong again and again, a reservation slips again and
again, and each time later gangs fill the gap that it leaves. Past this point they no longer do.
"""

from __future__ import annotations

from crosstree.core.workload import Told

AT_LEAST = 600.0
"""Seconds beyond what it was told first for which any gang is patient."""


def put_off_too_often(told: Told | None, now: float) -> bool:
    """Say whether a gang has waited twice as long as it was told first, and `AT_LEAST` on top."""
    return told is not None and now > patient_until(told)


def patient_until(told: Told) -> float:
    """Return when the patience of a gang ends, seconds since the epoch."""
    return told.start + max(told.start - told.at, 0.0) + AT_LEAST
