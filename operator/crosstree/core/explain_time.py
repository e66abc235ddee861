"""Time in words: who holds a gang off nodes that are free, when it is expected to start, and what it waits for.

Jobs of the gang's own namespace are named, others are counted. A start is rounded up, the begin of a reservation down,
so that neither promises more than there is.
"""

from __future__ import annotations

from collections.abc import Sequence

from crosstree.base.moments import clock
from crosstree.core.alike import Shape, shape_of
from crosstree.core.candidates import candidates
from crosstree.core.desk import Desk
from crosstree.core.expect import or_assumed, trusted
from crosstree.core.horizon import Reservation
from crosstree.core.placement.pack import shortfall
from crosstree.core.plan import Forecast, Wait, WaitReason
from crosstree.core.refused import Refused
from crosstree.core.sizes import smallest
from crosstree.core.workload import Gang

_ENDINGS = (
    ("; else it starts when running work ends.", "; else "),
    (" would start it now.", " would start it now; else "),
    (" It starts when running work ends.", " "),
)
"""How a way out ends, and how it goes on where a time can be told."""


class TimeWords:
    """Tells about reservations as they stood when each gang had its turn."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._fits: dict[Shape, str] = {}

    def held_off(self, one: Refused) -> Wait | None:
        """Explain a gang that would fit now if nothing were reserved; None if it would not."""
        if not one.ahead:
            return None
        gang, desk = one.gang, self._desk
        shape = shape_of(gang)
        if shape not in self._fits:
            self._fits[shape] = "" if desk.search.hopeless(gang) else self._where_it_fits(gang)
        name = self._fits[shape]
        if not name:
            return None
        pool = next(pool for pool in desk.snapshot.pools if pool.name == name)
        others = desk.horizon.in_the_way(gang, pool, one.ahead)
        if not others:
            return None
        first = min(others, key=lambda other: other.since)
        size = f"{_workers(smallest(gang))} of {gang.devices} {pool.profile.id}"
        owner = _owner(first, gang, others)
        if first.since <= desk.now:
            text = (
                f"{size} would fit now, but nodes for them are kept for {owner}, put off too often already."
            )
        else:
            begin = clock(first.since, desk.now, early=True)
            text = (
                f"{size} would fit now, but nodes for them are reserved from {begin} on for {owner}, and "
                f"{_stays(gang)} would start it now."
            )
        return Wait(gang.key, gang.uid, WaitReason.RESERVED_FOR_OTHER, text)

    def with_time(self, message: str, one: Refused) -> str:
        """Put into a sentence when the gang is expected to start and what it waits for, within the longest message."""
        told = one.reservation.forecast if one.reservation is not None else one.forecast
        if told is None:
            return message
        words = self._expected(told, one)
        end, link = next(((end, link) for end, link in _ENDINGS if message.endswith(end)), ("", " "))
        head, tail = message.removesuffix(end) + link, words
        if not link.endswith("else "):
            tail = tail[0].upper() + tail[1:]
        room = self._desk.policy.max_message - len(tail)
        return (head if len(head) <= room else head[: max(room - 2, 0)].rstrip() + "… ") + tail

    def _expected(self, told: Forecast, one: Refused) -> str:
        when = f"expected by {clock(told.start, self._desk.now)}"
        if one.opens:
            return f"{when}, when booking {one.opens} of its queue begins."
        if one.reservation is None:
            return f"{when}{_guess(told)}."
        blockers, behind = one.reservation.blockers, one.reservation.behind
        parts = []
        if blockers:
            parts.append(f"when {_jobs(blockers, one.gang)} {'ends' if len(blockers) == 1 else 'have ended'}")
        if behind:
            parts.append(f"after {len(behind)} of the jobs that wait before it")
        return f"{when}{''.join(f' {part}' for part in parts)}{_guess(told)}."

    def _where_it_fits(self, gang: Gang) -> str:
        """Return the name of the first pool that would hold the gang now if nothing were reserved; empty if none."""
        trial = self._desk.trial
        for one in candidates(gang, trial.snapshot.pools, trial.free, trial.snapshot.allocatable)[0]:
            slots = trial.usable_slots(gang, one.pool)
            if (
                self._desk.affords(gang, one.pool.profile.id)
                and shortfall(one.pool.fabric, slots, one.need) is None
            ):
                return one.pool.name
        return ""


def _jobs(keys: Sequence[str], gang: Gang) -> str:
    """Name the last of these jobs if it is of the gang's namespace, and count the others."""
    if keys[0].partition("/")[0] != gang.namespace:
        return "a job of another namespace" if len(keys) == 1 else f"{len(keys)} jobs"
    more = len(keys) - 1
    return f"job {keys[0]}" if not more else f"job {keys[0]} and {more} more"


def _stays(gang: Gang) -> str:
    """Say why it is not let in, and what would let it: `… would start it now`."""
    if trusted(gang.expected) == float("inf"):
        stays = "nothing is known of how long this job runs."
    else:
        stays = "this job would still be on them then."
    percent = or_assumed(gang.expected).percent_of_declared
    if percent == 100:
        return f"{stays} A spec.expectedDuration that ends before that"
    return (
        f"{stays} Jobs like it run {percent} % of the spec.expectedDuration they declare; "
        "one of which that much ends before that"
    )


def _owner(first: Reservation, gang: Gang, others: Sequence[Reservation]) -> str:
    own = gang.namespace == first.gang.namespace
    who = f"job {first.gang.key}" if own else "a job of another namespace"
    more = len(others) - 1
    return f"{who}, which is before it in the line" + (f", and {more} more" if more else "")


def _guess(told: Forecast) -> str:
    return "" if told.confidence > 0 else ", at a guess: nothing is known of how long they run"


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"
