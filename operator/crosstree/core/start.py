"""One gang's turn: start it now, or make room for it, or reserve a time, in this order."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.choose_model import Better, better
from crosstree.core.desk import UNKEPT, Desk
from crosstree.core.places import place
from crosstree.core.plan import Decision, Forecast
from crosstree.core.preemption import propose
from crosstree.core.promises import as_stored, begin
from crosstree.core.purse import Overdraft
from crosstree.core.refused import Refused
from crosstree.core.vain import known_in_vain, note_in_vain
from crosstree.core.workload import Gang


def start(gang: Gang, position: int, desk: Desk) -> tuple[Decision, ...] | Refused:
    """Give a gang its turn. What it gets is booked on the desk.

    Returns:
        Its place; or orders to those who make room for it by a plan that is stored, with its own `Wait`; or why it
        waits otherwise.
    """
    # 0. Who asks for what another asked for in vain gets the same answer; what no budget allows, nobody makes room for.
    if (known := known_in_vain(gang, position, desk)) is not None:
        return known
    allowed = desk.within_budget(gang)
    if isinstance(allowed, Overdraft):
        return Refused(gang, position, forecast=_opening(allowed), overdraft=allowed)
    gang = allowed
    # 1. Free capacity: where it was, as far as that still stands, else the first model it prefers that holds it; unless
    # it is better off waiting for a faster one.
    limit = desk.limit(gang)
    if limit is None and not desk.failed(gang):
        mark = desk.checkpoint()
        if placed := place(gang, desk):
            worth = better(gang, placed, desk)
            if worth is None:
                return (desk.book(gang, placed),)
            desk.rollback(mark)
            return _waits_for(gang, position, worth, desk)
        if desk.barred(gang) is None:  # who is not, though it asks for the same, may fit
            desk.note_failure(gang)
    # 2. Capacity that others have to leave: by the plan that is stored as long as it stands, else by a new one.
    if orders := begin(gang, desk):
        return orders
    if promise := propose(gang, desk):
        return Refused(gang, position, limit, promise=as_stored(promise, gang, desk))
    # 3. Capacity that comes free; none is of use beyond a limit.
    told_all = desk.told_all
    if limit is None:
        refused = _in_time(gang, position, desk)
    else:
        refused = Refused(gang, position, limit, forecast=desk.foresee(gang))
    if told_all:
        note_in_vain(refused, desk)
    return refused


def _in_time(gang: Gang, position: int, desk: Desk) -> Refused:
    """Say when there will be room for a gang, and keep the place for it as far as that is its turn."""
    ahead, barred = len(desk.horizon.reservations), desk.barred(gang)
    reservation = desk.reserve(gang)
    if (opening := desk.opening(gang, reservation)) is not None:
        opens, forecast = opening
        return Refused(gang, position, forecast=forecast, ahead=ahead, barred=barred, opens=opens)
    return Refused(gang, position, reservation=reservation, ahead=ahead, barred=barred)


def _opening(overdraft: Overdraft) -> Forecast | None:
    """Say when a gang that a budget keeps waiting may start; no place is kept for it then."""
    return None if overdraft.opens is None else Forecast(overdraft.opens, UNKEPT)


def _waits_for(gang: Gang, position: int, worth: Better, desk: Desk) -> Refused:
    """Hold the place on the better model for a gang that could start on another one now."""
    ahead = len(desk.horizon.reservations)
    reservation = desk.reserve(replace(gang, models=(worth.model,)))
    return Refused(gang, position, reservation=reservation, ahead=ahead, better=worth)
