"""An API server that takes its client's life: a proxy that kills the operator at a chosen write.

Killed *before*, the write is lost with the process; killed *after*, the API server has done it and nobody heard
the answer. Those are the two things a crash can do to a write. From then on nothing of the dead process passes.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType

import aiohttp
import yaml
from aiohttp import web

import localcluster

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length"})


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


class KillingProxy:
    """Plain HTTP on a free local port, in a thread of its own, in front of a local cluster's API server.

    Args:
        cluster: Whose API server.
        write: The write to kill at.
        moment: Before or after it.
        folder: Where the kubeconfig goes.
    """

    def __init__(self, cluster: localcluster.Cluster, write: Write, moment: Moment, folder: Path) -> None:
        self.kubeconfig = folder / "killing.yaml"
        self.killed = threading.Event()
        self.seen: list[str] = []
        self._cluster = cluster
        self._write = write
        self._moment = moment
        self._count = 0
        self._kill: Callable[[], None] = lambda: None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="killing-proxy", daemon=True)
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    def aims_at(self, kill: Callable[[], None]) -> None:
        """Say how the client is killed; `kill` returns when it is dead."""
        self._kill = kill

    def __enter__(self) -> KillingProxy:
        self._thread.start()
        port = self._do(self._open()).result(30)
        config = yaml.safe_load(self._cluster.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
        self.kubeconfig.write_text(yaml.safe_dump(config))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close()).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: object) -> Future[int]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)  # type: ignore[arg-type]

    async def _open(self) -> int:
        tls = ssl.create_default_context(cafile=str(self._cluster.ca))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def _close(self) -> int:
        assert self._runner is not None and self._session is not None
        await self._session.close()
        await self._runner.cleanup()
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # watches whose client was killed
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        return 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.killed.is_set():
            return self._cut(request)
        if request.method != "GET":
            self.seen.append(f"{request.method} {request.path}")
        hit = self._write.matches(request.method, request.path, body.decode(errors="replace"))
        self._count += hit
        fatal = hit and self._count == self._write.nth
        if fatal and self._moment is Moment.BEFORE:
            return self._shot(request)
        return await self._forward(request, body, fatal=fatal)

    async def _forward(self, request: web.Request, body: bytes, *, fatal: bool) -> web.StreamResponse:
        assert self._session is not None
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP}
        url = self._cluster.server + request.raw_path
        async with self._session.request(request.method, url, headers=headers, data=body or None) as answer:
            if fatal:
                await answer.read()
                return self._shot(request)
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            try:
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            except (aiohttp.ClientError, ConnectionError):  # either side went away in the middle of a watch
                return self._cut(request)
            return response

    def _shot(self, request: web.Request) -> web.StreamResponse:
        # Set first: whatever of the dying process comes in while it dies is not forwarded.
        self.killed.set()
        self._kill()
        return self._cut(request)

    @staticmethod
    def _cut(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)
