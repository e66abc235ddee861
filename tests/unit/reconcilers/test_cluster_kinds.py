"""What is written about AIClusters, AcceleratorPools and JobQueues, and when nothing is."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from crosstree import translate
from crosstree.adapters.store import ObjectStore
from crosstree.base.errors import AlreadyExists, Conflict
from crosstree.base.names import API_VERSION
from crosstree.core.accelerator import Profile
from crosstree.core.diary import Diary
from crosstree.core.queuetree import serving
from crosstree.core.snapshot import Pool, Snapshot
from crosstree.core.topology import build
from crosstree.core.troubles import NONE, Troubles
from crosstree.engine.work import Again, Done
from crosstree.reconcilers.acceleratorpool import AcceleratorPoolReconciler
from crosstree.reconcilers.aicluster import AIClusterReconciler
from crosstree.reconcilers.dispatch import Dispatch
from crosstree.reconcilers.inventories import Inventories
from crosstree.reconcilers.jobqueue import JobQueueReconciler
from crosstree.reconcilers.statuses import INTERVAL, StatusWriter

KINDS = {"aiclusters": "AICluster", "acceleratorpools": "AcceleratorPool", "jobqueues": "JobQueue"}
RESOURCE = "nvidia.com/gpu"


class Live:
    """A cluster of idle nodes of 8 devices, a pool per model."""

    def __init__(self) -> None:
        self.store = ObjectStore(translate, lambda *_: None)
        self.models: dict[str, int] = {"nvidia-h100-sxm": 2}
        self.generation = 1
        self.oddities: tuple = ()

    def snapshot_of(self, cluster: str) -> Snapshot:
        names = tuple(f"{model}-{i}" for model, count in self.models.items() for i in range(count))
        amounts = np.full((len(names), 1), 8, np.int64)
        pools = []
        for model, count in self.models.items():
            rows = [i for i, name in enumerate(names) if name.startswith(model)]
            order, fabric = build([names[i] for i in rows], (), [])
            nodes = np.array(rows, np.int32)[order] if count else np.zeros(0, np.int32)
            pools.append(Pool(f"{cluster}-{model}", Profile(model, "nvidia"), RESOURCE, 0, nodes, fabric))
        state = np.zeros(len(names), np.int8)
        return Snapshot(
            cluster, self.generation, names, (RESOURCE,), amounts, amounts, state, state, tuple(pools)
        )

    def diary(self, cluster: str) -> Diary:
        return Diary(serving(self.store.queues, cluster))

    def oddities_of(self, cluster: str) -> tuple:
        return self.oddities

    def troubles_of(self, snapshot: Snapshot, pool: str | None = None) -> Troubles:
        return NONE


class Server:
    """The part of an API server that these reconcilers write to; every write comes back as a watch event."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.version = 0

    def _store(self, plural: str, raw: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        raw["metadata"]["resourceVersion"] = str(self.version)
        self.objects[(plural, raw["metadata"]["name"])] = raw
        self.live.store.put(KINDS[plural], copy.deepcopy(raw))
        return copy.deepcopy(raw)

    def given(self, plural: str, name: str, spec: Mapping[str, Any] | None = None, **metadata: Any) -> None:
        """Let a user create an object."""
        meta = {
            "name": name,
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        self._store(
            plural,
            {
                "apiVersion": API_VERSION,
                "kind": KINDS[plural],
                "metadata": meta | metadata,
                "spec": dict(spec or {}),
            },
        )

    def edit(self, plural: str, name: str, spec: Mapping[str, Any]) -> None:
        """Let a user change the spec of an object."""
        raw = copy.deepcopy(self.objects[(plural, name)])
        raw["spec"] |= spec
        self._store(plural, raw)

    def get(self, plural: str, name: str) -> dict[str, Any]:
        return self.objects[(plural, name)]

    async def create_object(self, plural: str, namespace: None, body: Mapping[str, Any]) -> dict[str, Any]:
        name = body["metadata"]["name"]
        self.writes.append(("create", plural, name))
        if (plural, name) in self.objects:
            raise AlreadyExists(name)
        self.given(plural, name, body["spec"], **{k: v for k, v in body["metadata"].items() if k != "name"})
        return copy.deepcopy(self.objects[(plural, name)])

    async def patch_object(
        self, plural: str, namespace: None, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any]:
        self.writes.append(("patch", plural, name))
        self.edit(plural, name, patch["spec"])
        return copy.deepcopy(self.objects[(plural, name)])

    async def delete_object(self, plural: str, namespace: None, name: str, uid: str) -> None:
        self.writes.append(("delete", plural, name))
        self.live.store.drop(KINDS[plural], self.objects.pop((plural, name)))

    async def patch_status(
        self, plural: str, namespace: None, name: str, version: str, status: Mapping[str, Any]
    ) -> dict[str, Any]:
        self.writes.append(("status", plural, name))
        raw = copy.deepcopy(self.objects[(plural, name)])
        if raw["metadata"]["resourceVersion"] != version:
            raise Conflict(name)
        raw["status"] = {**raw.get("status", {}), **status}
        return self._store(plural, raw)


class Bench:
    def __init__(self) -> None:
        self.live = live = Live()
        self.server = Server(live)
        statuses = StatusWriter(self.server, live.store)
        inventories = Inventories(live)
        self.dispatch = Dispatch(
            live.store,
            statuses,
            {
                "AICluster": AIClusterReconciler(live, self.server, statuses, inventories).reconcile,
                "AcceleratorPool": AcceleratorPoolReconciler(live, statuses, inventories).reconcile,
                "JobQueue": JobQueueReconciler(
                    live, self.server, statuses, ["nvidia-h100-sxm", "nvidia-h200-sxm"]
                ).reconcile,
            },
            lambda reason: None,
        )
        self.now = 1000.0

    async def look(self, kind: str, name: str, *, after: float = 2.0) -> Done | Again:
        self.now += after
        return await self.dispatch.reconcile((kind, name), self.now)


@pytest.fixture
def bench() -> Bench:
    return Bench()


POOL = "east-nvidia-h100-sxm"


async def test_a_cluster_gets_a_pool_per_model_and_a_status_in_one_look(bench):
    bench.server.given("aiclusters", "east")
    await bench.look("AICluster", "east")
    pool = bench.server.get("acceleratorpools", POOL)
    assert pool["spec"] == {
        "cluster": "east",
        "accelerator": {"model": "nvidia-h100-sxm", "resourceName": RESOURCE},
    }
    assert pool["metadata"]["ownerReferences"][0]["uid"] == "uid-east"
    assert bench.server.get("aiclusters", "east")["status"]["accelerators"]["total"] == 16


async def test_nothing_is_written_when_nothing_changed(bench):
    bench.server.given("aiclusters", "east")
    await bench.look("AICluster", "east")
    await bench.look("AcceleratorPool", POOL)
    before = len(bench.server.writes)
    await bench.look("AICluster", "east")
    await bench.look("AcceleratorPool", POOL)
    assert len(bench.server.writes) == before


async def test_a_deleted_pool_is_made_again(bench):
    bench.server.given("aiclusters", "east")
    await bench.look("AICluster", "east")
    await bench.server.delete_object("acceleratorpools", None, POOL, "uid")
    await bench.look("AICluster", "east")
    assert ("acceleratorpools", POOL) in bench.server.objects


async def test_drift_is_repaired_and_what_the_admin_set_beside_it_stays(bench):
    bench.server.given("aiclusters", "east")
    await bench.look("AICluster", "east")
    drifted = {
        "accelerator": {"model": "nvidia-a100-sxm-80gb", "resourceName": RESOURCE},
        "schedulable": False,
    }
    bench.server.edit("acceleratorpools", POOL, drifted)
    await bench.look("AICluster", "east")
    spec = bench.server.get("acceleratorpools", POOL)["spec"]
    assert spec["accelerator"]["model"] == "nvidia-h100-sxm"
    assert spec["schedulable"] is False


async def test_a_pool_whose_model_is_gone_is_deleted(bench):
    bench.server.given("aiclusters", "east")
    await bench.look("AICluster", "east")
    bench.live.models = {"nvidia-a100-sxm-80gb": 1}
    bench.live.generation += 1
    await bench.look("AICluster", "east")
    assert ("acceleratorpools", POOL) not in bench.server.objects
    assert ("acceleratorpools", "east-nvidia-a100-sxm-80gb") in bench.server.objects


async def test_a_pool_made_by_hand_is_left_alone(bench):
    spec = {"cluster": "east", "accelerator": {"model": "nvidia-l4", "resourceName": RESOURCE}}
    bench.server.given("acceleratorpools", "mine", spec)
    bench.server.given("acceleratorpools", POOL, spec)
    bench.server.given("aiclusters", "east")
    await bench.look("AICluster", "east")
    assert bench.server.get("acceleratorpools", "mine")["spec"] == spec
    assert bench.server.get("acceleratorpools", POOL)["spec"] == spec


async def test_an_explicit_cluster_gets_no_pools(bench):
    bench.server.given("aiclusters", "east", {"poolDiscovery": "Explicit"})
    await bench.look("AICluster", "east")
    assert bench.server.writes == [("status", "aiclusters", "east")]


async def test_numbers_that_change_all_the_time_are_written_once_a_second(bench):
    bench.server.given("aiclusters", "east")
    await bench.look("AICluster", "east")
    bench.live.models["nvidia-h100-sxm"] = 3
    bench.live.generation += 1
    early = await bench.look("AICluster", "east", after=0.25)
    assert early == Again(pytest.approx(INTERVAL - 0.25))
    await bench.look("AICluster", "east", after=1.0)
    assert bench.server.get("aiclusters", "east")["status"]["accelerators"]["total"] == 24


async def test_a_pool_tells_its_numbers(bench):
    bench.server.given("aiclusters", "east")
    await bench.look("AICluster", "east")
    await bench.look("AcceleratorPool", POOL)
    status = bench.server.get("acceleratorpools", POOL)["status"]
    assert (status["vendor"], status["nodes"], status["free"]) == ("nvidia", 2, 16)


async def test_a_pool_of_no_cluster_says_so(bench):
    spec = {"cluster": "nowhere", "accelerator": {"model": "nvidia-l4", "resourceName": RESOURCE}}
    bench.server.given("acceleratorpools", "mine", spec)
    await bench.look("AcceleratorPool", "mine")
    (condition,) = bench.server.get("acceleratorpools", "mine")["status"]["conditions"]
    assert condition["reason"] == "ClusterNotFound"


async def test_the_default_queue_is_made_when_it_is_missing(bench):
    await bench.look("JobQueue", "default")
    await bench.look("JobQueue", "default")
    assert bench.server.get("jobqueues", "default")["status"]["waiting"] == 0
    await bench.look("JobQueue", "other")
    assert ("jobqueues", "other") not in bench.server.objects


@pytest.mark.parametrize(
    ("models", "reason"),
    [
        (["nvidia-h200-sxm", "*"], "Ready"),  # in the catalog: its nodes may come
        (["acme-1"], "Ready"),  # of a pool
        (["declared-2"], "Ready"),  # of an AICluster
        (["nvidia-h100-smx"], "ModelUnknown"),
    ],
)
async def test_a_quota_for_a_model_that_is_nowhere_is_told_and_the_queue_is_ready(bench, models, reason):
    declared = {"model": "declared-2", "vendor": "acme", "resourceName": "acme.com/two"}
    bench.server.given("aiclusters", "east", {"accelerators": [declared]})
    accelerator = {"model": "acme-1", "resourceName": "acme.com/one"}
    bench.server.given("acceleratorpools", "acme", {"cluster": "east", "accelerator": accelerator})
    bench.server.given("jobqueues", "team", {"quotas": [{"model": one, "limit": 8} for one in models]})
    await bench.look("JobQueue", "team")
    (ready,) = bench.server.get("jobqueues", "team")["status"]["conditions"]
    assert (ready["status"], ready["reason"]) == ("True", reason)
    assert ("Spelled like it: nvidia-h100-sxm" in ready["message"]) is (reason == "ModelUnknown")


async def test_two_operators_making_the_default_queue_do_not_fight(bench):
    other = Bench()
    other.server.objects = bench.server.objects
    await bench.look("JobQueue", "default")
    assert await other.look("JobQueue", "default") == Done()


async def test_an_object_nobody_understands_says_why_once(bench):
    bench.server.given("aiclusters", "east", {"poolDiscovery": "Sometimes"})
    await bench.look("AICluster", "east")
    (condition,) = bench.server.get("aiclusters", "east")["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Ready", "False", "InvalidSpec")
    assert "Sometimes" in condition["message"]
    await bench.look("AICluster", "east")
    assert bench.server.writes == [("status", "aiclusters", "east")]


async def test_an_object_that_was_repaired_is_ready(bench):
    bench.server.given("aiclusters", "east", {"poolDiscovery": "Sometimes"})
    await bench.look("AICluster", "east")
    bench.server.edit("aiclusters", "east", {"poolDiscovery": "Auto"})
    await bench.look("AICluster", "east")
    ready = bench.server.get("aiclusters", "east")["status"]["conditions"][0]
    assert (ready["type"], ready["status"]) == ("Ready", "True")


@pytest.mark.parametrize("kind", ["AICluster", "AcceleratorPool", "JobQueue"])
async def test_an_object_that_is_gone_is_nothing_to_do(bench, kind):
    assert await bench.look(kind, "gone") == Done()
    assert bench.server.writes == []
