"""The replay server as the operator's own client sees it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from bench.recorded import NAMESPACE, Recording, Size
from bench.replay import JOURNAL, Server, discovery, loaded, merged
from bench.start import WAITING, adopted, kubeconfig
from crosstree import translate
from crosstree.adapters import requests, wire
from crosstree.adapters.client import Api
from crosstree.adapters.resources import JOBS, NODES, PODS
from crosstree.adapters.watch import Watcher
from crosstree.base.errors import AlreadyExists, Conflict, NotFound
from crosstree.status import job as job_status
from localcluster.ports import free_ports

SMALL = Size(nodes=160, pods=400, gangs=11, waiting=4)


class Kept:
    """Remembers what a watch hands over."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.nodes: set[str] = set()

    def begin_list(self) -> None:
        self.names = []

    def put(self, item: wire.Pod) -> None:
        self.names.append(item.metadata.name)
        self.nodes.add(item.spec.node_name)
        requests.of_pod(item.spec)

    def drop(self, item: wire.Pod) -> None:
        self.names.remove(item.metadata.name)

    def end_list(self) -> None:
        pass


@pytest.fixture
async def served() -> AsyncIterator[tuple[Api, Server]]:
    server = loaded(SMALL)
    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    api = Api(f"http://127.0.0.1:{port}", aiohttp.ClientSession())
    try:
        yield api, server
    finally:
        await api.close()
        await runner.cleanup()


async def test_the_operators_watch_reads_every_pod_page_by_page(served: tuple[Api, Server]) -> None:
    api, _ = served
    kept = Kept()
    await Watcher(api, PODS.path(), wire.Pod, kept, page=64).list_once()
    assert len(kept.names) == len(set(kept.names)) == SMALL.pods
    assert "" not in kept.nodes


async def test_a_status_is_merged_and_fenced_by_its_version(served: tuple[Api, Server]) -> None:
    api, _ = served
    path = JOBS.path(NAMESPACE, "waiting")
    version = (await api.get_json(path))["metadata"]["resourceVersion"]
    body = {"metadata": {"resourceVersion": version}, "status": {"phase": "Pending", "attempt": None}}
    kind = "application/merge-patch+json"
    await api.request("PATCH", f"{path}/status", body=json.dumps(body).encode(), content_type=kind)
    stored = await api.get_json(path)
    assert (stored["status"], stored["spec"]["workers"]) == ({"phase": "Pending"}, SMALL.waiting)
    with pytest.raises(Conflict):
        await api.request("PATCH", f"{path}/status", body=json.dumps(body).encode(), content_type=kind)


async def test_creations_and_deletions_are_kept_and_journalled(served: tuple[Api, Server]) -> None:
    api, server = served
    body = json.dumps({"metadata": {"name": "p"}, "spec": {}}).encode()
    await api.request("POST", PODS.path("n"), body=body)
    with pytest.raises(AlreadyExists):
        await api.request("POST", PODS.path("n"), body=body)
    assert (await api.get_json(PODS.path("n", "p")))["metadata"]["namespace"] == "n"
    await api.request("DELETE", PODS.path("n", "p"))
    with pytest.raises(NotFound):
        await api.request("DELETE", PODS.path("n", "p"))
    journal = json.loads(await api.request("GET", JOURNAL))
    assert [one["method"] for one in journal] == ["POST", "POST", "DELETE", "DELETE"]
    assert all(one["agent"].startswith("crosstree/") for one in journal)
    assert len(server.journal) == 4


async def test_a_collection_that_is_not_served_is_not_found(served: tuple[Api, Server]) -> None:
    with pytest.raises(NotFound):
        await served[0].get_json("/apis/apps/v1/deployments")


def test_recorded_lists_are_as_large_as_was_asked() -> None:
    recording = Recording(SMALL)
    nodes, pods = list(recording.nodes()), dict(recording.pods())
    assert (len(nodes), len(pods), len(list(recording.jobs()))) == (SMALL.nodes, SMALL.pods, SMALL.gangs + 1)
    assert 5_000 < len(nodes[0][1]) < 10_000
    assert 3_000 < sum(map(len, pods.values())) / len(pods) < 6_000


def test_nothing_is_to_be_done_or_told_about_a_recorded_gang() -> None:
    for key, body in Recording(SMALL).jobs():
        job = translate.job(json.loads(body))
        if not key.endswith("/waiting"):
            assert job_status.phase(list(job.progress.observed["conditions"])) == "Running"
            assert len(job.progress.placement.nodes) > 0 if job.progress.placement else False


def test_recorded_gangs_share_no_node() -> None:
    seen: list[str] = []
    for _, body in Recording(SMALL).jobs():
        placement = json.loads(body).get("status", {}).get("placement", {"nodes": []})
        seen += [node["name"] for node in placement["nodes"]]
    assert len(seen) == len(set(seen)) > 0


def test_too_many_gangs_for_the_nodes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not hold"):
        Recording(Size(nodes=16, pods=10, gangs=20))


def test_a_merge_patch_follows_its_rules() -> None:
    assert merged({"a": 1, "b": {"c": 1, "d": 2}}, {"a": None, "b": {"c": 3}, "e": [1]}) == {
        "b": {"c": 3, "d": 2},
        "e": [1],
    }
    assert merged("text", {"a": {"b": None}}) == {"a": {}}


def test_every_kind_of_ours_is_discovered() -> None:
    found = discovery("/apis/crosstree.dev/v1alpha1")["resources"]
    assert {one["name"] for one in found} == {"aiclusters", "acceleratorpools", "jobqueues", "trainingjobs"}


def test_only_writes_to_running_jobs_count_as_adoption() -> None:
    running = JOBS.path(NAMESPACE, "train-0001", "status")
    journal = [{"path": path} for path in (WAITING, running, PODS.path(NAMESPACE), NODES.path())]
    assert adopted(journal) == 1


def test_the_kubeconfig_names_the_server() -> None:
    assert kubeconfig("http://x:1")["clusters"][0]["cluster"]["server"] == "http://x:1"
