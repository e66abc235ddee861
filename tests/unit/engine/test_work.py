"""Which key is handed out, when, and to how many workers."""

from __future__ import annotations

import asyncio

import pytest

from crosstree.base.clock import VirtualClock
from crosstree.engine.work import WorkQueue


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def queue(clock: VirtualClock) -> WorkQueue[str]:
    return WorkQueue(clock.now)


async def drain(queue: WorkQueue[str]) -> list[str]:
    """Take and give back everything that is ready."""
    taken = []
    while True:
        try:
            async with asyncio.timeout(0.01):
                key = await queue.get()
        except TimeoutError:
            return taken
        taken.append(key)
        queue.done(key)


async def test_a_key_added_many_times_is_handed_out_once(queue):
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert await drain(queue) == ["a", "b"]


async def test_a_key_is_never_with_two_workers(queue):
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    assert await drain(queue) == []
    queue.done("a")
    assert await drain(queue) == ["a"]


async def test_a_key_that_nobody_added_meanwhile_is_not_handed_out_again(queue):
    queue.add("a")
    queue.done(await queue.get())
    assert await drain(queue) == []


async def test_a_delay_is_kept_on_the_given_clock(queue, clock):
    queue.add_after("a", 5.0)
    clock.advance(4.9)
    queue.release()
    assert await drain(queue) == []
    clock.advance(0.1)
    queue.release()
    assert await drain(queue) == ["a"]


async def test_the_earliest_of_several_delays_counts_and_only_once(queue, clock):
    queue.add_after("a", 5.0)
    queue.add_after("a", 1.0)
    queue.add_after("a", 9.0)
    clock.advance(1.0)
    queue.release()
    assert await drain(queue) == ["a"]
    clock.advance(60.0)
    queue.release()
    assert await drain(queue) == []


async def test_adding_a_key_ends_its_delay(queue, clock):
    queue.add_after("a", 5.0)
    queue.add("a")
    assert await drain(queue) == ["a"]
    clock.advance(60.0)
    queue.release()
    assert await drain(queue) == []


async def test_a_delay_asked_for_while_working_is_kept(queue, clock):
    queue.add("a")
    key = await queue.get()
    queue.add_after(key, 1.0)
    queue.done(key)
    assert await drain(queue) == []
    clock.advance(1.0)
    queue.release()
    assert await drain(queue) == ["a"]


async def test_a_delay_ends_by_itself_on_a_real_clock():
    queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time)
    queue.add_after("a", 0.005)
    async with asyncio.timeout(5):
        assert await queue.get() == "a"


async def test_a_cancelled_worker_loses_no_key(queue):
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    waiting.cancel()
    queue.add("a")
    assert await drain(queue) == ["a"]


async def test_every_waiting_worker_gets_its_own_key(queue):
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for key in ("a", "b", "c"):
        queue.add(key)
    assert sorted(await asyncio.gather(*workers)) == ["a", "b", "c"]


async def test_delays_that_were_overtaken_are_forgotten(queue, clock):
    for _ in range(1000):
        queue.add_after("a", 1e6)
        queue.add("a")
        assert await queue.get() == "a"
        queue.done("a")
    queue.add_after("b", 5.0)
    queue.add_after("a", 10.0)
    assert queue.remembered < 200
    clock.advance(10.0)
    queue.release()
    assert await drain(queue) == ["b", "a"]
