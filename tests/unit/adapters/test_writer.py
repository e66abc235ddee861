"""Writes: repeated where that helps, handed to the caller where it must look again, the urgent ones first."""

from __future__ import annotations

import asyncio
import json

import aiohttp.web
import pytest

from crosstree.adapters import writer as module
from crosstree.adapters.lanes import Lane, Lanes
from crosstree.adapters.writer import Writer
from crosstree.base import errors
from crosstree.base.clock import VirtualClock
from tests.unit.adapters.apiserver import refuses, says, serving

POD = b'{"kind":"Pod"}'


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)


async def test_write_that_the_server_could_not_take_is_repeated() -> None:
    async with serving(refuses(503), refuses(429, Retry_After="0"), says({}, 201)) as (api, server):
        await Writer(api, VirtualClock()).create_pod("ns", POD)
    assert [(method, path) for method, path, _, _ in server.asked] == [
        ("POST", "/api/v1/namespaces/ns/pods")
    ] * 3
    assert server.asked[0][2] == {"fieldManager": "crosstree"}


async def test_a_change_whose_answer_was_cut_off_is_looked_at_again_soon() -> None:
    async def half(_: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        return aiohttp.web.Response(text='{"metadata": {"resourceV')

    async with serving(half) as (api, _):
        with pytest.raises(errors.Unavailable):
            await Writer(api, VirtualClock()).patch_status("jobqueues", None, "q", "7", {})


@pytest.mark.parametrize("body", ['{"items": [{"metadata": {"na', '{"items": 7}', "<html>"])
async def test_a_list_of_pods_that_was_cut_off_says_nothing_about_them(body) -> None:
    async def half(_: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        return aiohttp.web.Response(text=body)

    async with serving(half) as (api, _):
        with pytest.raises(errors.Unavailable, match="/api/v1/namespaces/ml/pods: the answer is no JSON"):
            await Writer(api, VirtualClock()).pods_now("ml", "train", "uid")


async def test_tries_are_bounded() -> None:
    async with serving(refuses(503)) as (api, server):
        with pytest.raises(errors.Unavailable):
            await Writer(api, VirtualClock()).create_pod("ns", POD)
    assert len(server.asked) == module.TRIES


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refuses(409, "AlreadyExists"), errors.AlreadyExists),
        (refuses(403, "Forbidden", "exceeded quota"), errors.Refused),
        (refuses(422, "Invalid"), errors.Refused),
    ],
)
async def test_what_needs_another_decision_reaches_the_caller_at_once(answer, expected) -> None:
    async with serving(answer) as (api, server):
        with pytest.raises(expected):
            await Writer(api, VirtualClock()).create_pod("ns", POD)
    assert len(server.asked) == 1


async def test_status_is_fenced_and_a_lost_race_is_the_callers() -> None:
    async with serving(says({"metadata": {"resourceVersion": "8"}}), refuses(409, "Conflict")) as (
        api,
        server,
    ):
        writer = Writer(api, VirtualClock())
        stored = await writer.patch_status("trainingjobs", "ns", "j", "7", {"phase": None})
        assert stored["metadata"]["resourceVersion"] == "8"
        with pytest.raises(errors.Conflict):
            await writer.patch_status("aiclusters", None, "c", "7", {})
    method, path, _, body = server.asked[0]
    assert (method, path) == ("PATCH", "/apis/crosstree.dev/v1alpha1/namespaces/ns/trainingjobs/j/status")
    assert json.loads(body) == {"metadata": {"resourceVersion": "7"}, "status": {"phase": None}}
    assert server.asked[1][1] == "/apis/crosstree.dev/v1alpha1/aiclusters/c/status"
    assert len(server.asked) == 2


@pytest.mark.parametrize("answer", [says({}), refuses(404), refuses(409, "Conflict")])
async def test_deleting_a_pod_means_exactly_this_one_and_gone_is_fine(answer) -> None:
    async with serving(answer) as (api, server):
        await Writer(api, VirtualClock()).delete_pod("ns", "p", "uid-1", grace=0)
    assert json.loads(server.asked[0][3]) == {"preconditions": {"uid": "uid-1"}, "gracePeriodSeconds": 0}


async def test_event_that_fails_harms_nobody() -> None:
    involved = {
        "apiVersion": "crosstree.dev/v1alpha1",
        "kind": "TrainingJob",
        "name": "j",
        "namespace": "ns",
        "uid": "u",
    }
    async with serving(refuses(403)) as (api, server):
        await Writer(api, VirtualClock(60)).event(involved, "Normal", "Placed", "x" * 5000)
    body = json.loads(server.asked[0][3])
    assert server.asked[0][1] == "/api/v1/namespaces/ns/events"
    assert (body["firstTimestamp"], len(body["message"])) == ("1970-01-01T00:01:00Z", 1024)


async def test_event_about_a_cluster_goes_to_the_default_namespace() -> None:
    async with serving(says({})) as (api, server):
        await Writer(api, VirtualClock()).event({"kind": "AICluster", "name": "c"}, "Normal", "Ready", "m")
    assert server.asked[0][1] == "/api/v1/namespaces/default/events"


async def test_objects_of_our_kinds_are_made_changed_and_deleted() -> None:
    async with serving(says({"made": True})) as (api, server):
        writer = Writer(api, VirtualClock())
        assert await writer.create_object("acceleratorpools", None, {"a": 1}) == {"made": True}
        await writer.patch_object("acceleratorpools", None, "p", {"spec": {}})
        await writer.delete_object("acceleratorpools", None, "p", "uid")
    assert [one[0] for one in server.asked] == ["POST", "PATCH", "DELETE"]
    assert json.loads(server.asked[2][3])["preconditions"] == {"uid": "uid"}


async def test_every_try_is_observed() -> None:
    seen = []
    async with serving(refuses(503), says({})) as (api, _):
        api.observe = lambda *told: seen.append(told[:3])
        await Writer(api, VirtualClock()).create_service("ns", b"{}")
    assert seen == [("POST", "services", "Unavailable"), ("POST", "services", "ok")]


async def test_urgent_writes_overtake_those_that_wait() -> None:
    lanes, order = Lanes(1), []

    async def write(lane: Lane, name: str) -> None:
        async with lanes.slot(lane):
            order.append(name)

    later = [(Lane.NEWS, "event"), (Lane.STATE, "status"), (Lane.LAUNCH, "pod 0"), (Lane.LAUNCH, "pod 1")]
    async with lanes.slot(Lane.NEWS):
        tasks = [asyncio.create_task(write(lane, name)) for lane, name in later]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == ["pod 0", "pod 1", "status", "event"]


async def test_turn_of_a_cancelled_write_goes_to_the_next() -> None:
    lanes = Lanes(1)
    entered = asyncio.Event()

    async def hold() -> None:
        async with lanes.slot(Lane.STATE):
            entered.set()
            await asyncio.sleep(3600)

    holder = asyncio.create_task(hold())
    await entered.wait()
    waiters = [asyncio.create_task(hold()) for _ in range(3)]
    await asyncio.sleep(0)
    entered.clear()
    waiters[0].cancel()
    holder.cancel()
    await asyncio.sleep(0)
    waiters[1].cancel()  # its turn has just come
    await asyncio.wait_for(entered.wait(), 1)
    assert not waiters[2].done()
    waiters[2].cancel()
    await asyncio.gather(holder, *waiters, return_exceptions=True)
    async with asyncio.timeout(1), lanes.slot(Lane.NEWS):
        pass
