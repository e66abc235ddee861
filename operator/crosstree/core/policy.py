"""What an admin may choose about scheduling, as one value handed to every cycle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Order(Enum):
    """Who goes first inside a queue, among gangs of one priority."""

    AGE = "Age"
    """The oldest."""
    SHORTEST_EXPECTED = "ShortestExpected"
    """The one expected to be done soonest, within what patience allows; longer ones may be stopped for it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of a cycle.

    Attributes:
        max_message: Bounds every explanation, in characters: status and events have limits, and so do
            readers.
        explained_in_full: Distinct requests per cycle for which ways out are tried; each costs a few
            placements. Those further down the queue get the counts alone.
        reservations: Waiting gangs per cycle that get a reservation, first in line first. Those further down start
            only where they are in nobody's way, and are told their position but no time.
        sentences: Whether waiting gangs are told why in words. Without, they are told the kind of reason, position,
            time and promise only. No setting of the operator: drivers of the loop that show no sentence (replays, and
            what-if once everybody was told) leave them out, for they are most of a cycle's work. No decision depends
            on it.
        order: Who goes first inside a queue.
    """

    max_message: int = 480
    explained_in_full: int = 64
    reservations: int = 64
    sentences: bool = True
    order: Order = Order.AGE
