"""Turns that are in vain: once all reservations are made, who asks for what another asked for gets the same answer.

In a long line most turns are of this kind. They are answered without looking at anything.
"""

from __future__ import annotations

from crosstree.core.alike import asking
from crosstree.core.desk import Desk
from crosstree.core.preemption import searched_in_vain
from crosstree.core.refused import Refused
from crosstree.core.tried import Vain
from crosstree.core.workload import Gang


def known_in_vain(gang: Gang, position: int, desk: Desk) -> Refused | None:
    """Answer a gang as one that asked for the same before; None if it has to have a turn of its own. O(1)."""
    vain = desk.vain.get(asking(gang))
    if vain is None or vain.answers is not desk.accounts.answers or gang.promise is not None:
        return None
    desk.clearing.asked += 1
    _, excess, forecast, ahead, barred, opens = vain
    return Refused(
        gang, position, excess, forecast=forecast, ahead=ahead, barred=barred, opens=opens, again=vain
    )


def note_in_vain(refused: Refused, desk: Desk) -> None:
    """Remember a turn after which nothing has changed, if it would be the same for whoever asks for the same.

    To be called where no place is kept any more. What bookings and budgets leave changes with the accounts.
    """
    gang = refused.gang
    if gang.promise is None and searched_in_vain(gang, desk):
        desk.vain[asking(gang)] = Vain(
            desk.accounts.answers,
            refused.excess,
            refused.forecast,
            refused.ahead,
            refused.barred,
            refused.opens,
        )
