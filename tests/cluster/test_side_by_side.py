"""Clusters, other people's pods and broken objects, side by side: none of them harms the others."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from crosstree.base.names import LABEL_CLUSTER
from tests.support.objects import GPU, a_cluster, a_foreign_pod, a_job
from tests.support.operated import SOON, Operated, h100, operated
from tests.support.waiting import eventually

NPU = "huawei.com/Ascend910"


def ascend(nodes: int) -> dict:
    fabric = {"style": "ascend", "leafSize": 2, "leavesPerSpine": 2}
    return {"profile": "ascend-910b-8", "count": nodes, "fabric": fabric, "labels": {"lab": "north"}}


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    labs = [a_cluster(lab, nodeSelector={"matchLabels": {"lab": lab}}) for lab in ("east", "north")]
    groups = h100(6, labels={"lab": "east"}), ascend(4)
    with operated(tmp_path_factory.mktemp("side"), *groups, clusters=tuple(labs)) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world


def level_of(world: Operated, cluster: str) -> str:
    """The narrowest level of a cluster's fabric above the node."""
    levels = world.kubectl.get("aicluster", cluster)["status"]["fabric"]["levels"]
    return [level["name"] for level in levels if level["name"] != "node"][-1]


def test_two_clusters_with_different_fabrics_work_side_by_side(world: Operated) -> None:
    east, north = level_of(world, "east"), level_of(world, "north")
    assert east != north
    world.apply(
        a_job("gpu", workers=4, cluster="east", topology={"required": east}),
        a_job("npu", workers=2, cluster="north", model=None, topology={"required": north}),
    )
    assert world.runs("gpu")["placement"]["resource"] == GPU
    assert world.runs("npu")["placement"]["resource"] == NPU
    for name, lab in (("gpu", "east"), ("npu", "north")):
        nodes = {
            world.kubectl.get("node", node)["metadata"]["labels"]["lab"] for node in world.nodes_of(name)
        }
        assert nodes == {lab}
        assert {pod["metadata"]["labels"][LABEL_CLUSTER] for pod in world.pods(name)} == {lab}
    for lab, total, allocated in (("east", 48, 32), ("north", 32, 16)):
        eventually(
            lambda lab=lab: world.kubectl.get("aicluster", lab)["status"]["accelerators"],
            until=lambda seen, total=total, allocated=allocated: (
                (seen["total"], seen["allocated"]) == (total, allocated)
            ),
            within=SOON,
        )


def test_a_level_of_the_neighbour_is_unknown_here(world: Operated) -> None:
    here, there = level_of(world, "east"), level_of(world, "north")
    world.apply(a_job(workers=1, cluster="east", topology={"required": there}))
    waiting = world.wait(lambda seen: seen.get("waiting"))["waiting"]
    assert waiting["reason"] == "LevelUnknown"
    assert here in waiting["message"]


def test_a_job_that_names_no_cluster_of_two_is_told_to_choose(world: Operated) -> None:
    world.apply(a_job(workers=1))
    waiting = world.wait(lambda seen: seen.get("waiting"))["waiting"]
    assert waiting["reason"] == "ClusterNotFound"
    assert "east" in waiting["message"] and "north" in waiting["message"]


def test_other_peoples_pods_are_counted_and_never_overbooked(world: Operated) -> None:
    nodes = [f"h100-{index:03d}" for index in range(6)]
    world.apply(*(a_foreign_pod(f"tenant-{node}", node, {GPU: "5"}) for node in nodes))
    eventually(
        lambda: world.kubectl.get("aicluster", "east")["status"]["accelerators"]["allocated"],
        until=lambda count: count == 30,
        within=SOON,
    )
    world.apply(a_job("whole", workers=3, cluster="east"))
    world.apply(a_job("small", workers=6, per_worker=3, model="nvidia-h100-sxm", cluster="east"))
    waiting = world.wait(lambda seen: seen.get("waiting"), "whole")["waiting"]
    assert waiting["reason"] == "NotEnoughFree"
    world.runs("small")
    assert world.overbooked() == []
    world.finish("small")
    for node in nodes[:3]:
        world.kubectl.delete("pod", f"tenant-{node}", world.namespace)
    world.runs("whole")
    assert sorted(world.nodes_of("whole")) == nodes[:3]
    assert world.overbooked() == []


def test_a_burst_of_jobs_beside_a_burst_of_strangers_overbooks_nothing(world: Operated) -> None:
    strangers = [a_foreign_pod(f"tenant-{n}", f"h100-{n:03d}", {GPU: "4"}) for n in range(3)]
    jobs = [a_job(f"burst-{n}", workers=2, per_worker=4, cluster="east", run_seconds=2) for n in range(8)]
    # Strangers first: one bound by hand after a gang's pods were made overbooks its node, and nobody can help it.
    world.apply(*strangers, *jobs)
    for n in range(8):
        world.wait(
            lambda seen: seen.get("phase") in ("Running", "Succeeded"), f"burst-{n}", what="each had its turn"
        )
        assert world.overbooked() == []
        assert world.record.violations(f"burst-{n}", world.namespace) == []


def test_a_broken_job_says_so_and_harms_nobody(world: Operated) -> None:
    store_broken(world, "broken")
    world.apply(a_job("good", workers=1, cluster="east"))
    world.runs("good")
    told = eventually(lambda: world.condition("Admitted", "broken"), within=SOON)
    assert (told["status"], told["reason"]) == ("False", "InvalidSpec")
    assert "perWorker" in told["message"]
    assert world.pods("broken") == []
    store_broken(world, "broken-too")
    world.apply(a_job("good-too", workers=1, cluster="east"))
    world.runs("good-too")


def store_broken(world: Operated, name: str) -> None:
    """Store a job that today's CRD refuses, as one from before the rule would be: the rule is lifted meanwhile."""
    crd = "trainingjobs.crosstree.dev"
    stored = world.kubectl.get("crd", crd)["spec"]["versions"]
    loose = json.loads(json.dumps(stored))
    loose[0]["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    job = a_job(name, workers=1, cluster="east")
    job["spec"]["accelerators"]["perWorker"] = "eight"
    set_versions(world, crd, loose)
    try:
        eventually(lambda: world.apply(job) is None, within=SOON)
    finally:
        set_versions(world, crd, stored)


def set_versions(world: Operated, crd: str, versions: list) -> None:
    world.kubectl("patch", "crd", crd, "--type=merge", "-p", json.dumps({"spec": {"versions": versions}}))
