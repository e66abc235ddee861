"""What only the replica that leads does: take scheduling steps, and have reconcilers look at objects.

A replica that stands by keeps the same caches warm, and decides and writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from crosstree.adapters.livecluster import LiveCluster
from crosstree.adapters.resources import OURS, Kind
from crosstree.base import garbage
from crosstree.base.clock import Clock, monotonic
from crosstree.base.names import DEFAULT_QUEUE
from crosstree.core.lifecycle import told_first
from crosstree.core.plan import Place
from crosstree.engine.drive import Waker, Workers
from crosstree.engine.loop import SchedulingLoop, StepReport
from crosstree.engine.work import WorkQueue
from crosstree.reconcilers.dispatch import Key, Listener
from crosstree.telemetry.journal import Journal
from crosstree.telemetry.logs import say
from crosstree.telemetry.metrics import Metrics

T = TypeVar("T")

AFTER_A_BUG = 1.0
"""Seconds until the next step after one that broke."""


class Duty:
    """Decides and has things done; `stand_by` until then.

    Args:
        live: What is true.
        loop: Decides.
        workers: Carry out, from `queue`.
        queue: What they look at next.
        waker: Says when a step is due.
        listener: Fills the queue while on duty.
        journal: Writes down what was decided.
        metrics: Counts it.
        clock: What time it is.
    """

    def __init__(
        self,
        live: LiveCluster,
        loop: SchedulingLoop,
        workers: Workers[Key],
        queue: WorkQueue[Key],
        waker: Waker,
        listener: Listener,
        journal: Journal,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._live = live
        self._loop = loop
        self._workers = workers
        self._queue = queue
        self._waker = waker
        self._listener = listener
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        self._stepped: float | None = None

    @property
    def silent(self) -> float:
        """Seconds since the last scheduling step; 0 while none is due."""
        return monotonic() - self._stepped if self._stepped is not None else 0.0

    async def stand_by(self, every: float) -> None:
        """Keep snapshots current, so that the first step on duty is a small one. Never returns."""
        while True:
            self._guarded(self._live.view)
            await asyncio.sleep(every)

    def begin(self, workers: int) -> None:
        """Go on duty: everything is looked at, and `steps` and `looks` are to be run from now on."""
        self._stepped = monotonic()
        self._listener.marking = True
        self._workers.start(workers)
        self._mark_all(spread=0.0)
        self._waker.wake()

    async def end(self, grace: float) -> bool:
        """Take up nothing more and give what is under way `grace` seconds; tell whether all of it came to its end."""
        self._listener.marking = False
        return await self._workers.stop(grace)

    async def steps(self) -> None:
        """Take a scheduling step whenever one is due. Never returns."""
        while True:
            due = self._loop.due()
            await self._waker.next(None if due is None else due - self._clock.now())
            self._stepped = monotonic()
            with garbage.held_back():
                report = self._guarded(self._loop.step)
            if report is None:
                self._metrics.step(seconds=0.0, placed=0, waiting=0, failed=1)
                await asyncio.sleep(AFTER_A_BUG)
            else:
                self._note(report)

    async def looks(self, every: float) -> None:
        """Look at everything now and then: whatever was missed is put right. Never returns."""
        while True:
            await asyncio.sleep(every)
            self._mark_all(spread=every / 2)
            self._journal.forget(self._live.store.jobs)

    def _guarded(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except Exception as error:  # a bug in one step must not end the operator; the next may succeed
            say("scheduling step failed", level=logging.ERROR, error=error)
            return None

    def _note(self, report: StepReport) -> None:
        broken = [(failure.cluster, failure.error) for failure in report.failures]
        self._journal.step(report.number, report.plans, broken, seconds=report.seconds)
        for plan in report.plans:
            for decision in plan.decisions:
                job = self._live.store.jobs.get(decision.key)
                if not isinstance(decision, Place) or job is None:
                    continue
                now = self._clock.now()
                if job.progress.attempt == 0:
                    self._metrics.started(now - job.created)
                if told := told_first(job.progress):
                    self._metrics.foretold(told_at=told.at, told=told.start, started=now)

    def _mark_all(self, *, spread: float) -> None:
        """Have every object looked at within `spread` seconds."""
        store = self._live.store
        keys: list[Key] = [(one.kind, key) for one in OURS for key in store.keys(one.kind)]
        keys.append((Kind.QUEUE, DEFAULT_QUEUE))
        for place, key in enumerate(keys):
            self._queue.add_after(key, spread * place / len(keys))
