"""How wake-ups become steps, and what happens to a key whose reconcile fails."""

from __future__ import annotations

import asyncio

import pytest

from crosstree.base.clock import VirtualClock, monotonic
from crosstree.base.errors import Conflict, Refused, SpecError, Throttled, Unavailable
from crosstree.engine.drive import LAST_RETRY, SLOW_RETRY, SOONEST, Waker, Workers, retry_delay
from crosstree.engine.work import Again, Done, WorkQueue


async def test_a_burst_of_wake_ups_is_one_step():
    waker = Waker(window=0.01, idle=60)
    for _ in range(100):
        waker.wake()
    await waker.next()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            await waker.next()


async def test_a_wake_up_after_the_window_is_another_step():
    waker = Waker(window=0.0, idle=60)
    waker.wake()
    await waker.next()
    waker.wake()
    async with asyncio.timeout(5):
        await waker.next()


async def test_a_lazy_wake_up_is_a_step_in_its_own_time_or_with_the_next_that_comes():
    waker = Waker(window=0.0, idle=60, lazy=0.05)
    waker.wake_lazily()
    async with asyncio.timeout(5):
        await waker.next()
    waker.wake_lazily()
    waker.wake()
    await waker.next()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await waker.next()


async def test_without_a_wake_up_a_step_is_due_after_the_idle_time():
    async with asyncio.timeout(5):
        await Waker(window=60, idle=0.01).next()


async def test_a_step_is_due_when_time_alone_changes_the_answer():
    async with asyncio.timeout(5):
        await Waker(window=60, idle=60).next(due_in=0.01)


async def test_a_plan_that_is_always_due_does_not_keep_the_process_busy():
    waker = Waker(window=0.0, idle=60)
    began = monotonic()
    await waker.next(due_in=-5.0)
    assert monotonic() - began >= SOONEST / 2


@pytest.mark.parametrize(
    ("error", "count", "delay"),
    [
        (Conflict("lost"), 1, 0.0),
        (Conflict("lost"), 2, 0.4),
        (Unavailable("down"), 1, 0.2),
        (Unavailable("down"), 40, LAST_RETRY),
        (Throttled("slow", retry_after=7.0), 1, 7.0),
        (Refused("no"), 1, SLOW_RETRY),
        (Refused("no rights yet", status=403), 2, 0.4),
        (SpecError("odd"), 1, SLOW_RETRY),
        (ZeroDivisionError(), 3, SLOW_RETRY),
    ],
)
def test_the_retry_fits_the_error(error, count, delay):
    assert retry_delay(error, count) == pytest.approx(delay)


class Bench:
    """One worker over a queue on a virtual clock, with a reconcile that does as told."""

    def __init__(self, *answers) -> None:
        self.clock = VirtualClock()
        self.queue: WorkQueue[str] = WorkQueue(self.clock.now)
        self.answers = list(answers)
        self.seen: list[str] = []
        self.failed: list[tuple[str, float]] = []
        self.workers = Workers(self.queue, self.reconcile, self.clock, self.report)

    async def __aenter__(self) -> Bench:
        self.workers.start(1)
        return self

    async def __aexit__(self, *_) -> None:
        await self.workers.stop(0.0)

    async def reconcile(self, key: str, now: float) -> Done | Again:
        self.seen.append(key)
        answer = self.answers.pop(0) if self.answers else Done()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def report(self, key: str, error: Exception, count: int, delay: float) -> None:
        self.failed.append((key, delay))

    async def turn(self, seconds: float = 0.0) -> None:
        """Move the clock, then work until nothing is ready."""
        self.clock.advance(seconds)
        self.queue.release()
        for _ in range(50):
            await asyncio.sleep(0)


async def test_a_key_is_looked_at_again_when_it_asked_for_it():
    async with Bench(Again(10.0)) as bench:
        bench.queue.add("a")
        await bench.turn()
        await bench.turn(9.0)
        assert bench.seen == ["a"]
        await bench.turn(1.0)
        assert bench.seen == ["a", "a"]


async def test_a_lost_race_is_tried_again_at_once():
    async with Bench(Conflict("lost")) as bench:
        bench.queue.add("a")
        await bench.turn()
        assert bench.seen == ["a", "a"]
        assert bench.failed == [("a", 0.0)]


async def test_a_bug_in_one_key_does_not_stop_the_others():
    async with Bench(ZeroDivisionError()) as bench:
        bench.queue.add("a")
        bench.queue.add("b")
        await bench.turn()
        assert bench.seen == ["a", "b"]
        await bench.turn(SLOW_RETRY)
        assert bench.seen == ["a", "b", "a"]


async def test_a_success_resets_the_backoff():
    async with Bench(Unavailable("down"), Unavailable("down"), Done(), Unavailable("down")) as bench:
        bench.queue.add("a")
        await bench.turn()
        await bench.turn(1.0)
        await bench.turn(1.0)
        bench.queue.add("a")
        await bench.turn()
        assert [delay for _, delay in bench.failed] == [0.2, 0.4, 0.2]


class Slow:
    """A reconcile that ends when told to."""

    def __init__(self) -> None:
        self.queue: WorkQueue[str] = WorkQueue(VirtualClock().now)
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended: list[str] = []
        self.workers = Workers(self.queue, self.reconcile, VirtualClock(), lambda *_: None)

    async def reconcile(self, key: str, now: float) -> Done:
        self.started.set()
        await self.may_end.wait()
        self.ended.append(key)
        return Done()


async def test_stopping_lets_the_write_in_flight_finish_and_takes_no_other_key():
    slow = Slow()
    slow.workers.start(1)
    slow.queue.add("a")
    await slow.started.wait()
    slow.queue.add("b")
    stopping = asyncio.create_task(slow.workers.stop(5.0))
    await asyncio.sleep(0)
    slow.may_end.set()
    await stopping
    assert slow.ended == ["a"]


async def test_stopping_cancels_what_outlasts_the_grace():
    slow = Slow()
    slow.workers.start(2)
    slow.queue.add("a")
    await slow.started.wait()
    async with asyncio.timeout(5):
        await slow.workers.stop(0.01)
    assert slow.ended == []
    assert slow.queue.busy == 0
