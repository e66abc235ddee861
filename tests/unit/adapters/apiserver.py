"""A small API server on a real socket that misbehaves as told: for what a transport must survive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from crosstree.adapters.client import Api

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """Answers requests from a script, the last entry for ever; remembers what it was asked."""

    script: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path, dict(request.query), await request.read()))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await answer(request)


@asynccontextmanager
async def serving(*script: Answer) -> AsyncIterator[tuple[Api, Server]]:
    server = Server(list(script))
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as running:
        api = Api(str(running.make_url("/")), aiohttp.ClientSession())
        try:
            yield api, server
        finally:
            await api.close()


def says(value: object, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON."""

    async def answer(_: web.Request) -> web.StreamResponse:
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        return web.json_response(value, status=status, headers=named)

    return answer


def refuses(status: int, reason: str = "", message: str = "", **headers: str) -> Answer:
    """Answer with a Status object."""
    return says({"kind": "Status", "code": status, "reason": reason, "message": message}, status, **headers)


def lists(items: list[dict[str, Any]], version: str, more: str = "") -> Answer:
    """Answer with one page of a list."""
    return says(
        {"kind": "PodList", "metadata": {"resourceVersion": version, "continue": more}, "items": items}
    )


def streams(*chunks: bytes | float, cut: bool = False, stay: bool = False) -> Answer:
    """Answer with a watch: bytes as they stand, numbers are pauses in seconds; then end, cut, or stay silent."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            if isinstance(chunk, float):
                await asyncio.sleep(chunk)
            else:
                await response.write(chunk)
        if cut:
            await asyncio.sleep(0.02)
            assert request.transport is not None
            request.transport.abort()
        elif stay:
            await asyncio.sleep(3600)
        return response

    return answer


def event(kind: str, item: dict[str, Any]) -> bytes:
    """Return one line of a watch."""
    return json.dumps({"type": kind, "object": item}, separators=(",", ":")).encode() + b"\n"
