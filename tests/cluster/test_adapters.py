"""The adapters against a real API server: what the fake one can't know."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from crosstree.adapters import wire
from crosstree.adapters.client import Api
from crosstree.adapters.nodehealth import NodeHealths
from crosstree.adapters.nodes import NodeSink
from crosstree.adapters.pods import PodSink
from crosstree.adapters.watch import Watcher
from crosstree.adapters.writer import Writer
from crosstree.base.clock import SystemClock
from crosstree.base.errors import AlreadyExists, Conflict, NotFound, Refused
from crosstree.core.columns import Columns
from tests.support.control_plane import ControlPlane

pytestmark = pytest.mark.cluster


@asynccontextmanager
async def connected(control_plane: ControlPlane) -> AsyncIterator[Api]:
    api = await Api.connect(str(control_plane.kubeconfig))
    try:
        yield api
    finally:
        await api.close()


async def until(condition: Callable[[], object], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class Picture:
    """Nodes and pods of the cluster, watched."""

    def __init__(self, api: Api) -> None:
        self.columns = Columns(lambda resource: "/" in resource)
        self.pods = PodSink(self.columns, lambda _: None)
        nodes = NodeSink(NodeHealths(self.columns, (), lambda _: None, lambda: 0.0))
        self.watchers: list[Watcher[Any]] = [
            Watcher(api, "/api/v1/nodes", wire.Node, nodes, page=7),
            Watcher(api, "/api/v1/pods", wire.Pod, self.pods, page=7),
        ]

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Picture]:
        tasks = [asyncio.create_task(one.run()) for one in self.watchers]
        try:
            for one in self.watchers:
                await asyncio.wait_for(one.synced.wait(), 20)
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def sockets() -> int:
    links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return sum(link.is_symlink() and os.readlink(link).startswith("socket:") for link in links)


def pod(name: str, node: str = "", job: str = "") -> bytes:
    labels = (
        {"crosstree.dev/job": job, "crosstree.dev/index": "0", "crosstree.dev/attempt": "1"} if job else {}
    )
    container = {
        "name": "main",
        "image": "x",
        "resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "1"}},
    }
    spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 0}
    spec |= {"nodeName": node} if node else {"schedulerName": "nobody"}
    tolerations = [{"operator": "Exists"}]
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": spec | {"tolerations": tolerations},
        }
    ).encode()


async def test_every_node_arrives_over_several_pages(control_plane: ControlPlane) -> None:
    names = set(control_plane.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split())
    async with connected(control_plane) as api, Picture(api).watched() as picture:
        assert {row.name for row in picture.columns.facts if row} == names
        assert all(picture.columns.amount(name, "cpu")[0] > 0 for name in names)


async def test_pod_is_counted_when_it_has_a_node_and_freed_when_it_is_gone(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with connected(control_plane) as api, Picture(api).watched() as picture:
        writer = Writer(api, SystemClock())
        node = next(row.name for row in picture.columns.facts if row)
        before = picture.columns.amount(node, "cpu")[1]
        await writer.create_pod(namespace, pod("a", node, job="j"))
        await until(lambda: picture.columns.amount(node, "cpu")[1] == before + 250)
        (fact,) = picture.pods.of_job(namespace, "j")
        assert (fact.node, fact.index, fact.attempt) == (node, 0, 1)
        with pytest.raises(AlreadyExists):
            await writer.create_pod(namespace, pod("a", node))
        await writer.delete_pod(namespace, "a", "00000000-0000-0000-0000-000000000000", grace=0)
        assert picture.pods.of_job(namespace, "j")
        await writer.delete_pod(namespace, "a", fact.uid, grace=0)
        await until(lambda: picture.columns.amount(node, "cpu")[1] == before)
        assert picture.pods.of_job(namespace, "j") == ()


async def test_watch_goes_on_after_every_connection_is_cut(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with connected(control_plane) as api, Picture(api).watched() as picture:
        lists = [one.lists for one in picture.watchers]
        for connection in list(api._session.connector._acquired):
            connection.transport.abort()
        await Writer(api, SystemClock()).create_pod(namespace, pod("b", job="k"))
        await until(lambda: picture.pods.of_job(namespace, "k"))
        assert [one.lists for one in picture.watchers] == lists


async def test_a_watch_that_is_left_takes_its_connection_along(control_plane: ControlPlane) -> None:
    async with connected(control_plane) as api:
        before = sockets()
        async with api.stream("/api/v1/nodes", query={"watch": "true"}, silence=60) as chunks:
            assert await anext(chunks)
            assert sockets() == before + 1
        await asyncio.sleep(0)  # a turn of the loop, and no round trip to the server
        assert sockets() == before


async def test_refusals_carry_the_sentence_of_the_server(control_plane: ControlPlane, namespace: str) -> None:
    async with connected(control_plane) as api:
        writer = Writer(api, SystemClock())
        with pytest.raises(Refused, match=r"spec\.containers"):
            await writer.create_pod(namespace, b'{"metadata":{"name":"x"},"spec":{"containers":[]}}')
        with pytest.raises(NotFound, match="nowhere"):
            await writer.create_pod("nowhere", pod("x"))
        with pytest.raises(NotFound):
            await api.request("GET", "/api/v1/nodes/nobody")


async def test_events_arrive(control_plane: ControlPlane, namespace: str) -> None:
    involved = {"apiVersion": "v1", "kind": "Pod", "name": "x", "namespace": namespace, "uid": "u"}
    async with connected(control_plane) as api:
        await Writer(api, SystemClock()).event(involved, "Normal", "Tested", "It works.")
        found = await api.get_json(f"/api/v1/namespaces/{namespace}/events")
    assert [(one["reason"], one["message"]) for one in found["items"]] == [("Tested", "It works.")]


async def test_status_writes_are_fenced(control_plane: ControlPlane) -> None:
    from tools.generated import CRDS, ROOT

    control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / CRDS))
    control_plane.kubectl(
        "wait", "--for=condition=Established", "crd/jobqueues.crosstree.dev", "--timeout=30s"
    )
    async with connected(control_plane) as api:
        writer = Writer(api, SystemClock())
        body = {
            "apiVersion": "crosstree.dev/v1alpha1",
            "kind": "JobQueue",
            "metadata": {"name": "fenced"},
            "spec": {},
        }
        made = await writer.create_object("jobqueues", None, body)
        version = made["metadata"]["resourceVersion"]
        stored = await writer.patch_status("jobqueues", None, "fenced", version, {"running": 1})
        assert stored["status"]["running"] == 1
        with pytest.raises(Conflict):
            await writer.patch_status("jobqueues", None, "fenced", version, {"running": 2})
        await writer.delete_object("jobqueues", None, "fenced", made["metadata"]["uid"])
        with pytest.raises(NotFound):
            await writer.patch_status("jobqueues", None, "fenced", version, {})
