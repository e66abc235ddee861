"""An API server on a bad day: a proxy that answers wrongly, late, by halves or not at all, by seeded rules."""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import assert_never

import aiohttp
from aiohttp import web

import localcluster
from tests.support.api_proxy import ApiProxy
from tests.support.watch_faults import Ended, Twisted, WatchFault

TICK = 0.2
"""Seconds after which a quiet watch is looked at again: faults come and go while it is open."""

WRITES = ("POST", "PATCH", "PUT", "DELETE")
READS = ("GET", "WATCH")
ALL = (*READS, *WRITES)


class Act(Enum):
    """What happens to a request."""

    ANSWER = "answer"
    """It gets an answer of our own; the server never hears of it."""
    LOSE = "lose"
    """The connection is reset; the server never hears of it."""
    LOSE_ANSWER = "lose answer"
    """The server does what is asked, then the connection is reset."""
    SILENCE = "silence"
    """No answer comes while the rule holds, then the connection is reset; the server never hears of it."""
    LATE = "late"
    """The server hears of it late."""
    CUT = "cut"
    """Half of the answer arrives, then the connection is reset."""
    TRUNCATE = "truncate"
    """Half of the answer arrives as if it were all."""
    GARBAGE = "garbage"
    """Another page arrives with status 200, from a proxy in between."""


@dataclass(frozen=True)
class Rule:
    """One fault.

    Attributes:
        act: What happens to a request; None for a rule about open watches.
        watch: What happens to an open watch.
        methods: Which requests; "WATCH" is the start of a watch, "GET" every other read.
        path: Pattern found in the path.
        share: Part of these requests that are hit.
        status: Of ANSWER.
        reason: Of ANSWER.
        retry_after: Of ANSWER: header, "" for none.
        seconds: Of LATE.
    """

    act: Act | None = None
    watch: WatchFault | None = None
    methods: tuple[str, ...] = ALL
    path: str = ""
    share: float = 1.0
    status: int = 500
    reason: str = "InternalError"
    retry_after: str = ""
    seconds: float = 0.5

    def meant(self, method: str, path: str) -> bool:
        return method in self.methods and re.search(self.path, path) is not None


@dataclass
class Shot:
    """A client's death at a write to come: `left` writes from now, before it or when it is `done`."""

    kill: Callable[[], None]
    left: int
    done: bool
    fired: threading.Event = field(default_factory=threading.Event)


