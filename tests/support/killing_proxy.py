"""An API server that takes its client's life: a proxy that kills the operator at a chosen write.

Killed *before*, the write is lost with the process; killed *after*, the API server has done it and nobody heard
the answer. Those are the two things a crash can do to a write. From then on nothing of the dead process passes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from aiohttp import web

import localcluster
from tests.support.api_proxy import ApiProxy


class Moment(Enum):
    """When the client dies, seen from the write it dies at."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True)
class Write:
    """Which write is meant.

    Attributes:
        name: For people.
        method: HTTP method.
        path: Pattern that the whole URL path matches.
        body: Pattern found in the body, where the path does not say enough.
        nth: The how manieth of them, from 1.
    """

    name: str
    method: str
    path: str
    body: str = ""
    nth: int = 1

    def matches(self, method: str, path: str, body: str) -> bool:
        return method == self.method and bool(re.fullmatch(self.path, path) and re.search(self.body, body))


class KillingProxy(ApiProxy):
    """Passes everything on until the write comes by at which the client dies.

    Args:
        cluster: Whose API server.
        write: The write to kill at.
        moment: Before or after it.
        folder: Where the kubeconfig goes.
    """

    def __init__(self, cluster: localcluster.Cluster, write: Write, moment: Moment, folder: Path) -> None:
        super().__init__(cluster, folder)
        self.killed = threading.Event()
        self.seen: list[str] = []
        self._write = write
        self._moment = moment
        self._count = 0
        self._kill: Callable[[], None] = lambda: None

    def aims_at(self, kill: Callable[[], None]) -> None:
        """Say how the client is killed; `kill` returns when it is dead."""
        self._kill = kill

    async def handle(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Pass a request on, unless the client is dead or dies of it."""
        if self.killed.is_set():
            return self.cut(request)
        if request.method != "GET":
            self.seen.append(f"{request.method} {request.path}")
        hit = self._write.matches(request.method, request.path, body.decode(errors="replace"))
        self._count += hit
        if not hit or self._count != self._write.nth:
            return await super().handle(request, body)
        if self._moment is Moment.AFTER:
            async with self.asked(request, body) as answer:
                await answer.read()
        # Set first: whatever of the dying process comes in while it dies is not forwarded.
        self.killed.set()
        self._kill()
        return self.cut(request)
