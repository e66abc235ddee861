"""Who goes first when more requests want out than the API server should get at once."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum


class Lane(IntEnum):
    """Order in which waiting requests go out."""

    LAUNCH = 0
    """Pods and their services, made or removed: a gang waits for them."""
    STATE = 1
    """Statuses and objects."""
    NEWS = 2
    """Events for people."""


class Lanes:
    """At most `width` requests in flight; the lowest lane first, first come first served within a lane."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrived = 0

    @asynccontextmanager
    async def slot(self, lane: Lane) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the block."""
        await self._enter(lane)
        try:
            yield
        finally:
            self._free += 1
            self._next()

    async def _enter(self, lane: Lane) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrived += 1
        heapq.heappush(self._waiting, (lane, self._arrived, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn came in the same moment: pass it on
                self._free += 1
                self._next()
            raise

    def _next(self) -> None:
        while self._free and self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._free -= 1
                turn.set_result(None)
