"""Whether the times and numbers of a queue's bookings and budgets are such as sums can be made of.

The API server refuses others; a file may hold anything.
"""

from __future__ import annotations

from math import isfinite

from crosstree.base.clock import LAST
from crosstree.core.calendar import LEAST, Booking
from crosstree.core.queues import Budget, QueueSpec


def hours_fault(queue: QueueSpec) -> str | None:
    """Say which booking or budget of a queue has an impossible time or number, what, and what would do."""
    for booking in queue.calendar:
        if found := _of_booking(booking):
            return f"booking {booking.name} of {queue.name} is at no time: {found}."
    for budget in queue.budgets:
        if found := _of_budget(budget):
            return f"the budget of {queue.name} for {budget.model} is for no time: {found}."
    return None


def _of_booking(booking: Booking) -> str | None:
    if booking.accelerators < 1:
        return f"accelerators is {booking.accelerators}; it must be at least 1"
    if booking.until is not None and not isfinite(booking.until):
        return f"until is {booking.until}; it must be a number"
    return (
        _within("start", booking.start, 0.0)
        or _within("duration", booking.duration, LEAST)
        or (_within("every", booking.every, booking.duration) if booking.every is not None else None)
    )


def _of_budget(budget: Budget) -> str | None:
    if budget.seconds < 0 or not isfinite(budget.seconds):
        return f"seconds is {budget.seconds}; it must be a number that is not negative"
    return _within("start", budget.start, 0.0) or (
        _within("every", budget.every, LEAST) if budget.every is not None else None
    )


def _within(field: str, found: float, least: float) -> str | None:
    return None if least <= found <= LAST else f"{field} is {found}; it must be from {least} to {LAST}"
