"""What a JobQueue has booked, in its status: how each booking stands, and whether the accelerators are enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crosstree.base.clock import to_rfc3339
from crosstree.base.moments import moment
from crosstree.core.calendar import Booking, standing, window
from crosstree.core.cluster import Queue
from crosstree.core.diary import Diary
from crosstree.status.conditions import Condition, Reason, Type


@dataclass(frozen=True, slots=True)
class Overbooked:
    """More is promised of a model than there is.

    Attributes:
        at: From when on, seconds since the epoch.
        model: Profile id.
        booked: Accelerators that all queues have booked then.
        guaranteed: What all queues are guaranteed then, with what is booked.
        usable: How many there are.
    """

    at: float
    model: str
    booked: int
    guaranteed: int
    usable: int


def overbooked(
    bookings: Iterable[Booking],
    places: Iterable[tuple[Diary, Mapping[str, int]]],
    now: float,
) -> Overbooked | None:
    """Return the first of the next windows of some bookings in which more is promised than is usable; None if in none.

    Args:
        bookings: Of one queue.
        places: For each AICluster that it serves: what its queues have booked, and its usable accelerators by model.
        now: Seconds since the epoch.
    """
    found, known = [], tuple(places)
    wanted = {
        (max(one.start, now), booking.model, one.start)
        for booking in bookings
        if (one := window(booking, now))
    }
    for at, model, start in sorted(wanted):
        # A queue may serve AIClusters of other models: those say nothing, unless there is the model nowhere.
        there = [place for place in known if place[1].get(model)] or known
        for diary, usable in there:
            booked, guaranteed = diary.promised(model, at)
            if guaranteed > usable.get(model, 0):
                found.append(Overbooked(start, model, booked, guaranteed, usable.get(model, 0)))
    return min(found, key=lambda one: (one.at, one.model, one.usable), default=None)


def rows(bookings: Iterable[Booking], now: float) -> list[dict[str, Any]]:
    """Return `status.calendar`, by name."""
    found = []
    for one in sorted(bookings, key=lambda one: one.name):
        state, times = standing(one, now)
        found.append(
            {
                "name": one.name,
                "state": state.value,
                "start": to_rfc3339(times.start),
                "end": to_rfc3339(times.end),
            }
        )
    return found


def condition(queue: Queue, found: Overbooked | None) -> Condition | None:
    """Return whether what is promised can be kept; None where nothing is booked."""
    if not queue.calendar:
        return None
    if found is None:
        text = "Usable accelerators are enough for what all queues have booked and are guaranteed in its next windows."
        return Condition.true(Type.BOOKINGS_FIT, Reason.BOOKINGS_FIT, text)
    begin = moment(found.at)
    more = found.guaranteed - found.booked
    beside = f" and {more} more are guaranteed" if more > 0 else ""
    text = (
        f"{found.booked} {found.model} are booked in all from {begin} on{beside}, {found.usable} usable. "
        "Whoever asks first gets what there is: book less, or for another time."
    )
    return Condition.false(Type.BOOKINGS_FIT, Reason.OVERBOOKED, text)
