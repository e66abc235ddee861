"""When the hardware breaks, the gang comes back elsewhere, at no charge, and says which node it left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from localcluster import faults
from localcluster.api import STRATEGIC
from tests.support.objects import GPU, a_foreign_pod, a_job
from tests.support.operated import SOON, Operated, h100, operated
from tests.support.waiting import eventually

NODES = 6


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with operated(tmp_path_factory.mktemp("recovery"), h100(NODES)) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world
        world.mend()


@contextmanager
def set_to(world: Operated, patch: dict, back: dict) -> Iterator[None]:
    """Change the AICluster's spec for a while."""
    kind = ("patch", "aicluster", "east", "--type=merge", "-p")
    world.kubectl(*kind, json.dumps({"spec": patch}))
    try:
        yield
    finally:
        world.kubectl(*kind, json.dumps({"spec": back}))


@contextmanager
def removed(world: Operated, name: str) -> Iterator[None]:
    """Take a node out of the cluster, and put a machine of the same name back afterwards."""
    kept = world.kubectl.get("node", name)
    world.kubectl.delete("node", name)
    try:
        yield
    finally:
        meta = {key: kept["metadata"][key] for key in ("name", "labels")}
        meta["labels"]["type"] = "kwok"
        annotations = kept["metadata"].get("annotations", {})
        meta["annotations"] = {key: value for key, value in annotations.items() if key != faults.FAILED}
        world.kubectl.create({**kept, "metadata": meta, "spec": {}})
        nodes_ready(world, NODES)


def nodes_ready(world: Operated, count: int) -> None:
    eventually(
        lambda: world.kubectl.get("aicluster", "east")["status"]["nodes"]["ready"],
        until=lambda ready: ready == count,
        within=SOON,
        what=f"{count} nodes were ready",
    )


def restarted_off(world: Operated, node: str, reason: str) -> dict:
    """Wait until the second attempt runs without a node; return the restart that it is told by."""
    status = world.runs(attempt=2)
    (restart,) = status["restarts"]
    assert (restart["reason"], restart["node"], restart["charged"]) == (reason, node, False)
    assert node in restart["message"]
    assert status["restartsCharged"] == 0
    assert node not in world.nodes_of()
    assert world.record.violations("train", world.namespace) == []
    assert world.overbooked() == []
    return restart


