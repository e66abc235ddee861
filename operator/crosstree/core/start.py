"""One gang's turn: start it now, or make room for it, or reserve a time, in this order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from crosstree.core.choose_model import Better, better
from crosstree.core.desk import Desk
from crosstree.core.horizon import Reservation
from crosstree.core.plan import Forecast, Place, Promise
from crosstree.core.preemption import propose
from crosstree.core.quota import Excess
from crosstree.core.seat import seat, seat_again
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """A gang that does not start in this cycle, and all that is known about why.

    Attributes:
        gang: Who.
        position: Place in its queue's line, from 1.
        excess: The limit that stands in its way on every model it takes; None if quota does not.
        promise: The place that is going to be cleared for it; None if none is.
        reservation: When it is expected to start, and where; None if that can't be told.
        forecast: When a limit is expected to leave room for it; None if none is in its way, or that can't be told.
        ahead: Reservations there were when it had its turn.
        better: The model it waits for though another could start it now; None if it does not choose to wait.
    """

    gang: Gang
    position: int
    excess: Excess | None = None
    promise: Promise | None = None
    reservation: Reservation | None = None
    forecast: Forecast | None = None
    ahead: int = 0
    better: Better | None = None


def start(gang: Gang, position: int, desk: Desk) -> Place | Refused:
    """Give a gang its turn. What it gets is booked on the desk."""
    # 1. Free capacity: where it was, as far as that still stands, else the first model it prefers that holds it; unless
    # it is better off waiting for a faster one.
    limit = desk.limit(gang)
    if limit is None and not desk.failed(gang):
        mark = desk.checkpoint()
        if placed := place(gang, desk):
            worth = better(gang, placed, desk)
            if worth is None:
                return desk.book(gang, placed)
            desk.rollback(mark)
            return _waits_for(gang, position, worth, desk)
        desk.note_failure(gang)
    # 2. Capacity that others have to leave.
    if promise := propose(gang, desk):
        return Refused(gang, position, limit, promise=promise)
    # 3. Capacity that comes free; none is of use beyond a limit.
    if limit is not None:
        return Refused(gang, position, limit, forecast=desk.foresee(gang))
    ahead = len(desk.horizon.reservations)
    return Refused(gang, position, reservation=desk.reserve(gang), ahead=ahead)


def _waits_for(gang: Gang, position: int, worth: Better, desk: Desk) -> Refused:
    """Hold the place on the better model for a gang that could start on another one now."""
    ahead = len(desk.horizon.reservations)
    reservation = desk.reserve(replace(gang, models=(worth.model,)))
    return Refused(gang, position, reservation=reservation, ahead=ahead, better=worth)


def place(gang: Gang, desk: Desk) -> Place | None:
    """Put the gang where it was, as far as that still stands, else on the first candidate pool; None if none holds it.

    An elastic gang gets the largest size that fits there and within its quota. Pools of models whose quota is exhausted
    are passed over. A node that failed it lately is used where there is no other place: it is well as far as anybody
    can tell. The place is booked on the trial.
    """
    placed = _place(gang, desk)
    if placed is None and gang.avoid:
        placed = _place(replace(gang, avoid=()), desk)
    return placed


def _place(gang: Gang, desk: Desk) -> Place | None:
    offered = [one for one in desk.trial.candidates(gang) if desk.affords(gang, one.pool.profile.id)]
    if gang.before is not None:
        here = [one for one in offered if one.pool.name == gang.before.pool]
        sizes = desk.affordable(gang, here[0].pool.profile.id) if here else ()
        again = seat_again(gang, gang.before, here, desk.trial, sizes)
        if again is not None:
            return again
    for candidate in offered:
        placement = seat(gang, candidate, desk.trial, desk.affordable(gang, candidate.pool.profile.id))
        if placement is not None:
            return placement
    return None
