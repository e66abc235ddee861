"""Which object is looked at next: a queue of keys for reconcile workers, and what a reconcile answers.

Keys, not events: ten changes of one object while it waits are one look at it, and what is done depends only on
what is true when it is looked at. Prior art: client-go `workqueue` (dirty and processing sets).
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


STALE = 64
"""Delays that were overtaken and are remembered all the same, beside twice as many as there are keys that wait."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to do until something changes."""


@dataclass(frozen=True, slots=True)
class Again:
    """Look again in `after` seconds, sooner if something changes."""

    after: float


Outcome = Done | Again


class WorkQueue(Generic[K]):
    """Keys waiting for a worker; one event loop, any number of workers.

    A key is never handed to two workers at once; added while it is worked on, it is handed out once more
    afterwards. Order is first come, first served.

    Args:
        now: A reading in seconds that only grows. Delays are measured on it; under a virtual clock call
            `release` after moving it.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ready: asyncio.Queue[K] = asyncio.Queue()
        self._dirty: set[K] = set()
        self._busy: set[K] = set()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._pushed = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Count the keys that want a look now; those that wait for a delay are not among them."""
        return len(self._dirty)

    @property
    def busy(self) -> int:
        """Number of keys that workers hold."""
        return len(self._busy)

    @property
    def remembered(self) -> int:
        """Number of delays that take up memory, those included that have been overtaken."""
        return len(self._heap)

    def add(self, key: K) -> None:
        """Ask for a look at `key` as soon as a worker is free; a delay it was waiting for is over."""
        self._due.pop(key, None)
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._busy:
            self._ready.put_nowait(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Ask for a look at `key` in `seconds`; the earliest of several delays counts, `add` beats them all."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._now() + seconds
        if key in self._dirty or self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        self._pushed += 1
        if len(self._heap) > STALE + 2 * len(self._due):
            # Delays that were overtaken would lie there until they are over, some for weeks.
            self._heap = [one for one in self._heap if self._due.get(one[2]) == one[0]]
            heapq.heapify(self._heap)
        heapq.heappush(self._heap, (due, self._pushed, key))
        self.release()

    def release(self) -> None:
        """Make every key ready whose delay is over, and set the timer for the next one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._heap:
            due, _, key = self._heap[0]
            left = due - self._now()
            if self._due.get(key) != due:  # added meanwhile, or delayed to an earlier time
                heapq.heappop(self._heap)
            elif left > 0:
                self._timer = asyncio.get_running_loop().call_later(left, self.release)
                return
            else:
                heapq.heappop(self._heap)
                self.add(key)

    async def get(self) -> K:
        """Return the next key, waiting for one; the caller must call `done` with it, whatever happens."""
        key = await self._ready.get()
        self._dirty.discard(key)
        self._busy.add(key)
        return key

    def done(self, key: K) -> None:
        """Give a key back; if it was added meanwhile it becomes ready again."""
        self._busy.discard(key)
        if key in self._dirty:
            self._ready.put_nowait(key)
