"""Lists in pages, and watches, as the replay server hands them out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.shelf import Gone, Shelf


def a_shelf(count: int) -> Shelf:
    shelf = Shelf("v1", "Pod")
    shelf.fill((f"n/p{i}", json.dumps({"metadata": {"name": f"p{i}"}}).encode()) for i in range(count))
    return shelf


def names(page: bytes) -> list[str]:
    return [one["metadata"]["name"] for one in json.loads(page)["items"]]


def token(page: bytes) -> str:
    return str(json.loads(page)["metadata"].get("continue", ""))


async def one(lines: AsyncIterator[bytes]) -> Any:
    return json.loads(await asyncio.wait_for(anext(lines), 5))


def test_pages_hold_every_object_once_and_in_order() -> None:
    shelf, found, more = a_shelf(10), [], ""
    for _ in range(4):
        page = shelf.page(7, 3, more)
        found += names(page)
        more = token(page)
    assert found == [f"p{i}" for i in range(10)]
    assert more == ""


def test_a_page_says_how_many_follow_and_every_page_is_of_one_version() -> None:
    shelf = a_shelf(5)
    first = json.loads(shelf.page(7, 2, ""))
    second = json.loads(shelf.page(9, 2, first["metadata"]["continue"]))
    assert first["metadata"]["remainingItemCount"] == 3
    assert (first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]) == ("7", "7")
    assert first["kind"] == "PodList"


def test_what_is_made_between_two_pages_is_not_in_the_list() -> None:
    shelf = a_shelf(4)
    first = shelf.page(7, 2, "")
    shelf.put("n/p9", b'{"metadata":{"name":"p9"}}')
    assert names(shelf.page(8, 2, token(first))) == ["p2", "p3"]


def test_a_list_without_limit_is_one_page() -> None:
    page = a_shelf(3).page(7, 0, "")
    assert names(page) == ["p0", "p1", "p2"]
    assert token(page) == ""


@pytest.mark.parametrize("odd", ["nonsense", "MTox", "OTk6NQ=="])
def test_a_token_that_is_not_known_is_gone(odd: str) -> None:
    with pytest.raises(Gone):
        a_shelf(3).page(7, 2, odd)


async def test_a_watch_tells_what_is_made_changed_and_deleted() -> None:
    shelf = a_shelf(1)
    lines = shelf.watch(7, bookmarks=60)
    shelf.put("n/p1", b'{"metadata":{"name":"p1"}}')
    shelf.put("n/p1", b'{"metadata":{"name":"p1","uid":"x"}}')
    shelf.drop("n/p0")
    events = [await one(lines) for _ in range(3)]
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("ADDED", "p1"),
        ("MODIFIED", "p1"),
        ("DELETED", "p0"),
    ]


async def test_a_quiet_watch_gets_bookmarks() -> None:
    event = await one(a_shelf(1).watch(7, bookmarks=0.001))
    assert (event["type"], event["object"]["metadata"]["resourceVersion"]) == ("BOOKMARK", "7")


async def test_a_watch_ends_when_the_server_does() -> None:
    shelf = a_shelf(0)
    lines = shelf.watch(7, bookmarks=60)
    shelf.end()
    assert [line async for line in lines] == []


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.shelf.WATCHER_LAG", 3)
    shelf = a_shelf(0)
    lines = shelf.watch(7, bookmarks=60)
    for number in range(9):
        shelf.put(f"n/p{number}", b"{}")
    assert len([line async for line in lines]) < 3
