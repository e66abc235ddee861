"""Bookings: so many accelerators of a model from a time on, once or again and again. When a booking is in force.

Pure sums of seconds since the epoch. What a booking does for its queue is in `booked`, what it keeps others from in
`fence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil, floor

from crosstree.base.clock import LAST

LEAST = 60.0
"""Seconds that a booking, or a period of a budget, takes at least: each beginning and end is a cycle and a status."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What a queue has booked.

    Attributes:
        name: Its name, one of its queue's.
        model: Profile id.
        accelerators: How many, at least 1.
        start: When it is in force first, seconds since the epoch.
        duration: For how many seconds, more than 0; at least `LEAST` as the API server and files have it.
        every: Seconds from one beginning to the next, at least `duration`; None for once.
        until: It does not begin again at this time or later; None for ever.
    """

    name: str
    model: str
    accelerators: int
    start: float
    duration: float
    every: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A time in which a booking is in force: from `start` on, and no longer at `end`. Seconds since the epoch."""

    start: float
    end: float


class State(Enum):
    """How a booking stands. The values are in `status.calendar` of a JobQueue."""

    UPCOMING = "Upcoming"
    """It is not in force, and will be."""
    OPEN = "Open"
    """It is in force."""
    ENDED = "Ended"
    """It will never be in force again."""


def window(booking: Booking, now: float) -> Window | None:
    """Return the window that is open at an instant, else the next one; None if there is none any more."""
    turn = 0
    if booking.every is not None:
        turn = max(floor((now - booking.start) / booking.every), 0)
    for number in (turn, turn + 1):
        found = _window(booking, number)
        if found is None or now < found.end:
            return found
    return None


def in_force(booking: Booking, now: float) -> bool:
    """Say whether a booking is in force at an instant."""
    found = window(booking, now)
    return found is not None and found.start <= now


def following(booking: Booking, after: float) -> Window | None:
    """Return the first window that begins later than an instant; None if none does."""
    found = window(booking, after)
    return window(booking, found.end) if found is not None and found.start <= after else found


def standing(booking: Booking, now: float) -> tuple[State, Window]:
    """Return how a booking stands, with the window that is open, else the next one, else the last there was."""
    found = window(booking, now)
    if found is not None:
        return (State.OPEN if found.start <= now else State.UPCOMING), found
    last = 0
    if booking.every is not None and booking.until is not None:
        last = max(ceil((min(booking.until, LAST + 1) - booking.start) / booking.every) - 1, 0)
    start = booking.start + last * (booking.every or 0.0)
    return State.ENDED, Window(start, start + booking.duration)


def turn(booking: Booking, now: float) -> float | None:
    """Return when a booking comes into force or ceases to be next, always later than now; None for never."""
    found = window(booking, now)
    if found is None:
        return None
    return found.end if found.start <= now else found.start


def _window(booking: Booking, number: int) -> Window | None:
    """Return the window of a number, from 0; None where it is not to be."""
    if number and booking.every is None:
        return None
    start = booking.start + number * (booking.every or 0.0)
    if start > LAST or (booking.until is not None and start >= booking.until):
        return None
    return Window(start, start + booking.duration)
