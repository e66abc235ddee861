"""What simulated nodes and pods do, against a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from localcluster import Cluster, FleetError, faults, nodes
from localcluster.api import Json
from localcluster.fleet import Fleet
from tests.localcluster.support import SMALL, a_pod, eventually

pytestmark = pytest.mark.usefixtures("binaries")


def read_pod(cluster: Cluster, namespace: str, name: str) -> Json:
    return cluster.api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")


def create(cluster: Cluster, namespace: str, pod: Json) -> None:
    cluster.api.post(f"/api/v1/namespaces/{namespace}/pods", pod)


def phase(pod: Json) -> Any:
    return pod["status"].get("phase")


def condition(thing: Json, kind: str) -> Json:
    return next((c for c in thing["status"].get("conditions", ()) if c["type"] == kind), {})


def test_nodes_are_ready_with_their_devices_and_leaf(cluster: Cluster) -> None:
    found = nodes.simulated_nodes(cluster.api)

    assert len(found) == 6 and all(map(nodes.ready, found))
    assert {n["status"]["allocatable"]["nvidia.com/gpu"] for n in found} == {"8"}
    assert len({n["metadata"]["labels"]["network.topology.nvidia.com/leaf"] for n in found}) == 3


def test_clients_are_told_the_version_that_was_built(cluster: Cluster) -> None:
    assert cluster.api.get("/version")["gitVersion"] == "v1.37.1"


def test_pod_is_scheduled_and_runs_until_deleted(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, a_pod("forever", gpus=8))

    pod = eventually(lambda: read_pod(cluster, namespace, "forever"), lambda p: phase(p) == "Running")
    assert condition(pod, "Ready")["status"] == "True"
    assert pod["status"]["podIP"] and pod["status"]["hostIP"] and pod["spec"]["nodeName"]
    assert pod["status"]["containerStatuses"][0]["state"]["running"]

    path = f"/api/v1/namespaces/{namespace}/pods/forever"
    cluster.api.delete(path)
    eventually(lambda: cluster.api.raw("GET", path)[0], lambda status: status == 404, within=5)


def test_pod_too_big_for_any_node_stays_pending(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, a_pod("huge", gpus=9))

    pod = eventually(
        lambda: read_pod(cluster, namespace, "huge"),
        lambda p: condition(p, "PodScheduled").get("reason") == "Unschedulable",
    )
    assert "Insufficient nvidia.com/gpu" in condition(pod, "PodScheduled")["message"]


def test_pod_succeeds_after_its_run_time(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, a_pod("short", run_seconds="1.5"))

    pod = eventually(lambda: read_pod(cluster, namespace, "short"), lambda p: phase(p) == "Succeeded")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (0, "Completed")


def test_pod_fails_with_the_exit_code_and_reason_asked_for(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, a_pod("oom", run_seconds="0", exit_code="137", exit_reason="OOMKilled"))

    pod = eventually(lambda: read_pod(cluster, namespace, "oom"), lambda p: phase(p) == "Failed")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_a_change_of_the_pod_does_not_move_its_end(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, a_pod("touched", run_seconds="3"))
    pod = eventually(lambda: read_pod(cluster, namespace, "touched"), lambda p: phase(p) == "Running")
    ends = condition(pod, "localcluster.dev/EndsAt")["message"]
    touches = iter(range(10**6))

    def touch_and_read() -> Json:
        path = f"/api/v1/namespaces/{namespace}/pods/touched"
        return cluster.api.patch(path, {"metadata": {"annotations": {"touch": str(next(touches))}}})

    # Touched all the time: were the end counted from the last change, it would never come.
    done = eventually(touch_and_read, lambda p: phase(p) == "Succeeded", within=10)
    assert done["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"][:18] >= ends[:18]


def test_running_pod_ends_when_told_to(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, a_pod("victim"))
    eventually(lambda: read_pod(cluster, namespace, "victim"), lambda p: phase(p) == "Running")

    faults.fail_pod(cluster.api, namespace, "victim", exit_code=3)

    pod = read_pod(cluster, namespace, "victim")
    assert phase(pod) == "Failed"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


def test_unreachable_node_is_tainted_and_keeps_deleted_pods_until_it_heals(
    cluster: Cluster, namespace: str, node: str
) -> None:
    create(cluster, namespace, a_pod("stuck", node=node))
    eventually(lambda: read_pod(cluster, namespace, "stuck"), lambda p: phase(p) == "Running")

    faults.fail_node(cluster.api, node)

    def taints() -> set[str]:
        found = cluster.api.get(f"/api/v1/nodes/{node}")["spec"].get("taints", [])
        return {f"{taint['key']}:{taint['effect']}" for taint in found}

    unreachable = "node.kubernetes.io/unreachable"
    eventually(
        taints, lambda found: {f"{unreachable}:NoSchedule", f"{unreachable}:NoExecute"} <= found, within=30
    )
    eventually(
        lambda: condition(read_pod(cluster, namespace, "stuck"), "Ready"),
        lambda c: c["status"] == "False",
        within=30,
    )
    path = f"/api/v1/namespaces/{namespace}/pods/stuck"
    cluster.api.delete(path)
    create(cluster, namespace, a_pod("witness", node="h100-000"))
    eventually(lambda: read_pod(cluster, namespace, "witness"), lambda p: phase(p) == "Running")
    assert read_pod(cluster, namespace, "stuck")["metadata"]["deletionTimestamp"]

    faults.heal_node(cluster.api, node)

    eventually(taints, lambda found: not found, within=30)
    eventually(lambda: cluster.api.raw("GET", path)[0], lambda status: status == 404, within=30)


def test_pod_on_an_unreachable_node_ends_only_after_the_node_heals(
    cluster: Cluster, namespace: str, node: str
) -> None:
    create(cluster, namespace, a_pod("cut-off", node=node, run_seconds="2"))
    create(cluster, namespace, a_pod("witness", node="h100-000", run_seconds="4"))
    eventually(lambda: read_pod(cluster, namespace, "cut-off"), lambda p: phase(p) == "Running")

    faults.fail_node(cluster.api, node)

    eventually(lambda: read_pod(cluster, namespace, "witness"), lambda p: phase(p) == "Succeeded")
    assert phase(read_pod(cluster, namespace, "cut-off")) == "Running"

    faults.heal_node(cluster.api, node)

    eventually(lambda: read_pod(cluster, namespace, "cut-off"), lambda p: phase(p) == "Succeeded", within=5)


def test_healed_node_has_its_pods_ready_again(cluster: Cluster, namespace: str, node: str) -> None:
    create(cluster, namespace, a_pod("patient", node=node))
    eventually(lambda: read_pod(cluster, namespace, "patient"), lambda p: phase(p) == "Running")
    faults.fail_node(cluster.api, node)
    assert condition(read_pod(cluster, namespace, "patient"), "Ready")["status"] == "False"

    faults.heal_node(cluster.api, node)

    assert condition(read_pod(cluster, namespace, "patient"), "Ready")["status"] == "True"
    eventually(lambda: cluster.api.get(f"/api/v1/nodes/{node}"), nodes.ready, within=30)


def test_node_that_is_not_ready_still_ends_deleted_pods(cluster: Cluster, namespace: str, node: str) -> None:
    create(cluster, namespace, a_pod("patient", node=node))
    eventually(lambda: read_pod(cluster, namespace, "patient"), lambda p: phase(p) == "Running")

    faults.fail_node(cluster.api, node, faults.NodeFailure.NOT_READY)

    path = f"/api/v1/namespaces/{namespace}/pods/patient"
    cluster.api.delete(path)
    eventually(lambda: cluster.api.raw("GET", path)[0], lambda status: status == 404)
    assert condition(cluster.api.get(f"/api/v1/nodes/{node}"), "Ready")["reason"] == "KubeletNotReady"


def test_failed_devices_lower_allocatable_and_keep_capacity(cluster: Cluster, node: str) -> None:
    faults.fail_devices(cluster.api, node, "nvidia.com/gpu", 3)

    status = cluster.api.get(f"/api/v1/nodes/{node}")["status"]
    assert (status["allocatable"]["nvidia.com/gpu"], status["capacity"]["nvidia.com/gpu"]) == ("5", "8")
    assert status["allocatable"]["cpu"] == status["capacity"]["cpu"]


def test_failing_a_device_that_is_not_there_names_what_is(cluster: Cluster, node: str) -> None:
    with pytest.raises(FleetError, match=r"it has nvidia\.com/gpu"):
        faults.fail_devices(cluster.api, node, "amd.com/gpu", 1)


def test_device_health_is_reported_on_the_pod(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, a_pod("holder", gpus=1))
    eventually(lambda: read_pod(cluster, namespace, "holder"), lambda p: phase(p) == "Running")

    faults.fail_pod_device(cluster.api, namespace, "holder", "nvidia.com/gpu", "GPU-0")

    (container,) = read_pod(cluster, namespace, "holder")["status"]["containerStatuses"]
    assert container["allocatedResourcesStatus"][0]["resources"] == [
        {"resourceID": "GPU-0", "health": "Unhealthy"}
    ]


def test_scaling_adds_and_removes_nodes_by_name(cluster: Cluster) -> None:
    bigger = Fleet.parse({"groups": [{"profile": "cpu-64", "count": 2}]}).nodes()

    assert nodes.scale(cluster.api, [*SMALL.nodes(), *bigger]) == (2, 0)
    nodes.wait_ready(cluster.api, 8)
    assert nodes.scale(cluster.api, SMALL.nodes()) == (0, 2)


def test_writes_are_counted_by_who_made_them(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, a_pod("counted"))
    eventually(lambda: read_pod(cluster, namespace, "counted"), lambda p: phase(p) == "Running")

    eventually(cluster.writes, lambda found: found.get("kube-scheduler create pods/binding", 0) > 0)
    eventually(cluster.writes, lambda found: found.get("kwok patch pods/status", 0) > 0)
