"""What probes and Prometheus get."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from crosstree.base.errors import SettingsError
from crosstree.telemetry.http import Endpoints


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(*, alive: str = "", ready: str = "") -> AsyncIterator[str]:
    port = free_port()
    endpoints = Endpoints(
        "127.0.0.1", port, alive=lambda: alive, ready=lambda: ready, metrics=lambda: b"x 1\n"
    )
    await endpoints.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await endpoints.stop()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_a_process_can_be_alive_and_not_ready():
    async with served(ready="nodes are not listed yet") as base:
        assert await get(f"{base}/healthz") == (200, "ok\n")
        assert await get(f"{base}/readyz") == (503, "nodes are not listed yet\n")


async def test_metrics_are_made_when_asked_for():
    async with served() as base:
        assert await get(f"{base}/metrics") == (200, "x 1\n")


async def test_a_taken_port_is_a_sentence_with_the_option_that_helps():
    port = free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        endpoints = Endpoints("127.0.0.1", port, alive=str, ready=str, metrics=bytes)
        with pytest.raises(SettingsError) as told:
            await endpoints.start()
    assert str(told.value).startswith(
        f"can't listen on 127.0.0.1:{port} for health and metrics: Address already in use. "
        "Name another port with --listen HOST:PORT, or --listen :0 for none;"
    )
