"""What producers report of nodes: who gets no new work, who leaves, when, and that the status says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcluster import faults
from tests.support.objects import GPU, a_job
from tests.support.operated import SOON, Operated, h100, operated
from tests.support.waiting import eventually

SECOND = timedelta(seconds=1)
POOL = "east-nvidia-h100-sxm"
NODES = 5
SIGNALS = ("GpuMemWatch", "GpuThermalWatch", "NeuronHealth")
FAN = "example.com/FanBroken"
MESSAGE = "[DCGM_FR_FAULTY_MEMORY] GPU 3 - RecommendedAction: RESTART_VM"


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with operated(tmp_path_factory.mktemp("health"), h100(NODES)) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world
        health(world, None)
        pool_health(world, None)
        for node in world.kubectl.list("nodes"):
            name = node["metadata"]["name"]
            faults.fail_devices(world.local.api, name, GPU, 0)
            for signal in SIGNALS:
                report(world, name, signal, "False")
            report(world, name, "AcceleratedHardwareReady", "True")
        eventually(
            lambda: pool(world).get("faultyNodes"),
            until=lambda count: count == 0,
            within=SOON,
            what="all well",
        )


def report(world: Operated, node: str, signal: str, status: str, message: str = MESSAGE) -> None:
    faults.set_condition(world.local.api, node, signal, status, f"{signal}Reason", message)


def health(world: Operated, spec: dict[str, Any] | None) -> None:
    """Replace how the cluster takes signals; None puts the one-second manners of tests back."""
    usual = {"gracePeriod": "1s", "settlePeriod": "1s", "unreachableTimeout": "5m", "rules": []}
    patch = {"spec": {"health": usual | (spec or {})}}
    world.kubectl("patch", "aicluster", "east", "--type=merge", "-p", json.dumps(patch))


def pool_health(world: Operated, spec: dict[str, Any] | None) -> None:
    patch = {"spec": {"health": spec}}
    world.kubectl("patch", "acceleratorpool", POOL, "--type=merge", "-p", json.dumps(patch))


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def pool(world: Operated) -> dict[str, Any]:
    path = f"/apis/crosstree.dev/v1alpha1/acceleratorpools/{POOL}"
    found: dict[str, Any] = world.local.api.get(path).get("status", {})
    return found


def reported(world: Operated, node: str, action: str) -> dict[str, Any]:
    """Wait until the pool lists a fault of a node with this action."""

    def listed() -> list[dict[str, Any]]:
        return [
            one for one in pool(world).get("faults", ()) if (one["node"], one["action"]) == (node, action)
        ]

    return eventually(listed, within=SOON, what=f"{node} was listed with {action}")[0]


def healthy(world: Operated) -> dict[str, Any]:
    conditions = world.kubectl.get("aicluster", "east")["status"]["conditions"]
    return next(one for one in conditions if one["type"] == "Healthy")


def restarted_off(world: Operated, node: str) -> dict[str, Any]:
    status = world.runs(attempt=2)
    (restart,) = status["restarts"]
    assert (restart["reason"], restart["node"], restart["charged"]) == ("NodeUnhealthy", node, False)
    assert node not in world.nodes_of()
    assert world.record.violations("train", world.namespace) == []
    assert world.overbooked() == []
    return dict(restart)


def running(world: Operated, workers: int = 2) -> str:
    """Start a gang and return the node of its second worker."""
    world.apply(a_job(workers=workers))
    world.runs()
    return world.nodes_of()[1]


def test_a_gang_leaves_a_node_whose_memory_fails_and_names_the_signal(world: Operated) -> None:
    node = running(world)
    report(world, node, "GpuMemWatch", "True")
    restart = restarted_off(world, node)
    assert "GpuMemWatch" in restart["message"] and "DCGM_FR" not in restart["message"]
    told = reported(world, node, "DrainNode")
    assert (told["signal"], told["message"]) == ("GpuMemWatch", MESSAGE)
    summed = "Nodes by action: DrainNode 1. Worst: " + node
    # The pool that lists the fault and the cluster that sums up are two objects, written one after the other.
    eventually(lambda: healthy(world)["message"], within=SOON, until=lambda said: summed in said, what=summed)


def test_a_gang_stays_on_a_hot_node_and_new_work_goes_elsewhere(world: Operated) -> None:
    node = running(world, workers=2)
    report(world, node, "GpuThermalWatch", "True")
    reported(world, node, "Avoid")
    world.apply(a_job("next", workers=2))
    world.runs("next")
    assert node not in world.nodes_of("next")
    assert (world.status()["attempt"], world.status()["phase"]) == (1, "Running")


def test_a_job_that_waits_for_nodes_in_trouble_says_what_they_report(world: Operated) -> None:
    for node in world.kubectl.list("nodes")[1:]:
        report(world, node["metadata"]["name"], "GpuThermalWatch", "True")
    eventually(lambda: pool(world).get("faultyNodes"), until=lambda count: count == NODES - 1, within=SOON)
    world.apply(a_job(workers=2))
    seen = world.wait(lambda seen: "trouble" in seen.get("waiting", {}).get("message", ""))
    assert seen["waiting"]["reason"] == "NodesUnhealthy"
    assert f"{NODES - 1} report trouble (GpuThermalWatch)" in seen["waiting"]["message"]


def test_a_gang_stays_for_the_grace_period_and_new_work_does_not(world: Operated) -> None:
    health(world, {"gracePeriod": "1h", "unreachableTimeout": "2h"})
    node = running(world)
    report(world, node, "GpuMemWatch", "True")
    reported(world, node, "DrainNode")
    world.apply(a_job("next", workers=2))
    world.runs("next")
    assert node not in world.nodes_of("next")
    assert (world.status()["attempt"], world.status()["phase"]) == (1, "Running")
    health(world, None)
    restarted_off(world, node)


def test_a_node_gets_no_work_until_its_trouble_has_been_gone_for_the_settle_period(world: Operated) -> None:
    fan = {"condition": FAN, "status": "True", "action": "DrainNode"}
    # What other tests reported has not been gone for an hour either.
    others = [{"condition": one, "status": "True", "action": "Ignore"} for one in SIGNALS]
    others.append({"condition": "AcceleratedHardwareReady", "status": "False", "action": "Ignore"})
    health(world, {"settlePeriod": "1h", "rules": [fan, *others]})
    node = world.kubectl.list("nodes")[0]["metadata"]["name"]
    report(world, node, FAN, "True")
    reported(world, node, "DrainNode")
    report(world, node, FAN, "False")
    assert "gone" in reported(world, node, "Avoid")["message"]
    world.apply(a_job(workers=NODES))
    world.wait(lambda seen: f"1 reports trouble ({FAN})" in seen.get("waiting", {}).get("message", ""))
    health(world, {"settlePeriod": "3s", "rules": [fan, *others]})
    world.runs()


def test_a_pool_may_ignore_what_its_cluster_heeds(world: Operated) -> None:
    pool_health(world, {"rules": [{"condition": "GpuMemWatch", "status": "True", "action": "Ignore"}]})
    nodes = [node["metadata"]["name"] for node in world.kubectl.list("nodes")]
    report(world, nodes[0], "GpuMemWatch", "True")
    report(world, nodes[1], "GpuThermalWatch", "True")
    reported(world, nodes[1], "Avoid")
    world.apply(a_job(workers=NODES - 1))
    world.runs()
    assert nodes[0] in world.nodes_of()
    eventually(  # the pool is told apart from the job, and of nodes that were not ready yet
        lambda: [one["node"] for one in pool(world).get("faults", ())],
        until=lambda told: told == [nodes[1]],
        within=SOON,
    )


@pytest.mark.parametrize(
    ("signal", "faulty", "well"),
    [("AcceleratedHardwareReady", "False", "True"), ("NeuronHealth", "True", "False")],
)
def test_a_condition_counts_in_its_producers_polarity(
    world: Operated, signal: str, faulty: str, well: str
) -> None:
    node = running(world)
    report(world, node, signal, well)
    report(world, node, "GpuThermalWatch", "True")
    reported(world, node, "Avoid")
    report(world, node, signal, faulty)
    assert signal in restarted_off(world, node)["message"]


def test_a_gang_is_restarted_once_for_each_time_a_restart_is_asked_for(world: Operated) -> None:
    health(world, {"rules": [{"condition": "GpuMemWatch", "status": "True", "action": "RestartPod"}]})
    node = running(world, workers=NODES)
    placed = world.condition("Placed")["lastTransitionTime"]
    # Times in the API have whole seconds: a fault of the very second of the placement would have come with it.
    eventually(lambda: datetime.now(UTC), until=lambda now: now > parsed(placed) + SECOND, within=SOON)
    report(world, node, "GpuMemWatch", "True")
    status = world.runs(attempt=2)
    assert [(one["reason"], one["charged"]) for one in status["restarts"]] == [("RestartAdvised", False)]
    assert node in world.nodes_of()
    report(world, node, "GpuThermalWatch", "True")
    reported(world, node, "Avoid")
    assert world.status()["attempt"] == 2


def test_a_gang_leaves_a_device_that_the_kubelet_reports_unhealthy(world: Operated) -> None:
    node = running(world)
    faults.fail_pod_device(world.local.api, world.namespace, "train-worker-1", GPU, "gpu-3")
    status = world.runs(attempt=2)
    (restart,) = status["restarts"]
    assert (restart["reason"], restart["node"]) == ("DeviceLost", node)
    assert "reported Unhealthy" in restart["message"]
