"""Real nodes: what simulated ones cannot show, and that nothing of them is left behind.

Needs root and a few packages (see `localcluster.realnode.missing`); started by `make test-e2e` only.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcluster import Cluster, RealNode, build
from localcluster.api import Json
from localcluster.realnode import config, images, missing
from localcluster.realnode.node import Node
from localcluster.realnode.plan import LABEL
from tests.localcluster.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
GPU = "nvidia.com/gpu"
PODS = "/api/v1/namespaces/default/pods"
LEAF = "network.topology.nvidia.com/leaf"


@pytest.fixture(scope="module")
def real() -> Iterator[Cluster]:
    if lacking := missing():
        pytest.fail(lacking)
    wanted = [
        RealNode("real-0", {GPU: 4, "example.com/nic": 2}, {LEAF: "leaf-0"}),
        RealNode("real-1", {GPU: 4}, {LEAF: "leaf-1"}),
    ]
    with Cluster(nodes=2, real_nodes=wanted) as cluster:
        eventually(
            lambda: cluster.api.raw("GET", "/api/v1/namespaces/default/configmaps/kube-root-ca.crt")[0],
            lambda status: status == 200,
        )
        yield cluster


@pytest.fixture
def broken(real: Cluster) -> Iterator[Node]:
    """A node for one test to break; it is made whole again afterwards."""
    node = real.node("real-1")
    yield node
    node.start()
    node.heal()
    for index in range(4):
        node.set_device_health(GPU, index, healthy=True)
    eventually(lambda: state(real, "real-1"), lambda found: found == ("True", "4", False), within=60)


@pytest.fixture
def run(real: Cluster) -> Iterator[Callable[..., str]]:
    """Start a pod of the hello image with these verbs; its name is given back, and it is gone afterwards."""
    made: list[str] = []

    def start(
        *verbs: str, node: str = "real-0", gpus: int = 0, image: str = config.HELLO, **more: str
    ) -> str:
        name = f"hello-{len(made)}"
        limits = {GPU: str(gpus)} if gpus else {}
        container = {
            "name": "hello",
            "image": image,
            "args": list(verbs),
            "resources": {"limits": limits},
        }
        spec = {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            **more,
        }
        real.api.post(PODS, {"metadata": {"name": name, "labels": {"app": "hello"}}, "spec": spec})
        made.append(name)
        return name

    yield start
    for name in made:
        real.api.raw("DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")
    eventually(lambda: real.api.get(PODS)["items"], lambda left: not left)


def state(cluster: Cluster, name: str) -> tuple[str, str, bool]:
    """Ready, allocatable GPUs, and whether the node is tainted."""
    node = cluster.api.get(f"/api/v1/nodes/{name}")
    conditions = {c["type"]: c["status"] for c in node["status"]["conditions"]}
    return conditions["Ready"], node["status"]["allocatable"][GPU], bool(node["spec"].get("taints"))


def pod(cluster: Cluster, name: str) -> Json:
    return cluster.api.get(f"{PODS}/{name}")


def reaches(cluster: Cluster, name: str, phase: str, within: float = 30) -> Json:
    return eventually(
        lambda: pod(cluster, name), lambda found: found["status"].get("phase") == phase, within=within
    )


def log(cluster: Cluster, name: str) -> str:
    return cluster.api.raw("GET", f"{PODS}/{name}/log")[1].decode()


def test_real_nodes_are_ready_beside_simulated_ones_with_their_labels_and_devices(real: Cluster) -> None:
    found = {node["metadata"]["name"]: node for node in real.api.get("/api/v1/nodes")["items"]}

    assert len(found) == 4
    assert state(real, "real-0") == state(real, "real-1") == ("True", "4", False)
    assert found["real-0"]["metadata"]["labels"][LABEL] == "true"
    assert found["real-0"]["metadata"]["labels"][LEAF] == "leaf-0"
    assert found["real-0"]["status"]["allocatable"]["example.com/nic"] == "2"


def test_pod_runs_to_its_end_and_its_output_can_be_read(real: Cluster, run: Callable[..., str]) -> None:
    name = run("print", "good day")

    reaches(real, name, "Succeeded")

    assert log(real, name) == "good day\n"


def test_exit_code_of_a_failing_container_is_reported(real: Cluster, run: Callable[..., str]) -> None:
    failed = reaches(real, run("exit", "7"), "Failed")

    assert failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7


def test_kubectl_exec_runs_a_command_in_a_container(real: Cluster, run: Callable[..., str]) -> None:
    name = run("wait")
    reaches(real, name, "Running")

    command = ["exec", name, "--", "/bin/hello", "print", "inside"]
    done = subprocess.run(
        [str(real.bin / "kubectl"), "--kubeconfig", str(real.kubeconfig), *command],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.stdout == "inside\n", done.stderr


def test_pods_on_two_nodes_find_each_other_by_the_name_of_a_headless_service(
    real: Cluster, run: Callable[..., str]
) -> None:
    service = {"clusterIP": "None", "selector": {"app": "hello"}, "ports": [{"port": 80}]}
    real.api.post("/api/v1/namespaces/default/services", {"metadata": {"name": "ring"}, "spec": service})
    run("wait", node="real-0", hostname="a", subdomain="ring")

    asking = run("lookup", "a.ring.default.svc.cluster.local", "lookup", "a.ring", node="real-1")

    reaches(real, asking, "Succeeded", within=40)
    address = pod(real, "hello-0")["status"]["podIP"]
    assert log(real, asking) == f"a.ring.default.svc.cluster.local {address}\na.ring {address}\n"


def test_pod_reaches_the_api_server_at_the_service_address_and_verifies_it(
    real: Cluster, run: Callable[..., str]
) -> None:
    asking = run("env", "KUBERNETES_SERVICE_HOST", "version")

    reaches(real, asking, "Succeeded")

    said = log(real, asking).split("\n", 2)
    assert said[0] == "KUBERNETES_SERVICE_HOST=10.96.0.1"
    assert said[1].startswith("200 ")


def test_container_is_told_which_devices_it_got(real: Cluster, run: Callable[..., str]) -> None:
    name = run("env", "LOCALCLUSTER_DEVICES", gpus=4)

    reaches(real, name, "Succeeded")

    every = ",".join(f"nvidia-com-gpu-{index}" for index in range(4))
    assert log(real, name) == f"LOCALCLUSTER_DEVICES_NVIDIA_COM_GPU={every}\n"


def test_unhealthy_device_is_told_by_node_and_pod_and_comes_back(
    real: Cluster, broken: Node, run: Callable[..., str]
) -> None:
    def health(name: str) -> dict[str, str]:
        statuses = pod(real, name)["status"]["containerStatuses"][0].get("allocatedResourcesStatus", [])
        return {device["resourceID"]: device["health"] for entry in statuses for device in entry["resources"]}

    holder = run("wait", node="real-1", gpus=4)
    reaches(real, holder, "Running")
    before = state(real, "real-1")

    broken.set_device_health(GPU, 2, healthy=False)

    eventually(lambda: state(real, "real-1")[1], lambda count: count == "3")
    eventually(lambda: health(holder), lambda found: found.get("nvidia-com-gpu-2") == "Unhealthy")
    assert health(holder)["nvidia-com-gpu-1"] == "Healthy"
    assert real.api.get("/api/v1/nodes/real-1")["status"]["capacity"][GPU] == "4"

    broken.set_device_health(GPU, 2, healthy=True)

    eventually(lambda: state(real, "real-1"), lambda found: found == before)


def test_dead_device_plugin_takes_every_device_and_a_new_one_brings_them_back(
    real: Cluster, broken: Node
) -> None:
    broken.stop_plugin()
    eventually(lambda: state(real, "real-1")[1], lambda count: count == "0")

    broken.start_plugin()

    eventually(lambda: state(real, "real-1")[1], lambda count: count == "4")


def test_pod_and_devices_outlive_a_restart_of_kubelet(
    real: Cluster, broken: Node, run: Callable[..., str]
) -> None:
    name = run("wait", node="real-1", gpus=1)
    began = reaches(real, name, "Running")["status"]["containerStatuses"][0]["containerID"]
    log_file = real.log("real-1-plugin")
    registrations = log_file.read_text().count("registered")

    broken.restart_kubelet()

    eventually(lambda: log_file.read_text().count("registered"), lambda count: count > registrations)
    eventually(lambda: state(real, "real-1"), lambda found: found == ("True", "4", False), within=40)
    assert pod(real, name)["status"]["containerStatuses"][0]["containerID"] == began


def test_killed_node_is_noticed_and_starts_again(
    real: Cluster, broken: Node, run: Callable[..., str]
) -> None:
    reaches(real, run("wait", node="real-1"), "Running")

    broken.kill()

    assert not {"real-1", "real-1-containerd", "real-1-kubelet", "real-1-plugin"} & set(real.pids)
    eventually(lambda: state(real, "real-1")[::2], lambda found: found == ("Unknown", True), within=40)
    broken.start()
    eventually(lambda: state(real, "real-1"), lambda found: found == ("True", "4", False), within=60)
    reaches(real, run("print", "again", node="real-1"), "Succeeded")


def test_partitioned_node_is_unreachable_while_its_containers_run_on(
    real: Cluster, broken: Node, run: Callable[..., str]
) -> None:
    name = run("wait", node="real-1")
    began = reaches(real, name, "Running")["status"]["containerStatuses"][0]["containerID"]

    broken.partition()
    eventually(lambda: state(real, "real-1")[0], lambda ready: ready == "Unknown", within=40)
    broken.heal()

    eventually(lambda: state(real, "real-1"), lambda found: found == ("True", "4", False), within=40)
    after = reaches(real, name, "Running")["status"]["containerStatuses"][0]
    assert after["containerID"] == began and after["restartCount"] == 0


def test_loaded_image_runs_on_every_node_those_started_later_too(
    real: Cluster, broken: Node, tmp_path: Path, run: Callable[..., str]
) -> None:
    broken.kill()
    archive = tmp_path / "greeting.tar"
    program = build.ensure_nodes_built() / "hello"
    images.write(archive, "example.com/greeting:2", {"usr/bin/greet": program}, ["/usr/bin/greet", "print"])

    real.load_image(archive)
    broken.start()

    for node in ("real-0", "real-1"):
        name = run("from an archive", node=node, image="example.com/greeting:2")
        reaches(real, name, "Succeeded", within=60)
        assert log(real, name) == "from an archive\n"