class FaultyProxy(ApiProxy):
    """Passes everything on but what a rule hits.

    Args:
        cluster: Whose API server.
        folder: Where the kubeconfig goes.
        seed: Of all chances.
    """

    def __init__(self, cluster: localcluster.Cluster, folder: Path, seed: int) -> None:
        super().__init__(cluster, folder)
        self.hits: Counter[str] = Counter()
        """How often each act and each watch fault struck."""
        self.requests = 0
        """Requests that came by."""
        self._chance = random.Random(seed)
        self._rules: tuple[Rule, ...] = ()
        self._shot: Shot | None = None

    @contextmanager
    def rules(self, *rules: Rule) -> Iterator[None]:
        """Let these rules hold for a while, beside others that hold."""
        self._rules += rules
        try:
            yield
        finally:
            self._rules = tuple(rule for rule in self._rules if rule not in rules)

    def kill_at(self, kill: Callable[[], None], nth: int, *, done: bool) -> threading.Event:
        """Kill the client at its `nth` write from now on, before or after it was `done`.

        Returns:
            Set once the client is dead. Until `spare` nothing of it passes then.
        """
        self._shot = Shot(kill, nth, done)
        return self._shot.fired

    def spare(self) -> None:
        """Let the next client live."""
        self._shot = None

    async def handle(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Pass a request on, or do to it what a rule says."""
        watch = "watch" in request.query
        self.requests += 1
        if (shot := self._shot) is not None:
            if shot.fired.is_set():
                return self.cut(request)
            shot.left -= request.method in WRITES
            if shot.left == 0 and request.method in WRITES:
                return await self._shoot(request, body, shot)
        rule = self._struck("WATCH" if watch else request.method, request.path)
        if rule is not None and rule.act is not None:
            self.hits[rule.act.value] += 1
            return await self._misbehave(request, body, rule, rule.act)
        return await (self._watch(request) if watch else super().handle(request, body))

    async def _shoot(self, request: web.Request, body: bytes, shot: Shot) -> web.StreamResponse:
        if shot.done:
            async with self.asked(request, body) as answer:
                await answer.read()
        shot.kill()
        shot.fired.set()
        return self.cut(request)

    def _struck(self, method: str, path: str) -> Rule | None:
        """Return the rule that hits a request."""
        meant = (rule for rule in self._rules if rule.act is not None and rule.meant(method, path))
        return next((rule for rule in meant if self._chance.random() < rule.share), None)

    async def _misbehave(self, request: web.Request, body: bytes, rule: Rule, act: Act) -> web.StreamResponse:
        match act:
            case Act.ANSWER:
                return _refusal(rule)
            case Act.LOSE:
                return self.cut(request)
            case Act.SILENCE:
                while rule in self._rules:  # noqa: ASYNC110 - rules are changed by another thread
                    await asyncio.sleep(TICK)
                return self.cut(request)
            case Act.LATE:
                await asyncio.sleep(rule.seconds)
                return await (
                    self._watch(request) if "watch" in request.query else super().handle(request, body)
                )
            case Act.GARBAGE:
                return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
            case Act.LOSE_ANSWER | Act.CUT | Act.TRUNCATE:
                return await self._spoil(request, body, act)
            case _:
                assert_never(act)

    async def _spoil(self, request: web.Request, body: bytes, act: Act) -> web.StreamResponse:
        """Have a request carried out and spoil its answer."""
        async with self.asked(request, body) as answer:
            whole = await answer.read()
        half = whole[: len(whole) // 2]
        if act is Act.LOSE_ANSWER:
            return self.cut(request)
        if act is Act.TRUNCATE:
            return web.Response(status=answer.status, body=half, content_type="application/json")
        response = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(whole))})
        await response.prepare(request)
        await response.write(half)
        return self.cut(request)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        """Pass the lines of a watch on, twisted as the rules say at the time."""
        async with self.asked(request, b"") as answer:
            response = await self.begun(request, answer)
            try:
                await self._twist(request, answer, response)
            except Ended as end:
                if end.last:
                    await response.write(end.last + (b"" if end.reset else b"\n"))
                return self.cut(request) if end.reset else response
            return response

    async def _twist(
        self, request: web.Request, answer: aiohttp.ClientResponse, response: web.StreamResponse
    ) -> None:
        twisted = Twisted(self._chance)
        rest = b""
        while True:
            try:
                chunk = await asyncio.wait_for(answer.content.readany(), TICK)
            except TimeoutError:
                chunk = None
            if chunk == b"":
                return
            fault = await self._unstalled(request.path)
            if fault is not None:
                self.hits[fault.value] += 1
            if chunk is None:
                arrived = twisted.quiet(fault)
            else:
                *lines, rest = (rest + chunk).split(b"\n")
                arrived = [one for line in lines for one in twisted.line(line, fault)]
            if arrived:
                await response.write(b"\n".join(arrived) + b"\n")

    async def _unstalled(self, path: str) -> WatchFault | None:
        """Return the fault of a watch as it is now; not before it may go on."""
        while (fault := self._watch_fault(path)) is WatchFault.STALL:
            self.hits[fault.value] += 1
            await asyncio.sleep(TICK)
        return fault

    def _watch_fault(self, path: str) -> WatchFault | None:
        return next(
            (rule.watch for rule in self._rules if rule.watch is not None and rule.meant("WATCH", path)), None
        )


def _refusal(rule: Rule) -> web.Response:
    """Answer as an API server refuses, with a Status object."""
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": rule.status,
        "reason": rule.reason,
        "message": "an injected fault",
    }
    headers = {"Retry-After": rule.retry_after} if rule.retry_after else {}
    return web.Response(
        status=rule.status, text=json.dumps(status), headers=headers, content_type="application/json"
    )
