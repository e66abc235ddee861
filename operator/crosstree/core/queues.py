"""JobQueues as the scheduler sees them: a tree of guarantees, limits and weights. `quota` does the sums."""

from __future__ import annotations

from dataclasses import dataclass

from crosstree.core.calendar import Booking

ANY_MODEL = "*"
"""A quota over all models together, in accelerators times their exchange rates."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a queue may have of one model, in accelerators.

    Attributes:
        model: Profile id, or `ANY_MODEL`.
        guaranteed: What it can always get back; 0 for nothing.
        limit: What it, with all queues below it, never exceeds; None for no limit.
    """

    model: str
    guaranteed: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a queue, with all queues below it, may use of one model in a period. `budgets` does the sums.

    Attributes:
        model: Profile id, or `ANY_MODEL`.
        seconds: Accelerator-seconds of each period, for `ANY_MODEL` times the exchange rates.
        start: When the first period began, seconds since the epoch.
        every: Length of a period in seconds; None for one that never ends.
    """

    model: str
    seconds: float
    start: float = 0.0
    every: float | None = None


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """One JobQueue.

    Attributes:
        name: Its name.
        parent: The queue above it; empty for a root.
        weight: Its share, beside its siblings, of what guarantees leave. More than 0.
        quotas: At most one per model.
        rates: What one accelerator of a model counts for in comparisons across models; 1 where not named.
        calendar: What it has booked, in any order; names differ.
        budgets: At most one per model.
        max_run_time: Seconds that a run may last in it and below; None for any.
    """

    name: str
    parent: str = ""
    weight: float = 1.0
    quotas: tuple[Quota, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()
    calendar: tuple[Booking, ...] = ()
    budgets: tuple[Budget, ...] = ()
    max_run_time: float | None = None


@dataclass(frozen=True, slots=True)
class RunBound:
    """A bound on every run of a queue.

    Attributes:
        queue: The queue that sets it: the job's own, or one above it.
        seconds: From when a gang gets its place.
    """

    queue: str
    seconds: float
