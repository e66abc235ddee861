"""Bookings of a JobQueue: accelerators for a time, once or again and again."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from crosstree.api.v1alpha1.budgets import A_MINUTE
from crosstree.api.v1alpha1.common import Duration, ModelId, Time, Wire
from crosstree.api.v1alpha1.rules import Check, Found, Rule, matches
from crosstree.base import duration
from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError

_DAY = r"(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_ZONE = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_FORM = rf"[2-9][0-9]{{3}}-(0[1-9]|1[0-2])-{_DAY}T{_CLOCK}{_ZONE}"
_DATES = re.compile(_FORM)
_SOME_TIME = "write one from the year 2000 on as 2026-01-31T09:00:00Z or 2026-01-31T10:00:00+01:00."


def _is_time(text: str) -> bool:
    try:
        return _DATES.fullmatch(text) is not None and bool(
            datetime.fromisoformat(text.replace("Z", "+00:00"))
        )
    except ValueError:  # no such day
        return False


Moment = Annotated[
    str,
    Field(max_length=25),
    Check(
        f"self.matches('^{_FORM}$') && timestamp(self) > timestamp('1999-12-30T00:00:00Z')",
        f"'{{value}}' is not a time; {_SOME_TIME}",
        _is_time,
    ),
]
"""A time as people write it. No `format: date-time`: its words would not say what would do."""

BookingName = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "'{value}' can't be the name of a booking; use lower-case letters, digits and '-', for example monday-demo.",
    ),
]


def _seconds(text: str) -> float | None:
    """Return a duration; None for what another rule refuses."""
    try:
        return duration.parse(text)
    except SpecError:
        return None


def _short(booking: Any) -> Found | None:
    if not booking.duration or re.search(A_MINUTE, booking.duration):
        return None
    return {"name": booking.name, "duration": booking.duration}


def _overlapping(booking: Any) -> Found | None:
    every = _seconds(booking.every) if booking.every is not None else None
    lasts = _seconds(booking.duration)
    if every is None or lasts is None or every >= lasts:
        return None
    return {"name": booking.name, "every": booking.every, "duration": booking.duration}


def _over_before(booking: Any) -> Found | None:
    if booking.until is None or from_rfc3339(booking.until) > from_rfc3339(booking.start):
        return None
    return {"name": booking.name, "until": booking.until, "start": booking.start}


class QueueBooking(Wire):
    """So many accelerators of a model for a time: meanwhile they are guaranteed to the queue."""

    name: BookingName
    """Of the booking, one of this queue's."""
    model: ModelId
    """Accelerator model."""
    accelerators: Annotated[int, Field(ge=1)]
    """How many are guaranteed to the queue while the booking is in force, whatever its quotas guarantee."""
    start: Moment
    """When it is in force first. Times without daylight saving: in UTC, or with an offset that stays."""
    duration: Duration
    """How long it is in force, a minute or more."""
    every: Duration | None = None
    """From one beginning to the next, for example 24h or 168h; left out, it is in force once."""
    until: Moment | None = None
    """It does not begin again at this time or later; left out, for ever."""

    RULES = (
        Rule(
            holds=f"self.duration == '' || self.duration.matches('{A_MINUTE}')",
            says="spec.calendar {name} has a duration of {duration}; give a minute or more, for example 8h.",
            shows={"name": "self.name", "duration": "self.duration"},
            breaks=_short,
            path="duration",
        ),
        Rule(
            holds="!has(self.every) || self.every == '' || self.duration == ''"
            " || duration(self.every) >= duration(self.duration)",
            says="spec.calendar {name} begins every {every} and takes {duration}: it would begin again before it is"
            " over. Make every longer, or duration shorter.",
            shows={"name": "self.name", "every": "self.every", "duration": "self.duration"},
            breaks=_overlapping,
            path="every",
        ),
        Rule(
            holds="!has(self.until) || timestamp(self.until) > timestamp(self.start)",
            says="spec.calendar {name} ends at {until}, no later than it starts at {start}; move one of them.",
            shows={"name": "self.name", "until": "self.until", "start": "self.start"},
            breaks=_over_before,
            path="until",
        ),
    )


class BookingState(Wire):
    """How a booking stands."""

    name: Annotated[str, Field(max_length=63)]
    """Of the booking."""
    state: Literal["Upcoming", "Open", "Ended"]
    """Whether it will be in force, is, or never will be again."""
    start: Time
    """When it comes into force next; when it did, where it is open or has ended."""
    end: Time
    """When it ceases to be in force after that."""


def _beyond_limit(spec: Any) -> Found | None:
    for booking in spec.calendar:
        for quota in spec.quotas:
            if (
                quota.model == booking.model
                and quota.limit is not None
                and quota.limit < booking.accelerators
            ):
                return {
                    "name": booking.name,
                    "count": booking.accelerators,
                    "model": booking.model,
                }
    return None


_BEYOND = "self.quotas.exists(q, q.model == b.model && has(q.limit) && q.limit < b.accelerators)"

WITHIN_LIMITS = Rule(
    holds=f"!has(self.calendar) || !has(self.quotas) || !self.calendar.exists(b, {_BEYOND})",
    says="spec.calendar {name} books {count} {model}, more than spec.quotas limits the queue to; book at most that, or"
    " raise the limit.",
    shows={
        "name": f"self.calendar.filter(b, {_BEYOND})[0].name",
        "count": f"self.calendar.filter(b, {_BEYOND})[0].accelerators",
        "model": f"self.calendar.filter(b, {_BEYOND})[0].model",
    },
    breaks=_beyond_limit,
    path="calendar",
)
"""Of the spec of a JobQueue."""
