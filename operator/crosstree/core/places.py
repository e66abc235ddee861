"""One gang on all pools: the first candidate that holds it. `seat` places it on a pool, `start` decides whether to."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.desk import Desk
from crosstree.core.plan import Place
from crosstree.core.seat import seat, seat_again
from crosstree.core.workload import Gang


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
    offered = [one for one in desk.trial.candidates(gang) if desk.opens(gang, one.pool.profile.id)]
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
