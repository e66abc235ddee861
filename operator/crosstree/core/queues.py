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
class QueueSpec:
    """One JobQueue.

    Attributes:
        name: Its name.
        parent: The queue above it; empty for a root.
        weight: Its share, beside its siblings, of what guarantees leave. More than 0.
        quotas: At most one per model.
        rates: What one accelerator of a model counts for in comparisons across models; 1 where not named.
        calendar: What it has booked, in any order; names differ.
    """

    name: str
    parent: str = ""
    weight: float = 1.0
    quotas: tuple[Quota, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()
    calendar: tuple[Booking, ...] = ()
