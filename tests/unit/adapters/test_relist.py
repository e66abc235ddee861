"""What was deleted while nobody watched is found by a list, soon after the watch began anew."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from crosstree import translate
from crosstree.adapters import relist as module
from crosstree.adapters.relist import Relister, relist
from crosstree.adapters.store import ObjectStore
from crosstree.base.errors import CrosstreeError
from tests.support.waiting import eventually
from tests.unit.adapters.apiserver import lists, refuses, serving

NEVER = 3600.0
QUEUE = {
    "apiVersion": "crosstree.dev/v1alpha1",
    "kind": "JobQueue",
    "metadata": {"name": "gone", "uid": "u", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {},
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps a server from being asked too often would only keep the tests waiting."""
    monkeypatch.setattr(module, "GATHERED", 0.0)
    monkeypatch.setattr(module, "SPACED", 0.0)


def a_store() -> ObjectStore:
    store = ObjectStore(translate, lambda *_: None)
    store.put("JobQueue", {**QUEUE, "metadata": {**QUEUE["metadata"], "resourceVersion": "1"}})
    return store


async def relisted(store: ObjectStore, relister: Relister) -> None:
    relister.listed()
    running = asyncio.create_task(relister.run())
    try:
        await asyncio.to_thread(eventually, lambda: not store.queues, within=20)
    finally:
        running.cancel()


async def test_an_object_deleted_while_the_watch_was_away_is_forgotten_once_it_begins_anew():
    async with serving(lists([], "9")) as (api, _):
        store, failures = a_store(), list[CrosstreeError]()
        await relisted(store, Relister(api, store, NEVER, failures.append))
        assert failures == []


async def test_an_object_made_again_while_the_list_was_on_its_way_stays_the_new_one():
    new = {**QUEUE, "metadata": {**QUEUE["metadata"], "uid": "new", "resourceVersion": "9"}}
    old = {**QUEUE, "metadata": {**QUEUE["metadata"], "resourceVersion": "1"}}
    store = a_store()

    async def late(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/jobqueues"):
            return await lists([], "5")(request)
        store.drop("JobQueue", old)
        store.put("JobQueue", new)
        return await lists([old], "5")(request)

    async with serving(late) as (api, _):
        await relist(api, store)
    assert store.queues["gone"].uid == "new"


async def test_a_list_that_fails_is_tried_again_soon():
    async with serving(refuses(500), lists([], "9")) as (api, _):
        store, failures = a_store(), list[CrosstreeError]()
        await relisted(store, Relister(api, store, NEVER, failures.append))
        assert len(failures) == 1
