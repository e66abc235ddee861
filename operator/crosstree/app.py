"""Composition root of the operator: builds loop, adapters, reconcilers and telemetry, starts and stops them.

No other file does so, and this one decides nothing about jobs.

One event loop, one thread. `run` returns when the process is told to stop.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import uuid
from collections.abc import Coroutine

import kopf

from crosstree import translate
from crosstree.adapters.client import Api
from crosstree.adapters.election import candidate
from crosstree.adapters.feeds import Feeds
from crosstree.adapters.livecluster import LiveCluster
from crosstree.adapters.relist import Relister, relist
from crosstree.adapters.resources import Kind
from crosstree.adapters.writer import Writer
from crosstree.base import garbage
from crosstree.base.clock import Clock, SystemClock, monotonic
from crosstree.base.errors import ApiError, CrosstreeError
from crosstree.catalog.load import load, load_fabrics
from crosstree.controllers import startup
from crosstree.core.policy import Order, Policy
from crosstree.engine.drive import Waker, Workers, retry_delay
from crosstree.engine.loop import SchedulingLoop
from crosstree.engine.work import WorkQueue
from crosstree.reconcilers.acceleratorpool import AcceleratorPoolReconciler
from crosstree.reconcilers.aicluster import AIClusterReconciler
from crosstree.reconcilers.dispatch import Dispatch, Key, Listener
from crosstree.reconcilers.duty import Duty
from crosstree.reconcilers.gauges import Gauges
from crosstree.reconcilers.inventories import Inventories
from crosstree.reconcilers.jobqueue import JobQueueReconciler
from crosstree.reconcilers.lead import Lead
from crosstree.reconcilers.statuses import StatusWriter
from crosstree.reconcilers.trainingjob import TrainingJobReconciler
from crosstree.settings import Settings
from crosstree.telemetry import logs
from crosstree.telemetry.http import Endpoints
from crosstree.telemetry.journal import Journal
from crosstree.telemetry.logs import say
from crosstree.telemetry.metrics import Metrics

STALLED = 60.0
"""Seconds without a scheduling step after which a leader counts as hung; a step is due every few seconds."""


async def run(settings: Settings, clock: Clock | None = None) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Args:
        settings: What concerns this process.
        clock: What time it is; the machine's clock unless a test moves it.

    Raises:
        SettingsError: it can't work with these settings, or the cluster lacks our kinds.
        ApiError: the API server refuses what the operator can't do without.
    """
    logs.setup(logs.Format(settings.log_format), settings.log_level)
    stop = asyncio.Event()
    _heed_signals(stop)
    api = await Api.connect(settings.kubeconfig, settings.context)
    try:
        await Operator(settings, api, clock or SystemClock()).run(stop)
    finally:
        await api.close()


