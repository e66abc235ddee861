"""What is going to happen: events in order of time, ties in the order in which they were written down."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from typing import Generic, TypeVar

Event = TypeVar("Event")


class Calendar(Generic[Event]):
    """A heap of events. Events that have become pointless stay in it; whoever takes them out knows."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Event]] = []
        self._written = 0

    def __len__(self) -> int:
        """Number of events to come."""
        return len(self._heap)

    def write(self, at: float, event: Event) -> None:
        """Let an event happen at an instant, seconds since the epoch. O(log n)."""
        self._written += 1
        heappush(self._heap, (at, self._written, event))

    def next(self) -> float:
        """Return when the next event happens, seconds since the epoch; `math.inf` for never."""
        return self._heap[0][0] if self._heap else math.inf

    def take(self, until: float) -> tuple[float, Event] | None:
        """Take out the next event if it happens at or before `until`; None if it does not."""
        if not self._heap or self._heap[0][0] > until:
            return None
        at, _, event = heappop(self._heap)
        return at, event
