"""The bookings of a JobQueue, as its author wrote them, to those of the core."""

from __future__ import annotations

from collections.abc import Iterable

from crosstree.api.v1alpha1.calendar import QueueBooking
from crosstree.base import duration
from crosstree.base.clock import from_rfc3339
from crosstree.core.calendar import Booking


def calendar(wire: Iterable[QueueBooking]) -> tuple[Booking, ...]:
    """Read bookings, in order of name; their rules have been checked."""
    return tuple(_booking(one) for one in sorted(wire, key=lambda one: one.name))


def _booking(wire: QueueBooking) -> Booking:
    return Booking(
        name=wire.name,
        model=wire.model,
        accelerators=wire.accelerators,
        start=from_rfc3339(wire.start),
        duration=duration.parse(wire.duration),
        every=None if wire.every is None else duration.parse(wire.every),
        until=None if wire.until is None else from_rfc3339(wire.until),
    )
