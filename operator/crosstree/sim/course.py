"""One life of a snapshot: who starts, who is stopped on the way, and when it goes on. Read by `what_if`."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from crosstree.core.plan import WaitReason
from crosstree.sim.continuation import Started, Stopped


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One life of a snapshot.

    Attributes:
        starts: The first start of everybody who started, by key; of one that ran when it began, where it goes on first.
        resumed: Their later starts, in order, by key: after having been stopped, or to run with another size.
        stops: Who was told to make room or to grow, in order.
        reasons: Why those wait who do not start, by key: reason and sentence.
        positions: Place of each in the line of its queue when it was first told to wait, by key.
        until: Up to when it was lived, seconds since the epoch.
    """

    starts: dict[str, Started]
    resumed: dict[str, tuple[Started, ...]]
    stops: tuple[Stopped, ...]
    reasons: dict[str, tuple[WaitReason, str]]
    positions: dict[str, int]
    until: float


@dataclass(frozen=True, slots=True)
class Pause:
    """A job that ran is told to stop, and goes on later.

    Attributes:
        at: When it is told, seconds since the epoch.
        until: When it goes on; None for not within what was lived.
        workers: Size it goes on with; 0 for its own.
        beneficiary: For whom it stops; empty if for no job in particular.
    """

    at: float
    until: float | None
    workers: int
    beneficiary: str

    @property
    def grows(self) -> bool:
        """Whether it stops only to go on with more workers."""
        return self.workers > 0 and not self.beneficiary


def pauses(course: Course, waited: Set[str]) -> dict[str, tuple[Pause, ...]]:
    """Tell of everybody who was stopped in a life when that was, in order, by key.

    Args:
        course: The life.
        waited: Who was in line when it began; their first start ends no pause.

    O(S) in the stops of the life.
    """
    found: dict[str, list[Pause]] = {}
    for stop in course.stops:
        own = found.setdefault(stop.key, [])
        first = course.starts.get(stop.key)
        starts = (first, *course.resumed.get(stop.key, ())) if first is not None else ()
        # Starts and stops of one job take turns, so that their number says which belong together; times may be equal.
        at = len(own) + (stop.key in waited)
        until = starts[at].at if at < len(starts) else None
        own.append(Pause(stop.at, until, stop.workers, stop.beneficiary))
    return {key: tuple(own) for key, own in found.items()}
