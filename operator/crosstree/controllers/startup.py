"""How kopf runs inside the operator: for our kinds, reading only, quiet, with our connection."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import kopf

from crosstree.base.clock import monotonic
from crosstree.controllers import acceleratorpools, aiclusters, jobqueues, trainingjobs
from crosstree.controllers.intake import Intake

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds before kopf is begun anew: the first, doubling to the last."""

HEALTHY = 5.0
"""Seconds kopf must have lasted for the next failure to count as the first again."""


EXIT = 2.0
"""Seconds in which what kopf began has to end once kopf has."""

_KOPF = str(Path(kopf.__file__).parent)


class Patience:
    """Pauses in seconds between kopf's tries of one request: an API server may stay away for any time."""

    def __iter__(self) -> Iterator[float]:
        """Begin anew for every request."""
        return itertools.chain((1.0, 1.0, 2.0, 3.0), itertools.repeat(5.0))


class NoEssence(kopf.DiffBaseStorage):
    """Keeps kopf from copying every object to find out what changed: nobody here asks it to."""

    def build(
        self, *, body: kopf.Body, extra_fields: Iterable[kopf.FieldSpec] | None = None
    ) -> kopf.BodyEssence:
        """Every object is the same to kopf."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Nothing is stored."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is stored."""


Login = Callable[[], Awaitable[kopf.AiohttpSession]]
"""Returns the connection to use now; asked again when the API server refuses it."""


def registry(intake: Intake, login: Login) -> kopf.OperatorRegistry:
    """Return a registry of its own with every handler of ours and nothing else."""
    made = kopf.OperatorRegistry()
    for controller in (aiclusters, acceleratorpools, jobqueues, trainingjobs):
        controller.register(made, intake)

    @kopf.on.login(id="login", registry=made)
    async def connect(**_: Any) -> kopf.AiohttpSession:
        return await login()

    return made


def settings() -> kopf.OperatorSettings:
    """Return settings under which kopf writes nothing and leaves signals and time limits to `app`."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.peering.standalone = True
    made.process.ultimate_exiting_timeout = None
    made.watching.reconnect_backoff = 0.5
    made.persistence.diffbase_storage = NoEssence()
    made.networking.error_backoffs = Patience()
    made.queueing.exit_timeout = 0.5
    return made


async def listen(intake: Intake, login: Login, *, stop: asyncio.Event, started: Callable[[], None]) -> None:
    """Hear of our kinds until `stop` is set.

    kopf gives up for good at an answer it does not expect: a list refused with 403 or 410, an ERROR event, a line
    that is no JSON. It is begun anew then, with a list of everything, after pauses that grow to `LONGEST_PAUSE`.

    Args:
        intake: Where objects go.
        login: Gives kopf its connection.
        stop: Set it to end.
        started: Called each time kopf has taken the signal handlers of the process for itself, before any signal
            can get there: the moment to take them back.
    """
    pause = FIRST_PAUSE
    while not stop.is_set():
        began = monotonic()
        try:
            await _listen(intake, login, stop, started)
        except Exception as error:
            if monotonic() - began > HEALTHY:
                pause = FIRST_PAUSE
            log.warning("watching our kinds broke, beginning anew in %g s: %s", pause, error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _listen(intake: Intake, login: Login, stop: asyncio.Event, started: Callable[[], None]) -> None:
    """Hear of our kinds until `stop` is set or kopf gives up."""
    roots = await kopf.spawn_tasks(
        registry=registry(intake, login),
        settings=settings(),
        standalone=True,
        clusterwide=True,
        stop_flag=stop,
    )
    try:
        started()  # taking the handlers is the last thing that kopf did, and nothing was awaited since
        done, _ = await asyncio.wait(roots, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(roots)
    for error in [task.exception() for task in done if not task.cancelled()]:
        if error is not None:
            raise error


async def _end(roots: Collection[asyncio.Task[Any]]) -> None:
    """End all that kopf began, and nothing else.

    kopf's own way takes every task begun after it for one of its own: the workers, a launch half-way, the renewal
    of the lease. And it waits for watches that don't hear of the end, without a bound.

    Its roots go first, and end what is below them in order: whoever ends a watch asks other tasks whether its workers
    are gone, and would wait in vain for those that were ended beside it, until kopf warns that it can't clean up.
    """
    until = monotonic() + EXIT
    await _ended(roots, EXIT / 2)
    while monotonic() < until and (left := [task for task in asyncio.all_tasks() if _of_kopf(task)]):
        await _ended(left, EXIT / 10)


async def _ended(tasks: Collection[asyncio.Task[Any]], within: float) -> None:
    """Cancel tasks and wait for them, for so many seconds at most."""
    for task in tasks:
        task.cancel()
    ended, _ = await asyncio.wait(tasks, timeout=within)
    for task in ended:
        if not task.cancelled():
            task.exception()  # told by kopf, or of no interest any more


def _of_kopf(task: asyncio.Task[Any]) -> bool:
    """Tell by the file of its coroutine whether a task runs code of kopf."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename.startswith(_KOPF)
