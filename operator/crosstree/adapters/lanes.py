"""Who goes first when more requests want out than the API server should get at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum


class Lane(IntEnum):
    """Order in which waiting requests go out."""

    LAUNCH = 0
    """Pods, and the placements they follow from: a gang waits for them."""
    SUPPORT = 1
    """Services: needed by the time containers start, a second or more after their pods exist."""
    STATE = 2
    """Statuses and objects that only tell."""
    NEWS = 3
    """Events for people."""


SHARE = {Lane.LAUNCH: 1.0, Lane.SUPPORT: 0.125, Lane.STATE: 0.125, Lane.NEWS: 0.03125}
"""Part of the width that requests of a lane may hold at once: nobody waits for news, and what the API server
spends on it while gangs start makes them start later (S3 of the bench suite)."""


class Lanes:
    """At most `width` requests in flight; the lowest lane first, first come first served within a lane.

    A lane that holds no turn gets the next one, whatever waits before it: what ends a broken gang is a status,
    and it must get through while thousands of pods are being made.
    """

    def __init__(self, width: int) -> None:
        self._free = width
        self._most = {lane: max(1, int(width * share)) for lane, share in SHARE.items()}
        self._held = dict.fromkeys(Lane, 0)
        self._waiting: dict[Lane, deque[asyncio.Future[None]]] = {lane: deque() for lane in Lane}

    @asynccontextmanager
    async def slot(self, lane: Lane) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the block."""
        await self._enter(lane)
        try:
            yield
        finally:
            self._leave(lane)

    async def _enter(self, lane: Lane) -> None:
        if (
            self._free
            and self._held[lane] < self._most[lane]
            and not any(self._waiting[other] for other in Lane if other <= lane)
        ):
            self._take(lane)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[lane].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn came in the same moment: pass it on
                self._leave(lane)
            raise

    def _take(self, lane: Lane) -> None:
        self._free -= 1
        self._held[lane] += 1

    def _leave(self, lane: Lane) -> None:
        self._free += 1
        self._held[lane] -= 1
        self._next()

    def _next(self) -> None:
        for lane in Lane:
            self._admit(lane, 1)
        for lane in Lane:
            self._admit(lane, self._most[lane])

    def _admit(self, lane: Lane, most: int) -> None:
        """Give turns to those who wait in a lane, until it holds `most`."""
        queue = self._waiting[lane]
        while queue and self._free and self._held[lane] < most:
            turn = queue.popleft()
            if not turn.done():  # else it was cancelled while it waited
                self._take(lane)
                turn.set_result(None)
