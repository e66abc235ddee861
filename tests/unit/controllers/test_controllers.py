"""Handlers hand on what they hear, and nothing else."""

from __future__ import annotations

import ast
import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kopf._cogs.aiokits import aiotasks

import crosstree.controllers
from crosstree.controllers import startup
from crosstree.controllers.intake import hear


@contextmanager
def heard_out() -> Iterator[None]:
    """Ask every task that is begun in here how it ended, as kopf does not.

    A task that nobody asked says so whenever the garbage collector finds it: by a log with a traceback, for which
    Python 3.11 parses source. In the middle of another parse, hypothesis' for instance, that is a SystemError.
    """
    loop, begun = asyncio.get_running_loop(), []

    def begin(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        begun.append(asyncio.Task(work, loop=loop, **options))
        return begun[-1]

    loop.set_task_factory(begin)
    try:
        yield
    finally:
        loop.set_task_factory(None)
        for task in begun:
            if task.done() and not task.cancelled():
                task.exception()


class Heard:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.lists = 0

    def put(self, kind: str, raw: Mapping[str, Any]) -> None:
        self.calls.append(("put", kind, raw["metadata"]["name"]))

    def drop(self, kind: str, raw: Mapping[str, Any]) -> None:
        self.calls.append(("drop", kind, raw["metadata"]["name"]))

    def listed(self) -> None:
        self.lists += 1


async def nobody() -> kopf.AiohttpSession:
    raise AssertionError("nobody logs in here")


@pytest.mark.parametrize(
    ("type", "call"), [(None, "put"), ("ADDED", "put"), ("MODIFIED", "put"), ("DELETED", "drop")]
)
def test_an_event_is_handed_on(type, call):
    heard = Heard()
    hear(heard, "JobQueue", {"type": type, "object": {"metadata": {"name": "q"}}})
    assert heard.calls == [(call, "JobQueue", "q")]
    assert heard.lists == (1 if type is None else 0)  # deletions before a new list would never be heard of


def test_every_kind_is_heard_and_nothing_makes_kopf_write():
    registry = startup.registry(Heard(), nobody)
    selectors = {handler.selector.any_name for handler in registry._watching.get_all_handlers()}
    assert selectors == {"aiclusters", "acceleratorpools", "jobqueues", "trainingjobs"}
    assert not registry._changing.get_all_handlers()
    assert not registry._spawning.get_all_handlers()


def test_the_registry_of_the_process_is_left_alone():
    before = len(kopf.get_default_registry()._watching.get_all_handlers())
    startup.registry(Heard(), nobody)
    assert len(kopf.get_default_registry()._watching.get_all_handlers()) == before


def test_kopf_is_told_to_write_nothing():
    settings = startup.settings()
    assert settings.posting.enabled is False
    assert settings.peering.standalone is True


def test_handlers_are_thin():
    handlers = [
        (file.name, node)
        for file in Path(crosstree.controllers.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.AsyncFunctionDef) and node.decorator_list
    ]
    assert len(handlers) == 5
    for file, handler in handlers:
        assert handler.end_lineno - handler.lineno < 15, f"{file}: {handler.name}"
        assert not any(isinstance(part, ast.If | ast.For | ast.Try) for part in ast.walk(handler)), file


async def test_kopf_is_begun_anew_when_it_gives_up(monkeypatch):
    stop, begun = asyncio.Event(), []

    async def watch() -> None:
        if len(begun) < 3:
            raise RuntimeError("Error in the watch-stream: code 500")
        stop.set()

    async def spawn_tasks(**_: Any) -> list[asyncio.Task[None]]:
        begun.append("kopf")
        return [asyncio.create_task(watch())]

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_tasks)
    monkeypatch.setattr(startup, "FIRST_PAUSE", 0.001)
    await startup.listen(Heard(), nobody, stop=stop, started=lambda: None)
    assert len(begun) == 3


async def test_a_pause_before_kopf_is_begun_anew_ends_with_the_operator(monkeypatch):
    stop = asyncio.Event()

    async def spawn_tasks(**_: Any) -> None:
        asyncio.get_running_loop().call_soon(stop.set)
        raise RuntimeError("Error in the watch-stream: code 500")

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_tasks)
    monkeypatch.setattr(startup, "FIRST_PAUSE", 3600.0)
    async with asyncio.timeout(10):
        await startup.listen(Heard(), nobody, stop=stop, started=lambda: None)


async def test_a_signal_as_soon_as_kopf_has_begun_is_ours(monkeypatch):
    stop, order = asyncio.Event(), []

    def signal() -> None:
        order.append("signal")
        stop.set()

    async def spawn_tasks(**_: Any) -> list[asyncio.Task[Any]]:
        asyncio.get_running_loop().call_soon(signal)
        return [asyncio.create_task(stop.wait())]

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_tasks)
    async with asyncio.timeout(10):
        await startup.listen(Heard(), nobody, stop=stop, started=lambda: order.append("taken back"))
    assert order == ["taken back", "signal"]


async def test_who_ends_a_watch_of_kopf_finds_those_it_asks_about_its_workers(monkeypatch):
    stop, roots = asyncio.Event(), []

    async def watch() -> None:
        workers = aiotasks.Scheduler()
        await workers.spawn(asyncio.sleep(3600))
        await asyncio.sleep(0)  # the worker has begun
        try:
            stop.set()
            await asyncio.sleep(3600)
        finally:
            closing = asyncio.create_task(workers.close())
            while not closing.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(closing)

    async def spawn_tasks(**_: Any) -> list[asyncio.Task[Any]]:
        roots.append(aiotasks.create_guarded_task(watch(), "watch"))
        return [*roots, asyncio.create_task(stop.wait())]

    monkeypatch.setattr(kopf, "spawn_tasks", spawn_tasks)
    with heard_out():
        async with asyncio.timeout(10):
            await startup.listen(Heard(), nobody, stop=stop, started=lambda: None)
    assert [root.done() for root in roots] == [True]
    assert [root.cancelling() for root in roots] == [1], (
        "told to end twice, kopf warns that it can't clean up"
    )


async def test_kopf_takes_nothing_of_ours_along_when_it_gives_up(monkeypatch):
    stop, ours = asyncio.Event(), []

    async def garbage(_: web.Request) -> web.Response:
        return web.Response(text="<html>Please log in</html>", content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", garbage)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:

        async def login() -> kopf.AiohttpSession:
            ours.append(asyncio.create_task(stop.wait()))  # begun later than kopf, as the workers are
            if len(ours) == 3:
                stop.set()
            return kopf.AiohttpSession(server=str(server.make_url("/")), aiohttp_session=session)

        monkeypatch.setattr(startup, "FIRST_PAUSE", 0.001)
        before = asyncio.all_tasks()
        began = time.monotonic()
        with heard_out():
            async with asyncio.timeout(10):
                await startup.listen(Heard(), login, stop=stop, started=lambda: None)
        assert time.monotonic() - began < 3 * startup.EXIT
        assert await asyncio.gather(*ours) == [True] * 3
        assert asyncio.all_tasks() == before, "nothing of kopf is left"
