"""How an AICluster schedules: what its admin chose in `spec.scheduling`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Backfill(Enum):
    """Which waiting gangs get a reservation that later ones must not delay."""

    NONE = "None"
    """None: a large gang may wait for ever behind small ones."""
    EASY = "EASY"
    """The first that can't start."""
    CONSERVATIVE = "Conservative"
    """Every one, as many as `Policy.reservations`."""


class Preemption(Enum):
    """Who may be stopped for whom."""

    NEVER = "Never"
    """Nobody."""
    LOWER_PRIORITY = "LowerPriority"
    """A gang of lower priority for one of higher; and what a queue borrowed, for the queue that is owed it."""


@dataclass(frozen=True, slots=True)
class Manners:
    """Settings of one AICluster.

    Attributes:
        backfill: Who gets reservations.
        preemption: Who may be stopped.
        min_runtime: Seconds for which a gang that has started is not stopped for another.
    """

    backfill: Backfill = Backfill.CONSERVATIVE
    preemption: Preemption = Preemption.LOWER_PRIORITY
    min_runtime: float = 600.0
