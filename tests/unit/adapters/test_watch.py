"""List and watch against a server that misbehaves: nothing lost, nothing invented, no hammering."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from crosstree.adapters import watch, wire
from crosstree.adapters.lines import Lines
from crosstree.adapters.watch import Watcher
from crosstree.base.errors import Unavailable
from tests.unit.adapters.apiserver import Answer, Server, event, lists, refuses, says, serving, streams
from tests.unit.adapters.objects import a_pod

PATH = "/api/v1/pods"


class Seen:
    """A sink that remembers names and versions."""

    def __init__(self) -> None:
        self.now: dict[str, str] = {}
        self.unseen: set[str] = set()
        self.calls: list[str] = []

    def begin_list(self) -> None:
        self.unseen = set(self.now)
        self.calls.append("begin")

    def put(self, item: wire.Pod) -> None:
        self.unseen.discard(item.metadata.name)
        self.now[item.metadata.name] = item.metadata.resource_version

    def drop(self, item: wire.Pod) -> None:
        self.now.pop(item.metadata.name, None)

    def end_list(self) -> None:
        for name in self.unseen:
            del self.now[name]
        self.unseen = set()
        self.calls.append("end")


@asynccontextmanager
async def watching(
    *script: Answer, silence: float = 5.0
) -> AsyncIterator[tuple[Seen, Server, Watcher[wire.Pod]]]:
    seen = Seen()
    async with serving(*script) as (api, server):
        watcher = Watcher(api, PATH, wire.Pod, seen, silence=silence, page=2)
        task = asyncio.create_task(watcher.run())
        try:
            yield seen, server, watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def bookmark(version: int) -> bytes:
    item = {"kind": "Pod", "metadata": {"resourceVersion": str(version), "creationTimestamp": None}}
    return event("BOOKMARK", item | {"spec": {"containers": None}, "status": {}})


def gone() -> bytes:
    return event(
        "ERROR", {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "old"}
    )


async def test_pages_are_read_to_the_last_and_the_watch_goes_on_from_there() -> None:
    async with watching(
        lists([a_pod("a"), a_pod("b")], "5", more="token"),
        lists([a_pod("c")], "5"),
        streams(event("ADDED", a_pod("d", version=6)), event("DELETED", a_pod("a", version=7)), stay=True),
    ) as (seen, server, watcher):
        await until(lambda: "d" in seen.now and "a" not in seen.now)
        assert sorted(seen.now) == ["b", "c", "d"]
        assert seen.calls == ["begin", "end"]
        assert watcher.synced.is_set()
        first, second, third = (query for _, _, query, _ in server.asked)
        assert (first, second["continue"]) == ({"limit": "2"}, "token")
        assert (third["resourceVersion"], third["allowWatchBookmarks"]) == ("5", "true")


async def test_cut_watch_resumes_where_it_was() -> None:
    async with watching(
        lists([a_pod("a")], "5"),
        streams(event("MODIFIED", a_pod("a", version=8)), bookmark(11), cut=True),
        streams(event("ADDED", a_pod("b", version=12)), stay=True),
    ) as (seen, server, watcher):
        await until(lambda: "b" in seen.now)
        assert server.asked[-1][2]["resourceVersion"] == "11"
        assert watcher.lists == 1


async def test_line_cut_in_the_middle_is_not_half_an_event() -> None:
    half = event("ADDED", a_pod("b", version=9))[:40]
    async with watching(
        lists([], "5"),
        streams(event("ADDED", a_pod("a", version=8)), half, cut=True),
        streams(event("ADDED", a_pod("b", version=9)), stay=True),
    ) as (seen, server, _):
        await until(lambda: "b" in seen.now)
        assert server.asked[-1][2]["resourceVersion"] == "8"


@pytest.mark.parametrize("answer", [refuses(410, "Expired"), streams(gone())])
async def test_after_410_everything_is_listed_again_and_what_vanished_is_dropped(answer: Answer) -> None:
    async with watching(
        lists([a_pod("a"), a_pod("b")], "5"),
        answer,
        lists([a_pod("b", version=9)], "20"),
        streams(stay=True),
    ) as (seen, _, watcher):
        await until(lambda: watcher.lists == 2)
        assert seen.now == {"b": "9"}


async def test_token_that_expires_between_pages_starts_the_list_anew() -> None:
    async with watching(
        lists([a_pod("a")], "5", more="token"),
        refuses(410, "Expired"),
        lists([a_pod("b")], "6"),
        streams(stay=True),
    ) as (seen, _, watcher):
        await until(lambda: watcher.lists == 1)
        assert seen.calls == ["begin", "begin", "end"]


async def test_server_that_asks_for_patience_gets_it() -> None:
    loop = asyncio.get_running_loop()
    async with watching(refuses(429, Retry_After="1"), lists([a_pod("a")], "5"), streams(stay=True)) as (
        _,
        _,
        watcher,
    ):
        began = loop.time()
        await until(watcher.synced.is_set)
        assert loop.time() - began >= 0.9


async def test_silent_connection_counts_as_dead_and_is_opened_again() -> None:
    async with watching(
        lists([], "5"),
        streams(stay=True),
        streams(event("ADDED", a_pod("a", version=6)), stay=True),
        silence=0.2,
    ) as (seen, _, watcher):
        await until(lambda: "a" in seen.now)
        assert watcher.lists == 1


async def test_server_that_ends_every_watch_at_once_is_not_hammered() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with watching(lists([], "5"), streams()) as (_, server, _):
        await until(
            lambda: len(server.asked) == 4
        )  # the list, and three watches with a pause before two of them
        assert loop.time() - began >= 0.25 + 0.5


async def test_pauses_grow_and_stop_growing(monkeypatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(watch.asyncio, "sleep", sleep)
    watcher = Watcher(None, PATH, wire.Pod, Seen())
    for _ in range(12):
        await watcher._pause(None)
    assert slept[:4] == [0.25, 0.5, 1.0, 2.0]
    assert slept[-1] == watch.LONGEST_WAIT


async def test_event_of_several_hundred_kilobytes_arrives_whole() -> None:
    huge = a_pod("a", version=6, metadata={"annotations": {"x": "y" * 700_000}})
    line = event("ADDED", huge)
    chunks = [line[at : at + 10_001] for at in range(0, len(line), 10_001)]
    async with watching(
        lists([], "5"), streams(*chunks, event("ADDED", a_pod("b", version=7)), stay=True)
    ) as (
        seen,
        _,
        _,
    ):
        await until(lambda: seen.now == {"a": "6", "b": "7"})


async def test_object_that_cannot_be_read_is_left_out_and_harms_no_other() -> None:
    odd = {"metadata": {"name": "odd", "resourceVersion": "6"}, "spec": "what?"}
    async with watching(
        lists([a_pod("a"), odd, a_pod("b")], "5"),
        streams(event("ADDED", odd), event("ADDED", a_pod("c", version=7)), stay=True),
    ) as (seen, _, _):
        await until(lambda: sorted(seen.now) == ["a", "b", "c"])


async def test_list_that_is_no_list_is_tried_again() -> None:
    async with watching(says([1, 2]), lists([a_pod("a")], "5"), streams(stay=True)) as (seen, _, watcher):
        await until(watcher.synced.is_set)
        assert list(seen.now) == ["a"]


def test_lines_come_whole_however_the_stream_is_cut() -> None:
    text = b"".join(json.dumps({"n": at, "pad": "x" * (at % 37)}).encode() + b"\n" for at in range(200))
    for size in (1, 7, 64, 1000, len(text)):
        lines = Lines()
        found = [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])]
        assert found == text.splitlines()


def test_line_without_end_is_refused() -> None:
    lines = Lines(longest=100)
    lines.feed(b"x" * 90)
    with pytest.raises(Unavailable, match="more than 100 bytes"):
        lines.feed(b"x" * 20)
