"""How kopf runs inside the operator: for our kinds, reading only, quiet, with our connection."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import kopf

from crosstree.controllers import acceleratorpools, aiclusters, jobqueues, trainingjobs
from crosstree.controllers.intake import Intake


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

    Args:
        intake: Where objects go.
        login: Gives kopf its connection.
        stop: Set it to end.
        started: Called once kopf has set itself up; it takes the signal handlers of the process for itself,
            so that this is the moment to take them back.
    """
    ready = asyncio.Event()
    operator = asyncio.create_task(
        kopf.operator(
            registry=registry(intake, login),
            settings=settings(),
            standalone=True,
            clusterwide=True,
            ready_flag=ready,
            stop_flag=stop,
        )
    )
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([operator, waiting], return_when=asyncio.FIRST_COMPLETED)
        if ready.is_set():
            started()
        await operator
    finally:
        waiting.cancel()
        operator.cancel()
