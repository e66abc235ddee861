"""The Lease on the wire, and a whole campaign against an API server that answers as told."""

from __future__ import annotations

import asyncio
import json

import pytest

from crosstree.adapters.election import Election
from crosstree.adapters.lease import Lease
from crosstree.adapters.writer import Writer
from crosstree.base import errors
from crosstree.base.clock import VirtualClock
from crosstree.engine.leadership import RELEASED_SECONDS, Record, Terms
from tests.unit.adapters.apiserver import refuses, says, serving

PATH = "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
STAMP = "1970-01-01T00:01:00.000000Z"
RELEASED = {"holderIdentity": "", "leaseDurationSeconds": RELEASED_SECONDS}


def stored(version: str, **spec: object) -> dict[str, object]:
    return {
        "metadata": {"resourceVersion": version, "labels": {"l": "1"}, "managedFields": [{}]},
        "spec": spec,
    }


async def test_absence_is_an_answer() -> None:
    async with serving(refuses(404)) as (api, _):
        assert await Lease(api, "ns", "l", 10).read(1.0) is None


@pytest.mark.parametrize(
    ("found", "record"),
    [
        ({"metadata": {"resourceVersion": "7"}}, Record("7")),
        (stored("7", holderIdentity=None), Record("7")),
        (stored("7", holderIdentity="x", renewTime="t", leaseDurationSeconds=3), Record("7", "x", "t", 3.0)),
    ],
    ids=["no spec", "nulls", "whole"],
)
async def test_whatever_somebody_stored_is_a_record(found: dict[str, object], record: Record) -> None:
    async with serving(says(found)) as (api, _):
        assert await Lease(api, "ns", "l", 10).read(1.0) == record


@pytest.mark.parametrize("answer", ["a proxy's page", [], {"metadata": {}}, {"metadata": None}])
async def test_an_answer_that_is_no_lease_is_no_answer(answer: object) -> None:
    async with serving(says(answer)) as (api, _):
        with pytest.raises(errors.Unavailable):
            await Lease(api, "ns", "l", 10).read(1.0)


async def test_a_claim_is_fenced_and_keeps_what_others_put_on_the_object() -> None:
    before = stored("7", holderIdentity="x", renewTime="t", leaseTransitions=3)
    async with serving(says(before), says(stored("8", holderIdentity="me", renewTime=STAMP))) as (
        api,
        server,
    ):
        lease = Lease(api, "ns", "l", 10)
        await lease.claim(await lease.read(1.0), "me", STAMP, 1.0)
    method, path, query, body = server.asked[1]
    assert (method, path, query) == ("PUT", f"{PATH}/l", {"fieldManager": "crosstree"})
    assert json.loads(body) == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "l", "namespace": "ns", "resourceVersion": "7", "labels": {"l": "1"}},
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 10,
            "acquireTime": STAMP,
            "renewTime": STAMP,
            "leaseTransitions": 4,
        },
    }


class Elapsed:
    """A monotonic clock in the hands of a test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_leader_may_write_until_its_own_time_is_up_whatever_the_wall_clock_says() -> None:
    elapsed, wall = Elapsed(), VirtualClock(60)
    mine = stored("8", holderIdentity="me", renewTime=STAMP, leaseDurationSeconds=10)
    async with serving(says(stored("7", **RELEASED)), says(mine), refuses(503)) as (api, server):
        election = Election(Lease(api, "ns", "l", 10), "me", Terms(), wall, elapsed)
        writer = Writer(api, wall, election.leads)
        with pytest.raises(errors.NotLeading):
            await writer.create_pod("ns", b"{}")
        campaign = asyncio.create_task(election.run())
        async with asyncio.timeout(5):
            await election.won()
        wall.advance(1e8)
        assert election.leads()
        elapsed.now = 106.9
        assert election.leads()
        elapsed.now = 107.0
        assert not election.leads()
        with pytest.raises(errors.NotLeading):
            await writer.create_pod("ns", b"{}")
        campaign.cancel()
    assert [path for _, path, _, _ in server.asked if path.endswith("pods")] == []


async def test_a_release_closes_the_gate_first_and_leaves_nobody_in_the_lease() -> None:
    mine = stored("8", holderIdentity="me", renewTime=STAMP, leaseDurationSeconds=10)
    async with serving(says(stored("7", **RELEASED)), says(mine), says(stored("9", **RELEASED))) as (
        api,
        server,
    ):
        election = Election(Lease(api, "ns", "l", 10), "me", Terms(), VirtualClock(60), Elapsed())
        campaign = asyncio.create_task(election.run())
        async with asyncio.timeout(5):
            await election.won()
        campaign.cancel()
        await asyncio.gather(campaign, return_exceptions=True)
        await election.release()
        assert not election.leads()
    body = json.loads(server.asked[-1][3])
    assert body["metadata"]["resourceVersion"] == "8"
    assert (body["spec"]["holderIdentity"], body["spec"]["leaseDurationSeconds"]) == ("", RELEASED_SECONDS)
    assert election.leads() is False


async def test_who_never_led_releases_nothing() -> None:
    async with serving(refuses(500)) as (api, server):
        await Election(Lease(api, "ns", "l", 10), "me", Terms(), VirtualClock(60), Elapsed()).release()
    assert server.asked == []


async def test_the_pods_a_job_has_are_asked_for_page_by_page_and_only_its_own_count() -> None:
    def pod(name: str, uid: str) -> dict[str, object]:
        return {"metadata": {"name": name, "ownerReferences": [{"uid": uid, "controller": True}]}}

    first = {"metadata": {"continue": "more"}, "items": [pod("a", "u1"), pod("b", "u2")]}
    last = {"metadata": {}, "items": [pod("c", "u1"), {"metadata": {"name": "d"}}]}
    async with serving(says(first), says(last)) as (api, server):
        assert await Writer(api, VirtualClock()).pods_now("ns", "j", "u1") == {"a", "c"}
    assert [query for _, _, query, _ in server.asked] == [
        {"labelSelector": "crosstree.dev/job=j", "limit": "500"},
        {"labelSelector": "crosstree.dev/job=j", "limit": "500", "continue": "more"},
    ]
