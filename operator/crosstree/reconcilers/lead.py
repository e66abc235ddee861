"""From standing by to leading to the end: when this replica goes on duty, and when it has to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from crosstree.adapters.election import Election
from crosstree.base.errors import NotLeading
from crosstree.reconcilers.duty import Duty


class Lead:
    """One replica's way through the lead; goes it once.

    Args:
        duty: What a leader does.
        election: Says whether we lead; None where there is nobody else to ask.
        refresh: Reads our own kinds from the API server, past every watch.
    """

    def __init__(self, duty: Duty, election: Election | None, refresh: Callable[[], Awaitable[None]]) -> None:
        self._duty = duty
        self._election = election
        self._refresh = refresh
        self._kept: asyncio.Task[str] | None = None
        self._finished = True

    async def run(self, *, workers: int, resync: float, idle: float) -> None:
        """Stand by until this process leads, then be on duty for as long as it does.

        Args:
            workers: Objects reconciled at once.
            resync: Seconds between looks at everything.
            idle: Seconds between looks of a replica that stands by.

        Raises:
            NotLeading: it led, and does no more.
        """
        if self._election is not None:
            self._kept = asyncio.create_task(self._election.run(), name="election")
            await self._unless_lost(self._stand_by(self._election, idle))
        self._duty.begin(workers)
        await self._unless_lost(self._duty.steps(), self._duty.looks(resync))

    async def end(self, grace: float) -> None:
        """Take up nothing more, and give writes under way `grace` seconds; none if we don't lead any more.

        Call `release` afterwards.
        """
        self._finished = await self._duty.end(
            grace if self._election is None or self._election.leads() else 0.0
        )

    async def release(self) -> None:
        """Let another lead at once, unless a write of ours may still be on its way; up to now the lease was renewed."""
        if self._election is None or self._kept is None:
            return
        self._kept.cancel()
        await asyncio.gather(self._kept, return_exceptions=True)
        if self._finished:
            await self._election.release()

    async def _stand_by(self, election: Election, idle: float) -> None:
        warm = asyncio.create_task(self._duty.stand_by(idle))
        try:
            await election.won()
        finally:
            warm.cancel()
        # Our watches may be behind the last leader's placements. These lists are not, and no pod is made before its
        # placement is stored: what we decide from here on can't collide with what it decided.
        await self._refresh()

    async def _unless_lost(self, *works: Awaitable[None]) -> None:
        """Do this until one of it ends, or the lead is lost."""
        tasks = [asyncio.ensure_future(work) for work in works]
        kept = [self._kept] if self._kept is not None else []
        try:
            await asyncio.wait([*tasks, *kept], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                if not task.done():
                    task.cancel()
        if self._kept is not None and self._kept.done():
            raise NotLeading(f"Leadership lost: {self._kept.result()}. Start this replica anew.")
        for task in tasks:
            if task.done():
                task.result()
