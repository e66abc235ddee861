"""Whose write goes out next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from crosstree.adapters.lanes import Lane, Lanes


async def turn_of_the_loop() -> None:
    """Let everybody who can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Requests that hold their turn until they are told to end."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._ends: list[asyncio.Event] = []
        self.began: list[str] = []

    def ask(self, name: str, lane: Lane) -> asyncio.Task[None]:
        end = asyncio.Event()
        self._ends.append(end)
        return asyncio.create_task(self._hold(name, lane, end))

    async def end(self, number: int) -> None:
        self._ends[number].set()
        await turn_of_the_loop()

    async def _hold(self, name: str, lane: Lane, end: asyncio.Event) -> None:
        async with self._lanes.slot(lane):
            self.began.append(name)
            await end.wait()


async def a_crowd(width: int, *, holding: int) -> Crowd:
    """Fill `width` turns with `holding` pods."""
    crowd = Crowd(Lanes(width))
    for number in range(holding):
        crowd.ask(f"pod{number}", Lane.LAUNCH)
    await turn_of_the_loop()
    return crowd


async def test_pods_go_before_statuses_that_came_first() -> None:
    crowd = await a_crowd(16, holding=16)
    crowd.ask("first", Lane.STATE)
    crowd.ask("status", Lane.STATE)
    crowd.ask("pod", Lane.LAUNCH)
    await crowd.end(0)
    await crowd.end(1)
    assert crowd.began[16:] == ["first", "pod"]


async def test_a_lane_never_starves_behind_an_endless_launch() -> None:
    crowd = await a_crowd(8, holding=8)
    for number in range(100):
        crowd.ask(f"more{number}", Lane.LAUNCH)
    for name, lane in (("service", Lane.SUPPORT), ("status", Lane.STATE), ("event", Lane.NEWS)):
        crowd.ask(name, lane)
    for number in range(4):
        await crowd.end(number)
    assert {"service", "status", "event"} <= set(crowd.began)


async def test_news_never_take_more_than_their_share() -> None:
    crowd = Crowd(Lanes(32))
    for number in range(32):
        crowd.ask(f"event{number}", Lane.NEWS)
    await turn_of_the_loop()
    assert len(crowd.began) == 1


@pytest.mark.parametrize("cancelled", [(0,), (1,), (0, 1), (2, 1, 0)], ids=str)
async def test_who_gives_up_waiting_holds_up_nobody(cancelled: Sequence[int]) -> None:
    crowd = await a_crowd(2, holding=2)
    waiting = [crowd.ask(f"late{number}", Lane.STATE) for number in range(4)]
    await turn_of_the_loop()
    for number in cancelled:
        waiting[number].cancel()
    for number in (*range(2), *range(2, 6)):
        await crowd.end(number)
    assert set(crowd.began[2:]) == {f"late{number}" for number in range(4) if number not in cancelled}


async def test_a_turn_that_comes_with_the_cancellation_is_passed_on() -> None:
    crowd = await a_crowd(1, holding=1)
    given_up, next_one = crowd.ask("given up", Lane.LAUNCH), crowd.ask("next", Lane.LAUNCH)
    await turn_of_the_loop()
    crowd._ends[0].set()
    await asyncio.sleep(0)  # the holder wakes, and gives its turn to the first who waits
    given_up.cancel()
    await turn_of_the_loop()
    assert crowd.began == ["pod0", "next"]
    next_one.cancel()
