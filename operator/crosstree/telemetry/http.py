"""The operator's HTTP endpoints: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import os
from collections.abc import Callable

from aiohttp import web

from crosstree.base.errors import SettingsError
from crosstree.telemetry.metrics import CONTENT_TYPE

Check = Callable[[], str]
"""Returns what is wrong in a few words, or nothing."""


class Endpoints:
    """A small server for probes and Prometheus.

    Args:
        address: Address to listen on.
        port: TCP port.
        alive: What `/healthz` asks; anything wrong means the process should be started anew.
        ready: What `/readyz` asks; anything wrong means it can't work yet.
        metrics: Body of `/metrics`, made when asked for.
    """

    def __init__(
        self, address: str, port: int, *, alive: Check, ready: Check, metrics: Callable[[], bytes]
    ) -> None:
        self._address = address
        self._port = port
        self._alive = alive
        self._ready = ready
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: the address can't be listened on.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._render)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._address, self._port).start()
        except OSError as error:
            await self.stop()
            # asyncio repeats the address in its words; a name that can't be resolved has a number of its own kind.
            why = (
                os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
            )
            raise SettingsError(
                f"can't listen on {self._address}:{self._port} for health and metrics: {why}. Name another port with "
                "--listen HOST:PORT, or --listen :0 for none; CROSSTREE_LISTEN_PORT says the same."
            ) from error

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(self._alive())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._ready())

    async def _render(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": CONTENT_TYPE})


def _answer(wrong: str) -> web.Response:
    return web.Response(text=f"{wrong}\n", status=503) if wrong else web.Response(text="ok\n")
