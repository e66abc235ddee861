"""Two lives of a snapshot, job by job: when each stands still in the one and in the other. Read by `what_if`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from enum import Enum

from crosstree.sim.course import Course, pauses


class Turn(Enum):
    """What the second life does to a job."""

    SHIFTED = "shifted"
    """It stands still in both, and starts or goes on at another time."""

    STOPPED = "stopped"
    """It stands still only in the second."""

    SPARED = "spared"
    """It stands still only in the first."""


@dataclass(frozen=True, slots=True)
class Idle:
    """A job that is there stands still: it waits for its first start, or was stopped and waits to go on.

    Attributes:
        since: From when, seconds since the epoch.
        until: When it starts or goes on; infinite for not within what was lived.
    """

    since: float
    until: float

    def ends_before(self, other: Idle | None) -> bool:
        """Whether the other does not even begin until this one is over; true if there is no other."""
        return other is None or self.until < other.since


@dataclass(frozen=True, slots=True)
class Difference:
    """How a job fares otherwise.

    Attributes:
        job: `namespace/name`.
        turn: What becomes of it.
        before: When it runs in the first life, seconds since the epoch: again, or still if it is only stopped in the
            second; None for not within what was lived.
        after: The same in the second.
    """

    job: str
    turn: Turn
    before: float | None
    after: float | None


def idle_times(course: Course, waited: Set[str], now: float) -> dict[str, list[Idle]]:
    """Tell when everybody stands still who ever does, in order, by key.

    Args:
        course: The life.
        waited: Who was in line when it began.
        now: When it began, seconds since the epoch.

    Stops of those who go on with more workers are left out: they gain by it (`growing`).
    """
    found: dict[str, list[Idle]] = {}
    for key in waited:
        first = course.starts.get(key)
        found[key] = [Idle(now, math.inf if first is None else first.at)]
    for key, own in pauses(course, waited).items():
        lost = [Idle(one.at, math.inf if one.until is None else one.until) for one in own if not one.grows]
        found.setdefault(key, []).extend(lost)
    return found


def growing(course: Course) -> set[str]:
    """Return who goes on with more workers at least once in a life, by key."""
    return {key for key, own in pauses(course, frozenset()).items() if any(one.grows for one in own)}


def compared(
    was: Mapping[str, list[Idle]], then: Mapping[str, list[Idle]], keys: Iterable[str]
) -> tuple[Difference, ...]:
    """Tell who fares otherwise in the second life than in the first, by key: the first difference of each."""
    found = []
    for key in sorted(keys):
        one, two = list(was.get(key, ())), list(then.get(key, ()))
        while one and two and one[0].until == two[0].until:
            one, two = one[1:], two[1:]
        difference = _first(key, one[0] if one else None, two[0] if two else None)
        if difference is not None:
            found.append(difference)
    return tuple(found)


def _first(key: str, was: Idle | None, then: Idle | None) -> Difference | None:
    # Two that do not touch are two events: a job that is moved away in time is stopped now, not started earlier.
    if then is not None and then.ends_before(was):
        return Difference(key, Turn.STOPPED, then.since, _time(then.until))
    if was is not None and was.ends_before(then):
        return Difference(key, Turn.SPARED, _time(was.until), was.since)
    if was is not None and then is not None:
        return Difference(key, Turn.SHIFTED, _time(was.until), _time(then.until))
    return None


def _time(at: float) -> float | None:
    return at if at < math.inf else None
