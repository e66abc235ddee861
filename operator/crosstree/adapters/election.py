"""One candidate at work: asks `engine.leadership` what to do, does it to the Lease, and tells who asks who leads.

Requests go past the queue of other writes. Each has a bounded time, so that a hanging answer never outlasts
what may be promised.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import assert_never

from crosstree.adapters.client import Api
from crosstree.adapters.identity import identity, namespace
from crosstree.adapters.lease import Lease
from crosstree.base.clock import Clock, awake_or_not, to_micro_time
from crosstree.base.errors import AlreadyExists, ApiError, Conflict, NotFound
from crosstree.engine import leadership
from crosstree.engine.leadership import Claim, Look, Record, Standing, StepDown, Terms
from crosstree.settings import Settings
from crosstree.telemetry.logs import say

SHORTEST = 0.1
"""Seconds that any request is given at least."""

RELEASE = 1.0
"""Seconds that giving the lease back may take; without it the others wait for it to run out."""


def candidate(settings: Settings, api: Api, clock: Clock, unique: str) -> Election | None:
    """Return the candidate that this process is, None where it needs not ask anybody; it shows in audit logs.

    Its name is made with `unique` where nobody chose one.

    Raises:
        SettingsError: nobody said in which namespace the lease is.
    """
    if not settings.leader_election:
        return None
    me = identity(settings.identity, unique)
    api.agent = f"{api.agent} ({me})"
    where = namespace(settings.lease_namespace)
    lease = Lease(api, where, settings.lease_name, settings.lease_seconds)
    terms = Terms(float(settings.lease_seconds), settings.renew_deadline, settings.retry_seconds)
    return Election(lease, me, terms, clock, awake_or_not)


class Election:
    """Campaigns for one Lease, once: who has led and lost it ends the process.

    Args:
        lease: What is campaigned for.
        me: Our identity, for people; two processes of one identity still exclude each other.
        terms: The durations.
        clock: Gives claims their stamps; nothing is decided by it.
        elapsed: A monotonic reading in seconds, by which everything is decided.
    """

    def __init__(
        self, lease: Lease, me: str, terms: Terms, clock: Clock, elapsed: Callable[[], float]
    ) -> None:
        self._lease = lease
        self._terms = terms
        self._clock = clock
        self._elapsed = elapsed
        self._standing = Standing(me)
        self._won = asyncio.Event()
        self._closed = False
        self._trouble = ""

    def leads(self) -> bool:
        """Tell whether this process may send a write at this instant."""
        return not self._closed and leadership.leads(self._standing, self._terms, self._elapsed())

    async def won(self) -> None:
        """Return once this process leads."""
        await self._won.wait()

    async def run(self) -> str:
        """Campaign, then keep what was won; return why it was lost."""
        while True:
            step = leadership.decide(self._standing, self._terms, self._elapsed())
            match step:
                case StepDown(why):
                    self._closed = True
                    return why
                case Look(after) | Claim(after, _) if after > 0:
                    await asyncio.sleep(after)
                case Look():
                    await self._look()
                case Claim(_, over):
                    await self._claim(over)
                case _:
                    assert_never(step)

    async def release(self) -> None:
        """Act no more, and let another take over at once. Call it when `run` has ended."""
        self._closed = True
        if not self._standing.led:
            return
        try:
            try:
                await self._give_back()
            except Conflict:  # a claim was on its way when `run` was cancelled
                self._saw(await self._lease.read(RELEASE))
                await self._give_back()
        except ApiError as error:
            say("the lease could not be released", level=logging.WARNING, why=str(error))

    async def _give_back(self) -> None:
        if self._standing.ours and self._standing.seen is not None:
            await self._lease.release(self._standing.seen, self._stamp(), RELEASE)

    async def _look(self) -> None:
        self._standing = leadership.looks(self._standing, self._elapsed())
        try:
            record = await self._lease.read(self._time())
        except ApiError as error:
            self._failed(error)
        else:
            self._saw(record)

    async def _claim(self, over: Record | None) -> None:
        stamp = self._stamp()
        self._standing = leadership.claimed(self._standing, stamp, self._elapsed())
        try:
            record = await self._lease.claim(over, self._standing.me, stamp, self._time())
        except (AlreadyExists, Conflict, NotFound):
            await self._look()
        except ApiError as error:
            self._failed(error)
        else:
            self._saw(record)

    def _saw(self, record: Record | None) -> None:
        before = self._standing
        self._standing = leadership.saw(before, record, self._terms, self._elapsed())
        self._trouble = ""
        if self._standing.led:
            if not before.led:
                say("leading", lease=self._lease.where, identity=before.me)
                self._won.set()
            return
        old = before.seen.holder if before.seen is not None else ""
        new = record.holder if record is not None else ""
        if not before.looked or old != new:
            say("standing by", lease=self._lease.where, holder=new or "nobody", identity=before.me)

    def _failed(self, error: ApiError) -> None:
        """Say so once per kind of trouble; what follows from it is decided by the time that goes by."""
        if self._trouble != type(error).__name__:
            self._trouble = type(error).__name__
            say("the lease can't be reached", level=logging.WARNING, lease=self._lease.where, why=str(error))

    def _time(self) -> float:
        """Return the seconds one request may take: two fit into a deadline, none goes beyond it."""
        most = self._terms.deadline / 2
        if self._standing.led:
            most = min(most, self._standing.held + self._terms.deadline - self._elapsed())
        return max(most, SHORTEST)

    def _stamp(self) -> str:
        """Return a stamp that no claim of ours carries yet, whatever the wall clock does."""
        now = self._clock.now()
        while (stamp := to_micro_time(now)) in self._standing.claims:
            now += 1e-6
        return stamp
