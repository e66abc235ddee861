"""What keeps the engine turning in a live process: coalesced wake-ups of the loop, and reconcile workers.

The simulator needs none of this: it calls `SchedulingLoop.step` itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from crosstree.base.clock import Clock
from crosstree.base.errors import FORBIDDEN, ApiError, Conflict, Throttled
from crosstree.engine.work import Again, Done, Outcome, WorkQueue

K = TypeVar("K", bound=Hashable)

FIRST_RETRY = 0.2
"""Seconds before the first retry of something the API server may do later; doubles up to `LAST_RETRY`."""

LAST_RETRY = 30.0
"""Seconds between retries of something that keeps failing: rare enough to cost nothing."""

SOONEST = 0.1
"""Seconds between a step and one that is due for no other reason than time: a plan that is due at once, again and
again, does not keep the process busy."""

SLOW_RETRY = 60.0
"""Seconds before a look at an object that failed for a reason that waiting does not cure."""


class Waker:
    """Turns any number of wake-ups into few steps.

    A burst of changes within `window` seconds is one step; without any wake-up a step is due every `idle`
    seconds, which heals one that got lost. What nobody waits for, such as a pod that started as decided, may
    take `lazy` seconds: while gangs start there are hundreds of those a second.
    """

    def __init__(self, *, window: float, idle: float, lazy: float = 0.0) -> None:
        self._window = window
        self._idle = idle
        self._lazy = lazy
        self._called = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Ask for a step soon. Cheap; call it as often as you like."""
        self._called.set()

    def wake_lazily(self) -> None:
        """Ask for a step within `lazy` seconds; one that comes sooner for another reason will do."""
        if self._later is None and not self._called.is_set():
            self._later = asyncio.get_running_loop().call_later(self._lazy, self._called.set)

    async def next(self, due_in: float | None = None) -> None:
        """Return when a step is due.

        Args:
            due_in: Seconds after which one is due though nobody asks for it; None if time alone changes nothing.
        """
        try:
            async with asyncio.timeout(
                self._idle if due_in is None else min(self._idle, max(due_in, SOONEST))
            ):
                await self._called.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._window)
        self._called.clear()
        if self._later is not None:
            self._later.cancel()
            self._later = None


class Workers(Generic[K]):
    """Reconciles keys from a queue, several at a time; an error of one key never reaches another.

    Args:
        queue: Where keys come from.
        reconcile: Looks at one key: `reconcile(key, now)`.
        clock: Gives `now`.
        failed: Told about every error: key, error, how many in a row, seconds until the retry. Logs and counts.
    """

    def __init__(
        self,
        queue: WorkQueue[K],
        reconcile: Callable[[K, float], Awaitable[Outcome]],
        clock: Clock,
        failed: Callable[[K, Exception, int, float], None],
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._clock = clock
        self._failed = failed
        self._failures: dict[K, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._working: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self, count: int) -> None:
        """Begin to work, `count` keys at once."""
        self._tasks += [asyncio.create_task(self._work(), name=f"worker-{i}") for i in range(count)]

    async def stop(self, grace: float) -> bool:
        """Take no further key, let the reconciles under way finish for `grace` seconds, then cancel them.

        Returns:
            Whether none had to be cancelled.
        """
        self._stopping = True
        for task in self._tasks:
            if task not in self._working:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        cut = bool(self._working)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return not cut

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        while not self._stopping:
            key = await self._queue.get()
            self._working.add(me)
            try:
                await self._one(key)
            finally:
                self._working.discard(me)
                self._queue.done(key)

    async def _one(self, key: K) -> None:
        try:
            outcome = await self._reconcile(key, self._clock.now())
        except Exception as error:  # the process outlives any object; `failed` reports it
            self._failures[key] = count = self._failures.get(key, 0) + 1
            delay = retry_delay(error, count)
            self._failed(key, error, count, delay)
            self._queue.add_after(key, delay)
            return
        self._failures.pop(key, None)
        match outcome:
            case Again(after):
                self._queue.add_after(key, after)
            case Done():
                pass


def retry_delay(error: Exception, count: int) -> float:
    """Return the seconds to wait before the `count`-th retry after `error`.

    A lost race is tried again at once, for the next look reads afresh; but not for ever, should our view of
    the object stay behind.
    """
    growing = min(FIRST_RETRY * float(2 ** min(count - 1, 16)), LAST_RETRY)
    match error:
        case Conflict():
            return 0.0 if count <= 1 else growing
        case Throttled():
            return max(error.retry_after, growing)
        case ApiError() if error.retryable or error.status == FORBIDDEN:
            # Rights and quotas come back without a word: an upgrade of the chart takes them away for a moment.
            return growing
        case _:
            return SLOW_RETRY
