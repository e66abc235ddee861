"""A proxy before the API server of a local cluster: plain HTTP to the operator, TLS to the server.

What is done to a request is the business of who inherits: `killing_proxy` ends the client at a chosen write,
`faulty_proxy` misbehaves by rules.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import yaml
from aiohttp import web

import localcluster
from crosstree.adapters.client import cut

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length"})
T = TypeVar("T")
TURNS = 10
"""Turns of the loop in which connections end: closing is put off by a turn at every layer."""


class ApiProxy:
    """Listens on a free local port, in a thread of its own, and passes on whatever comes.

    Args:
        cluster: Whose API server.
        folder: Where the kubeconfig goes that leads through this proxy.
    """

    def __init__(self, cluster: localcluster.Cluster, folder: Path) -> None:
        self.kubeconfig = folder / "proxy.yaml"
        self._cluster = cluster
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api-proxy", daemon=True)
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Answer one request; here: pass it on and bring the answer back."""
        async with self.asked(request, body) as answer:
            response = await self.begun(request, answer)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response

    @asynccontextmanager
    async def asked(self, request: web.Request, body: bytes) -> AsyncIterator[aiohttp.ClientResponse]:
        """Put the request to the API server."""
        assert self._session is not None
        url = self._cluster.server + request.raw_path
        kept = _kept(request.headers)
        async with self._session.request(request.method, url, headers=kept, data=body or None) as answer:
            try:
                yield answer
            finally:
                cut(answer)

    @staticmethod
    async def begun(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Begin to answer as the API server did."""
        response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
        await response.prepare(request)
        return response

    @staticmethod
    def cut(request: web.Request) -> web.StreamResponse:
        """Reset the client's connection."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    def __enter__(self) -> Self:
        self._thread.start()
        port = self.do(self._open())
        config = yaml.safe_load(self._cluster.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
        self.kubeconfig.write_text(yaml.safe_dump(config))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done in the proxy's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> int:
        tls = ssl.create_default_context(cafile=str(self._cluster.ca))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # With its client a watch ends, too: a thousand killed operators would leave the server thousands of them.
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def _close(self) -> None:
        assert self._runner is not None and self._session is not None
        await self._session.close()
        await self._runner.cleanup()
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # watches whose client was killed
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for _ in range(TURNS):  # connections that were closed say so in a later turn of the loop
            await asyncio.sleep(0)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self.handle(request, await request.read())
        except (aiohttp.ClientError, ConnectionError, TimeoutError):  # either side went away
            return self.cut(request)


def _kept(headers: Any) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() not in HOP_BY_HOP}
