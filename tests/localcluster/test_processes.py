"""Starting, breaking and ending the processes themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import localcluster
from localcluster import Cluster, LocalClusterError, NotRunning, StartError, nodes
from localcluster.components import START_ORDER
from localcluster.proc import ProcessId
from tests.localcluster.support import SMALL, a_pod, eventually

pytestmark = pytest.mark.usefixtures("binaries")
ROOT = Path(localcluster.__file__).parent.parent


def identities(cluster: Cluster) -> list[ProcessId]:
    found = [ProcessId.of(pid) for pid in cluster.pids.values()]
    return [identity for identity in found if identity]


def alive(found: list[ProcessId]) -> list[ProcessId]:
    return [identity for identity in found if identity.alive()]


def run(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "localcluster", *arguments, "--state-dir", str(state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def detached(tmp_path: Path) -> Iterator[Path]:
    """State folder for a cluster started from the command line; it is ended whatever happens."""
    yield tmp_path / "state"
    run("down", state=tmp_path / "state")


@pytest.mark.parametrize("component", ["etcd", "kube-apiserver"])
def test_cluster_keeps_its_objects_when_this_is_killed_and_started(cluster: Cluster, component: str) -> None:
    before = cluster.pids[component]
    cluster.kill(component)
    assert component not in cluster.pids

    cluster.start_component(component)

    assert cluster.pids[component] != before
    eventually(lambda: nodes.simulated_nodes(cluster.api), lambda found: len(found) == 6)


@pytest.mark.parametrize("component", ["kube-controller-manager", "kube-scheduler", "kwok"])
def test_this_component_comes_back_on_restart(cluster: Cluster, component: str) -> None:
    before = cluster.pids[component]

    cluster.restart(component)

    assert cluster.pids[component] != before
    assert set(cluster.pids) == {"supervisor", *START_ORDER}


def test_pods_run_soon_after_kwok_was_restarted(cluster: Cluster, namespace: str) -> None:
    cluster.restart("kwok")

    path = f"/api/v1/namespaces/{namespace}/pods"
    cluster.api.post(path, a_pod("next"))
    eventually(
        lambda: cluster.api.get(f"{path}/next"),
        lambda pod: pod["status"].get("phase") == "Running",
        within=25,
    )


def test_a_lease_that_a_killed_kwok_still_took_keeps_nobody_waiting(cluster: Cluster) -> None:
    """A request sent before the end may be carried out after it: the lease belongs to nobody."""
    name = nodes.simulated_nodes(cluster.api)[0]["metadata"]["name"]
    cluster.kill("kwok")
    cluster.api.delete(f"{nodes.LEASES}/{name}")
    taken = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    orphan = {"holderIdentity": "dead", "leaseDurationSeconds": 3600, "renewTime": taken}
    cluster.api.post(nodes.LEASES, {"metadata": {"name": name}, "spec": orphan})
    started = datetime.now(UTC)
    cluster._running.supervision.start("kwok")

    nodes.wait_taken_over(cluster.api, started)

    assert cluster.api.get(f"{nodes.LEASES}/{name}")["spec"]["holderIdentity"] != "dead"


def test_unknown_component_is_refused_with_the_known_ones(cluster: Cluster) -> None:
    with pytest.raises(LocalClusterError, match="kube-scheduler"):
        cluster.kill("scheduler")


def test_nothing_is_left_when_the_block_ends(binaries: None) -> None:
    with Cluster(fleet=SMALL, nodes=0) as running:
        processes, data = identities(running), Path(running._running.data)
        assert len(processes) == 6 and data.is_dir()

    assert not alive(processes)
    assert not data.exists() and not running.state.exists()


def test_killing_the_supervisor_kills_every_component(binaries: None) -> None:
    with Cluster(fleet=SMALL, nodes=0) as running:
        processes = identities(running)

        os.kill(running.pids["supervisor"], signal.SIGKILL)

        eventually(lambda: alive(processes), lambda left: not left, within=5)
        with pytest.raises(NotRunning):
            running.kill("etcd")


def test_killing_the_owner_leaves_no_process_and_no_data(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, localcluster as l\n"
        "c = l.Cluster(nodes=0, state=pathlib.Path(sys.argv[1])).up()\n"
        "print(*c.pids.values(), c._running.data, flush=True)\n"
        "sys.stdin.read()\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        *pids, data = owner.stdout.readline().split()
        processes = [identity for pid in pids if (identity := ProcessId.of(int(pid)))]
        assert len(processes) == 6

        owner.kill()

        eventually(lambda: alive(processes), lambda left: not left, within=10)
        eventually(lambda: Path(data).exists(), lambda there: not there, within=10)


def test_cluster_from_the_command_line_outlives_it_until_down(detached: Path) -> None:
    started = run("up", "--fleet", "laptop", state=detached)
    assert started.returncode == 0, started.stderr
    kubeconfig = Path(started.stdout.splitlines()[-1])
    running = Cluster.attach(state=detached)
    processes = identities(running)
    environment = {"KUBECONFIG": str(kubeconfig), "HOME": str(detached)}
    listed = subprocess.run(
        [str(running.bin / "kubectl"), "get", "nodes", "-o", "name"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert listed.stdout.count("node/") == 16, listed.stderr

    again = run("up", state=detached)
    assert again.returncode == 1 and "is up already" in again.stderr
    assert run("up", "--reuse", state=detached).stdout.strip() == str(kubeconfig)

    assert run("down", state=detached).returncode == 0
    assert len(processes) == 6 and not alive(processes)
    with pytest.raises(NotRunning):
        Cluster.attach(state=detached)


def test_two_clusters_run_side_by_side(cluster: Cluster) -> None:
    with Cluster(nodes=2) as second:
        assert second.server != cluster.server
        assert len(nodes.simulated_nodes(second.api)) == 2
        assert len(nodes.simulated_nodes(cluster.api)) == 6


def test_in_tree_gang_scheduling_serves_pod_groups(binaries: None) -> None:
    with Cluster(fleet=SMALL, in_tree_gang=True) as running:
        served = running.api.get("/apis/scheduling.k8s.io/v1beta1")["resources"]
        assert "podgroups" in {resource["name"] for resource in served}


def test_component_that_cannot_start_is_named_with_the_end_of_its_log(binaries: None) -> None:
    broken = Cluster(nodes=0, component_args={"kube-scheduler": ["--no-such-flag"]})
    with pytest.raises(StartError, match=r"(?s)kube-scheduler ended.*no-such-flag"), broken:
        pass
    with pytest.raises(NotRunning):
        _ = broken.pids