class Operator:
    """Everything one operator consists of.

    Args:
        settings: What concerns this process.
        api: The API server; closed by the caller.
        clock: What time it is.
    """

    def __init__(self, settings: Settings, api: Api, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        self._metrics = Metrics()
        api.observe = self._metrics.request
        self._journal = journal = Journal(self._metrics)
        queue: WorkQueue[Key] = WorkQueue(monotonic)
        waker = Waker(window=settings.step_window, idle=settings.step_idle, lazy=settings.step_lazy)
        listener = Listener(queue, waker, marking=False)
        catalog = load()
        self._live = live = LiveCluster(catalog, load_fabrics(), translate, clock, listener)
        self._feeds = Feeds(api, live, settings.mindcluster_namespaces)
        election = candidate(settings, api, clock, str(uuid.uuid4()))
        self._leads = election.leads if election is not None else lambda: True
        writer = Writer(api, clock, self._leads)
        statuses = StatusWriter(writer, live.store)
        inventories = Inventories(live)
        self._jobs = TrainingJobReconciler(live, writer)
        dispatch = Dispatch(
            live.store,
            statuses,
            {
                Kind.CLUSTER: AIClusterReconciler(
                    live, writer, statuses, inventories, self._metrics.node_failed
                ).reconcile,
                Kind.POOL: AcceleratorPoolReconciler(live, statuses, inventories).reconcile,
                Kind.QUEUE: JobQueueReconciler(
                    live, writer, statuses, (one.id for one in catalog.profiles)
                ).reconcile,
                Kind.JOB: self._jobs.reconcile,
            },
            self._metrics.restarted,
        )
        self._duty = Duty(
            live,
            SchedulingLoop(live, Policy(order=Order(settings.order)), clock),
            Workers(queue, dispatch.reconcile, clock, self._failed),
            queue,
            waker,
            listener,
            journal,
            self._metrics,
            clock,
        )
        self._lead = Lead(self._duty, election, self._read_kinds)
        self._endpoints = Endpoints(
            settings.listen_address,
            settings.listen_port,
            alive=self._wrong,
            ready=self._unready,
            metrics=Gauges(live, inventories, self._feeds, self._metrics, self._leads).render,
        )
        self._fresh_login = False

    async def run(self, stop: asyncio.Event) -> None:
        """Fill the caches, then work until `stop` is set or something breaks that nothing can go on without.

        Raises:
            CrosstreeError: why it could not start.
            NotLeading: it led, and another may lead by now.
        """
        if self._settings.listen_port:
            await self._endpoints.start()
        told = asyncio.create_task(stop.wait(), name="stop")
        tasks: dict[str, asyncio.Task[None]] = {}
        kopf_stop = asyncio.Event()
        try:
            if not await _first(told, self._fill()):
                return
            self._live.synced = True
            garbage.settle()
            relister = Relister(self._api, self._live.store, self._settings.relist, self._unlisted)
            listening = startup.listen(
                relister, self._login, stop=kopf_stop, started=lambda: _heed_signals(stop)
            )
            tasks |= _tasks(kopf=listening, relist=relister.run(), lead=self._go())
            await asyncio.wait([told, *tasks.values()], return_when=asyncio.FIRST_COMPLETED)
            if not told.done():
                next(task for task in tasks.values() if task.done()).result()
        finally:
            await self._shut_down(tasks, kopf_stop)
            told.cancel()

    async def _go(self) -> None:
        known = self._live.store
        say("operator started", clusters=len(known.clusters), jobs=len(known.jobs))
        settings = self._settings
        await self._lead.run(workers=settings.workers, resync=settings.resync, idle=settings.step_idle)

    async def _shut_down(self, tasks: dict[str, asyncio.Task[None]], kopf_stop: asyncio.Event) -> None:
        """Decide nothing more, let writes in flight finish, let another lead, then close everything."""
        for name, task in tasks.items():
            if name != "kopf":
                task.cancel()
        await self._lead.end(self._settings.grace)
        try:
            async with asyncio.timeout(self._settings.grace):
                await self._jobs.drain()
        except TimeoutError:
            say("some Events were not sent before the end", level=logging.WARNING)
        await self._lead.release()
        kopf_stop.set()
        if tasks:
            await asyncio.wait(tasks.values(), timeout=self._settings.grace)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        await self._feeds.stop()
        await self._endpoints.stop()
        say("operator stopped")

    async def _fill(self) -> None:
        """Read everything once; while the API server is away, try again for ever."""
        await self._read_kinds()
        self._live.view()  # so that the columns know which labels matter before the first node comes
        self._feeds.start()
        await self._feeds.synced()

    async def _read_kinds(self) -> None:
        """Bring our own kinds up to date, however long it takes."""
        failures = 0
        while True:
            try:
                await relist(self._api, self._live.store)
                return
            except ApiError as error:
                if not error.retryable:
                    raise
                failures += 1
                delay = retry_delay(error, failures)
                say("the API server can't be read yet", level=logging.WARNING, why=str(error), again_in=delay)
                await asyncio.sleep(delay)

    async def _login(self) -> kopf.AiohttpSession:
        """Give kopf a session of its own; asked again, the one before was refused."""
        session = await self._api.extra_session(fresh=self._fresh_login)
        self._fresh_login = True
        return kopf.AiohttpSession(server=self._api.host, aiohttp_session=session)

    def _unlisted(self, error: CrosstreeError) -> None:
        say("our kinds could not be listed", level=logging.WARNING, why=str(error))

    def _failed(self, key: Key, error: Exception, count: int, delay: float) -> None:
        self._journal.reconcile_failed(str(key[0]), key[1], error, count=count, delay=delay)

    def _wrong(self) -> str:
        if self._duty.silent > STALLED:
            return f"no scheduling step for {self._duty.silent:.0f} s"
        return f"watches ended: {', '.join(self._feeds.ended)}" if self._feeds.ended else ""

    def _unready(self) -> str:
        return "" if self._live.synced else f"not read yet: {', '.join(self._feeds.missing)}"


def _tasks(**work: Coroutine[object, object, None]) -> dict[str, asyncio.Task[None]]:
    return {name: asyncio.create_task(one, name=name) for name, one in work.items()}


async def _first(stopper: asyncio.Task[object], work: Coroutine[object, object, object]) -> bool:
    """Do `work` unless `stopper` ends first; return whether it was done. Its errors come through."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([stopper, task], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
            return True
        return False
    finally:
        task.cancel()


def _heed_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT; elsewhere than in the main thread the caller stops us."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
