"""Faults of the control plane and of nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from localcluster import ApiError, faults
from localcluster.faults import NodeFailure
from tests.chaos.kinds import kind
from tests.chaos.stage import LEVELS, PATIENCE, Stage
from tests.support.waiting import eventually

GPU = "nvidia.com/gpu"


def _down(component: str, says: str, **more: float) -> None:
    def down(stage: Stage) -> Iterator[None]:
        stage.cluster.kill(component)
        yield
        stage.cluster.start_component(component)

    kind(f"control-plane/{component}", says, **more)(down)


_down("etcd", "etcd is killed and comes back.", seconds=0.5)
_down("kube-apiserver", "The API server is killed and comes back.", seconds=0.5)
_down("kube-scheduler", "kube-scheduler is down for a while.")
_down("kube-controller-manager", "The controller manager is down for a while.")
_down("kwok", "No kubelet does anything for a while.")


@kind("control-plane/frozen", "The API server stands still (SIGSTOP) and goes on.", seconds=1.5)
def frozen_server(stage: Stage) -> Iterator[None]:
    with stage.frozen("kube-apiserver"):
        stage.hold(1.0)
    yield


def _node_of_a_gang(stage: Stage) -> str:
    return stage.chance.choice(stage.nodes(stage.a_standing_gang()))


def _patch(stage: Stage, node: str, **change: object) -> None:
    stage.api.patch(f"/api/v1/nodes/{node}", change)


@kind("node/unreachable", "The machine under a gang is cut off, and comes back.", harms=True, seconds=2.0)
def unreachable(stage: Stage) -> Iterator[None]:
    node = _node_of_a_gang(stage)
    faults.fail_node(stage.api, node)
    yield
    faults.heal_node(stage.api, node)


@kind(
    "node/not-ready",
    "The kubelet under a gang says that it is not ready, and recovers.",
    harms=True,
    seconds=2.0,
)
def not_ready(stage: Stage) -> Iterator[None]:
    node = _node_of_a_gang(stage)
    faults.fail_node(stage.api, node, NodeFailure.NOT_READY)
    yield
    faults.heal_node(stage.api, node)


@kind("node/flapping", "A node goes and comes four times.", harms=True)
def flapping(stage: Stage) -> Iterator[None]:
    node = _node_of_a_gang(stage)
    for _ in range(4):
        faults.fail_node(stage.api, node, NodeFailure.NOT_READY)
        stage.hold(0.3)
        faults.heal_node(stage.api, node)
        stage.hold(0.2)
    yield


@kind("node/cordoned", "Nodes are cordoned, one of them under a gang.")
def cordoned(stage: Stage) -> Iterator[None]:
    nodes = [_node_of_a_gang(stage), *_some_nodes(stage, 6)]
    for node in nodes:
        _patch(stage, node, spec={"unschedulable": True})
    yield
    for node in nodes:
        _patch(stage, node, spec={"unschedulable": None})


@kind("node/tainted", "Nodes get a taint that nobody tolerates.")
def tainted(stage: Stage) -> Iterator[None]:
    nodes = _some_nodes(stage, 6)
    for node in nodes:
        _patch(stage, node, spec={"taints": [{"key": "test/keep-out", "effect": "NoSchedule"}]})
    yield
    for node in nodes:
        _patch(stage, node, spec={"taints": None})


@kind("node/fabric-relabelled", "Nodes are moved to another leaf of the fabric, and back.")
def relabelled(stage: Stage) -> Iterator[None]:
    leaf = LEVELS["leaf"]
    nodes = _some_nodes(stage, 4)
    before = {node: stage.api.get(f"/api/v1/nodes/{node}")["metadata"]["labels"].get(leaf) for node in nodes}
    for node in nodes:
        _patch(stage, node, metadata={"labels": {leaf: "leaf-of-another-place"}})
    yield
    for node, value in before.items():
        _patch(stage, node, metadata={"labels": {leaf: value}})


@kind("node/fabric-unlabelled", "Nodes lose the labels of the fabric, and get them back.")
def unlabelled(stage: Stage) -> Iterator[None]:
    nodes = _some_nodes(stage, 4)
    before = {node: stage.api.get(f"/api/v1/nodes/{node}")["metadata"]["labels"] for node in nodes}
    for node in nodes:
        _patch(stage, node, metadata={"labels": dict.fromkeys(LEVELS.values())})
    yield
    for node, labels in before.items():
        _patch(stage, node, metadata={"labels": {key: labels[key] for key in LEVELS.values()}})


@kind(
    "node/deleted", "A Node object is deleted and made again, as when a machine registers anew.", harms=True
)
def deleted(stage: Stage) -> Iterator[None]:
    name = _node_of_a_gang(stage)
    found = stage.api.get(f"/api/v1/nodes/{name}")
    stage.api.delete(f"/api/v1/nodes/{name}")
    yield
    kept = {key: found["metadata"].get(key) for key in ("name", "labels", "annotations")}
    fresh = {"apiVersion": "v1", "kind": "Node", "metadata": kept, "spec": {}, "status": found["status"]}
    with suppress(ApiError):  # kwok may have been quicker
        stage.api.post("/api/v1/nodes", fresh)
    # Its pods went with it or stay: both happen. Those that stay belong to a machine that no longer knows them.
    for pod in faults.pods_on(stage.api, name):
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        with suppress(ApiError):
            stage.api.delete(path, {"gracePeriodSeconds": 0})


@kind("node/devices-lost", "Devices of a node under a gang become unhealthy, and well again.", harms=True)
def devices_lost(stage: Stage) -> Iterator[None]:
    node = _node_of_a_gang(stage)
    faults.fail_devices(stage.api, node, GPU, 3)
    yield
    faults.fail_devices(stage.api, node, GPU, 0)


@kind("node/plugin-gone", "The device plugins of some nodes are gone: they offer nothing.", harms=True)
def plugin_gone(stage: Stage) -> Iterator[None]:
    nodes = _some_nodes(stage, 4)
    for node in nodes:
        faults.fail_devices(stage.api, node, GPU, 8)
    yield
    for node in nodes:
        faults.fail_devices(stage.api, node, GPU, 0)


@kind("node/condition", "A problem detector reports a broken GPU, and takes it back.", harms=True)
def condition(stage: Stage) -> Iterator[None]:
    node = _node_of_a_gang(stage)
    faults.set_condition(stage.api, node, "GpuNvlinkWatch", "True")
    yield
    faults.set_condition(stage.api, node, "GpuNvlinkWatch", "False")


@kind("node/new", "A node joins the cluster, and leaves it.")
def joins(stage: Stage) -> Iterator[None]:
    model = stage.api.get(f"/api/v1/nodes/{_node_of_a_gang(stage)}")
    labels = {**model["metadata"]["labels"], "kubernetes.io/hostname": "late"}
    meta = {"name": "late", "labels": labels, "annotations": model["metadata"].get("annotations")}
    cordoned_first = {"unschedulable": True}
    body = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta,
        "spec": cordoned_first,
        "status": model["status"],
    }
    stage.api.post("/api/v1/nodes", body)
    yield
    eventually(lambda: _gone(stage, "late"), within=PATIENCE, what="the node had left")


def _gone(stage: Stage, node: str) -> bool:
    try:
        stage.api.delete(f"/api/v1/nodes/{node}")
    except ApiError as error:
        return error.status == 404
    return False


def _some_nodes(stage: Stage, count: int) -> list[str]:
    """Return nodes on which none of the gangs that run all the time has a pod."""
    busy = {pod["spec"].get("nodeName") for pod in stage.api.get("/api/v1/pods")["items"]}
    names = [one["metadata"]["name"] for one in stage.api.get("/api/v1/nodes")["items"]]
    return stage.chance.sample(sorted(set(names) - busy), count)