def test_a_gang_leaves_a_node_that_is_not_ready(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    node = world.nodes_of()[1]
    faults.fail_node(world.local.api, node, faults.NodeFailure.NOT_READY)
    restarted_off(world, node, "NodeNotReady")


@pytest.mark.parametrize("hurried", [False, True], ids=["with-time-to-end", "without-time-to-end"])
def test_a_gang_on_an_unreachable_node_waits_for_its_pods_and_says_so(
    world: Operated, *, hurried: bool
) -> None:
    job = a_job(workers=3)
    if hurried:
        job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0
    world.apply(job)
    world.runs()
    node = world.nodes_of()[1]
    faults.fail_node(world.local.api, node)
    world.phase("Recovering")
    told = eventually(
        lambda: world.condition("Recovering")["message"],
        until=lambda text: "can't confirm" in text,
        within=SOON,
    )
    assert f"Node {node} is NotReady" in told and "train-worker-1" in told
    faults.heal_node(world.local.api, node)
    restarted_off(world, node, "NodeNotReady")


def test_a_gang_leaves_a_node_whose_object_is_deleted(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    node = world.nodes_of()[2]
    with removed(world, node):
        restarted_off(world, node, "NodeLost")


def test_an_unreachable_node_that_is_deleted_lets_the_gang_go_on(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    node = world.nodes_of()[0]
    faults.fail_node(world.local.api, node)
    world.phase("Recovering")
    with removed(world, node):
        restarted_off(world, node, "NodeNotReady")


def test_a_gang_leaves_a_node_that_lost_devices(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    node = world.nodes_of()[0]
    faults.fail_devices(world.local.api, node, GPU, 1)
    restart = restarted_off(world, node, "DeviceLost")
    assert "lacks 1 of the accelerators" in restart["message"]
    status = eventually(
        lambda: world.kubectl.get("aicluster", "east")["status"],
        until=lambda seen: seen["accelerators"]["unhealthy"] == 1,
        within=SOON,
    )
    assert status["accelerators"]["total"] == NODES * 8
    assert status["accelerators"]["healthy"] == NODES * 8 - 1
    (told,) = [one for one in status["conditions"] if one["type"] == "Healthy"]
    assert told["message"] == f"1 accelerator out of order. 1 node with a device fault: {node}."


def test_a_device_lost_for_a_moment_restarts_nothing(world: Operated) -> None:
    world.kubectl(
        "patch", "aicluster", "east", "--type=merge", "-p", '{"spec":{"health":{"gracePeriod":"4m"}}}'
    )
    try:
        world.apply(a_job(workers=3))
        world.runs()
        node = world.nodes_of()[0]
        faults.fail_devices(world.local.api, node, GPU, 1)
        world.wait(lambda _: world.condition("PodsReady")["reason"] == "DeviceLost")
        faults.fail_devices(world.local.api, node, GPU, 0)
        world.wait(lambda _: world.condition("PodsReady")["status"] == "True")
        assert world.status()["attempt"] == 1
    finally:
        world.kubectl(
            "patch", "aicluster", "east", "--type=merge", "-p", '{"spec":{"health":{"gracePeriod":"1s"}}}'
        )


def test_a_disrupted_worker_is_nobodys_fault(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    node = world.nodes_of()[1]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "train-worker-1", "namespace": world.namespace},
    }
    path = f"/api/v1/namespaces/{world.namespace}/pods/train-worker-1/eviction"
    world.local.api.post(path, eviction)
    status = world.runs(attempt=2)
    (restart,) = status["restarts"]
    assert restart["charged"] is False
    assert (restart["reason"], restart["node"]) in {("Disrupted", node), ("PodDeleted", "")}


def test_a_gang_that_kube_scheduler_can_not_bind_is_placed_elsewhere(world: Operated) -> None:
    # With the scheduler away there is time to taint a node between our decision and the binding.
    world.local.kill("kube-scheduler")
    try:
        world.apply(a_job(workers=3))
        placed = world.wait(lambda seen: seen.get("placement"))["placement"]
        node = placed["nodes"][1]["name"]
        world.kubectl("taint", "node", node, "test=closed:NoSchedule")
    finally:
        world.local.start_component("kube-scheduler")
    restart = restarted_off(world, node, "PodUnschedulable")
    assert "does not bind worker 1" in restart["message"]


def long_refused(world: Operated, worker: int) -> None:
    """Let kube-scheduler's refusal of a worker be an hour old, where waiting for half a minute proves no more."""
    refused = eventually(
        lambda: {one["type"]: one for one in world.pods()[worker]["status"]["conditions"]}["PodScheduled"],
        until=lambda condition: condition["status"] == "False",
        within=SOON,
        what="kube-scheduler refused the worker",
    )
    began = datetime.fromisoformat(refused["lastTransitionTime"]) - timedelta(hours=1)
    longer = {**refused, "lastTransitionTime": began.isoformat().replace("+00:00", "Z")}
    path = f"/api/v1/namespaces/{world.namespace}/pods/train-worker-{worker}/status"
    world.local.api.patch(path, {"status": {"conditions": [longer]}}, STRATEGIC)


def test_a_stranger_that_took_the_place_meanwhile_is_not_pushed_aside(world: Operated) -> None:
    world.local.kill("kube-scheduler")
    try:
        world.apply(a_job(workers=2))
        placed = world.wait(lambda seen: seen.get("placement"))["placement"]
        node = placed["nodes"][0]["name"]
        world.apply(a_foreign_pod("stranger", node, {GPU: "4"}))
    finally:
        world.local.start_component("kube-scheduler")
    long_refused(world, worker=0)
    restarted_off(world, node, "PodUnschedulable")
    assert world.kubectl.get("pod", "stranger", world.namespace)["status"]["phase"] == "Running"


def test_nothing_new_lands_on_a_cordoned_node_and_what_runs_stays(world: Operated) -> None:
    world.apply(a_job("old", workers=1))
    world.runs("old")
    (node,) = world.nodes_of("old")
    world.kubectl("cordon", node)
    eventually(
        lambda: world.kubectl.get("aicluster", "east")["status"]["nodes"]["cordoned"],
        until=lambda count: count == 1,
        within=SOON,
    )
    world.apply(a_job("new", workers=NODES))
    waiting = world.wait(lambda seen: seen.get("waiting"), "new")["waiting"]
    assert "1 cordoned" in waiting["message"]
    world.apply(a_job("fits", workers=NODES - 1))
    world.runs("fits")
    assert node not in world.nodes_of("fits")
    assert world.status("old")["attempt"] == 1
    world.finish("fits")
    world.finish("old")
    world.kubectl("uncordon", node)
    world.runs("new")


def test_a_job_waits_for_broken_nodes_and_starts_when_they_are_mended(world: Operated) -> None:
    node = world.kubectl.list("nodes")[0]["metadata"]["name"]
    faults.fail_node(world.local.api, node, faults.NodeFailure.NOT_READY)
    nodes_ready(world, NODES - 1)
    world.apply(a_job(workers=NODES))
    waiting = world.wait(lambda seen: seen.get("waiting"))["waiting"]
    assert waiting["reason"] == "NodesUnhealthy"
    assert "1 not ready" in waiting["message"]
    faults.heal_node(world.local.api, node)
    world.runs()


def test_a_gang_keeps_its_good_nodes_and_replaces_the_bad_one_inside_its_leaf(world: Operated) -> None:
    world.apply(a_job(workers=3, topology={"required": "leaf"}))
    world.runs()
    before = world.nodes_of()
    faults.fail_node(world.local.api, before[1], faults.NodeFailure.NOT_READY)
    restarted_off(world, before[1], "NodeNotReady")
    assert {before[0], before[2]} < set(world.nodes_of())
    told = world.status()["recovery"]
    assert (told["rung"], told["cause"], told["node"]) == ("Replaced", "NodeNotReady", before[1])
    assert "nodes" not in told and f"{before[1]} is left for" in told["message"]


def test_a_program_that_fails_starts_again_on_the_very_same_nodes(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    before = world.nodes_of()
    world.fail(1)
    status = world.runs(attempt=2)
    assert world.nodes_of() == before
    assert (status["recovery"]["rung"], status["restartsCharged"]) == ("SameNodes", 1)


def test_a_worker_that_fails_comes_back_alone_and_the_others_stay(world: Operated) -> None:
    world.apply(a_job(workers=3, framework={"name": "custom"}, restart={"scope": "Worker"}))
    world.runs()
    nodes, before = world.nodes_of(), uids(world)
    world.fail(1, exit_code=5)
    world.wait(lambda seen: seen.get("restartsCharged") == 1)
    eventually(lambda: uids(world)[1] not in ("", before[1]), within=SOON, what="worker 1 came anew")
    eventually(lambda: world.condition("PodsReady")["status"] == "True", within=SOON, what="all were ready")
    status = world.runs()
    assert (uids(world)[0], uids(world)[2], world.nodes_of()) == (before[0], before[2], nodes)
    assert world.record.violations("train", world.namespace, remade=True) == []
    told = status["recovery"]
    assert (told["rung"], told["cause"], told["node"]) == ("Worker", "WorkerFailed", nodes[1])
    assert [(one["reason"], one["charged"]) for one in status["restarts"]] == [("WorkerFailed", True)]


def uids(world: Operated) -> list[str]:
    """List the uids of a gang of three by worker; empty where there is no pod."""
    found = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in world.pods()}
    return [found.get(f"train-worker-{index}", "") for index in range(3)]


def test_nobody_slips_into_the_nodes_of_a_gang_that_recovers(world: Operated) -> None:
    world.apply(a_job("first", workers=NODES))
    world.runs("first")
    world.apply(a_job("second", workers=1))
    world.wait(lambda seen: seen.get("waiting"), "second")
    world.fail(0, "first")
    world.runs("first", attempt=2)
    assert world.status("second").get("attempt", 0) == 0
    assert world.overbooked() == []


def test_a_node_that_stays_silent_is_given_up_after_the_bound(world: Operated) -> None:
    with set_to(
        world,
        {"health": {"gracePeriod": "1s", "unreachableTimeout": "8s"}},
        {"health": {"gracePeriod": "1s", "unreachableTimeout": None}},
    ):
        world.apply(a_job(workers=3))
        world.runs()
        node = world.nodes_of()[1]
        faults.fail_node(world.local.api, node)
        told = world.wait(lambda seen: "then removed by force" in seen.get("waiting", {}).get("message", ""))
        assert "node.kubernetes.io/out-of-service" in told["waiting"]["message"]
        restarted_off(world, node, "NodeNotReady")


def test_an_admin_who_says_that_a_node_is_down_ends_the_wait_at_once(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    node = world.nodes_of()[1]
    faults.fail_node(world.local.api, node)
    world.phase("Recovering")
    taint = "node.kubernetes.io/out-of-service"
    world.kubectl("taint", "node", node, f"{taint}=nodeshutdown:NoExecute")
    try:
        restarted_off(world, node, "NodeNotReady")
    finally:
        world.kubectl("taint", "node", node, f"{taint}-")


def test_a_spare_waits_for_the_gang_that_needs_it(world: Operated) -> None:
    with set_to(world, {"spares": {"perDomain": 1, "level": "spine"}}, {"spares": None}):
        eventually(
            lambda: [one.get("status", {}).get("spares") for one in world.kubectl.list("acceleratorpools")],
            until=lambda seen: seen == [{"wanted": 1, "ready": 1}],
            within=SOON,
        )
        world.apply(a_job("big", workers=NODES - 1))
        world.runs("big")
        world.apply(a_job("small", workers=1))
        waiting = world.wait(lambda seen: seen.get("waiting"), "small")["waiting"]
        assert "1 kept as spares" in waiting["message"]
        node = world.nodes_of("big")[0]
        faults.fail_node(world.local.api, node, faults.NodeFailure.NOT_READY)
        assert world.runs("big", attempt=2)["recovery"]["rung"] == "Replaced"
        assert world.status("small").get("attempt", 0) == 0


def test_a_node_that_fails_a_job_is_in_the_ledger_of_its_cluster_without_the_jobs_name(
    world: Operated,
) -> None:
    world.apply(a_job(workers=2))
    world.runs()
    node = world.nodes_of()[0]
    faults.fail_node(world.local.api, node, faults.NodeFailure.NOT_READY)
    restarted_off(world, node, "NodeNotReady")
    entry = eventually(
        lambda: world.kubectl.get("aicluster", "east")["status"].get("failures", []),
        until=lambda entries: any(one["node"] == node for one in entries),
        within=SOON,
    )
    assert world.namespace not in json.dumps(entry)
    assert {one["lastCause"] for one in entry} <= {"NodeNotReady", "NodeLost", "DeviceLost", "NodeUnhealthy"}


def test_a_worker_that_may_come_back_alone_does_so_while_the_others_go_on(world: Operated) -> None:
    world.apply(a_job(workers=3, framework={"name": "custom"}, restart={"scope": "Worker"}))
    world.runs()
    before = {pod["metadata"]["name"]: pod for pod in world.pods()}
    world.fail(1)

    def uids() -> dict[str, str]:
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in world.pods()}

    anew = eventually(
        uids,
        until=lambda seen: (
            len(seen) == 3 and seen["train-worker-1"] != before["train-worker-1"]["metadata"]["uid"]
        ),
        within=SOON,
    )
    status = world.wait(lambda _: world.condition("PodsReady")["status"] == "True")
    for name in ("train-worker-0", "train-worker-2"):
        assert anew[name] == before[name]["metadata"]["uid"]
    assert world.nodes_of()[1] == before["train-worker-1"]["spec"]["nodeName"]
    assert (status["attempt"], status["restartsCharged"]) == (1, 1)
    assert status["recovery"]["rung"] == "Worker"
    assert world.record.violations("train", world.namespace, remade=True) == []
