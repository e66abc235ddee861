"""What is known about a gang that does not start in a cycle, between its turn and the sentence it is told."""

from __future__ import annotations

from typing import NamedTuple

from crosstree.core.choose_model import Better
from crosstree.core.fence import Bar
from crosstree.core.horizon import Reservation
from crosstree.core.plan import Forecast, Promise
from crosstree.core.purse import Overdraft
from crosstree.core.quota import Excess
from crosstree.core.tried import Vain
from crosstree.core.workload import Gang


class Refused(NamedTuple):
    """A gang that does not start in this cycle, and all that is known about why: thousands are made in a cycle.

    Attributes:
        gang: Who.
        position: Place in its queue's line, from 1.
        excess: The limit that stands in its way on every model it takes; None if quota does not.
        promise: The place that is going to be cleared for it; None if none is.
        reservation: When it is expected to start, and where; None if that can't be told.
        forecast: When a limit is expected to leave room for it; None if none is in its way, or that can't be told.
        ahead: Reservations there were when it had its turn.
        better: The model it waits for though another could start it now; None if it does not choose to wait.
        barred: What somebody has booked and it would take; None if nothing is.
        opens: The booking of its own queue that gives it its place when it comes into force; empty if none does.
        overdraft: The budget that stands in its way on every model it takes; None if none does.
        again: The turn of one before it that asked for the same, if this is its answer; it shares the words too, but
            for names of jobs of other namespaces.
    """

    gang: Gang
    position: int
    excess: Excess | None = None
    promise: Promise | None = None
    reservation: Reservation | None = None
    forecast: Forecast | None = None
    ahead: int = 0
    better: Better | None = None
    barred: Bar | None = None
    opens: str = ""
    overdraft: Overdraft | None = None
    again: Vain | None = None
