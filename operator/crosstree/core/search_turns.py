"""Who may look for victims in a cycle: a search costs about as much as some placements, so their number is bounded.

Many searches in vain at the head of the line must not keep those behind from theirs for ever. So some are kept for
them, and they take turns, by the clock: nothing is remembered from one cycle to the next.
"""

from __future__ import annotations

import math

from crosstree.core.desk import Desk

SEARCHES = 64
"""Searches made in full in a cycle in the order of the line."""

IN_TURN = 16
"""Searches besides for those behind, who take turns."""

TURN_SECONDS = 60.0
"""How long a turn is: whoever was passed over is looked at again after that at the latest."""

_GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, modulo 1, fill the line evenly, however long it is and however many turns there were."""


def may_search(desk: Desk) -> bool:
    """Say whether there is a search left for the gang that asks; else note when it is to be asked again.

    Every other turn goes to those right behind the ones who used up the searches; the turns between begin each at
    another place of the line.
    """
    notes = desk.clearing
    if notes.searches < SEARCHES:
        return True
    if notes.spent is None:
        notes.spent = notes.asked
    turn = math.floor(desk.now / TURN_SECONDS)
    part = turn // 2 * _GOLDEN % 1.0 if turn % 2 else 0.0
    passed = math.floor((len(desk.snapshot.gangs) - notes.spent) * part)
    if notes.asked - notes.spent >= passed and notes.searches < SEARCHES + IN_TURN:
        return True
    desk.note_due((turn + 1) * TURN_SECONDS)
    return False
