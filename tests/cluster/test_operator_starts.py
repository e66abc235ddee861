"""The operator as a process of its own on a real API server: it starts, works, is quiet when idle, and stops."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crosstree.base.names import API_VERSION
from tests.support.control_plane import ControlPlane
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import always, eventually

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "crds"


@contextmanager
def running(kubeconfig: Path, folder: Path) -> Iterator[OperatorProcess]:
    operator = OperatorProcess(kubeconfig, folder)
    try:
        yield operator.wait_ready(within=30)
    finally:
        operator.kill()


@pytest.fixture
def cluster(own_control_plane: ControlPlane) -> ControlPlane:
    """A control plane of this module's own that knows our kinds."""
    own_control_plane.kubectl("apply", "-f", str(CRDS))
    kinds = [
        f"crd/{file.stem.removeprefix('crosstree.dev_')}.crosstree.dev"
        for file in CRDS.glob("crosstree.dev_*.yaml")
    ]
    own_control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *kinds)
    return own_control_plane


def a_cluster(name: str = "east") -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "AICluster", "metadata": {"name": name}, "spec": {}}


def a_job(name: str, workers: int, *, per_worker: int = 8) -> dict[str, Any]:
    """A job whose simulated pods end by themselves after a second."""
    container = {"name": "trainer", "image": "example/trainer", "command": ["train"]}
    pods = {
        "metadata": {"annotations": {"localcluster.dev/run-seconds": "1"}},
        "spec": {"containers": [container]},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "framework": {"name": "pytorch"},
            "workers": workers,
            "accelerators": {"perWorker": per_worker},
            "template": pods,
        },
    }


# The order of these tests is the order of their needs: the first must see a cluster without our kinds.


def test_it_names_the_command_that_installs_its_kinds(own_control_plane: ControlPlane):
    ran = subprocess.run(
        [sys.executable, "-m", "crosstree", "run", "--kubeconfig", str(own_control_plane.kubeconfig)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator"), "CROSSTREE_LISTEN_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ran.returncode != 0
    assert "crosstree crds | kubectl apply -f -" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_cluster_becomes_pools_and_a_job_becomes_pods_and_ends(cluster: ControlPlane, tmp_path: Path):
    kubectl = cluster.kubectl
    kubectl.apply(a_cluster())
    with running(cluster.kubeconfig, tmp_path) as operator:
        eventually(lambda: kubectl.list("acceleratorpools"), within=10)
        east = eventually(lambda: kubectl.get("aicluster", "east").get("status"), within=10)
        assert east["accelerators"]["total"] > 0
        assert kubectl.find("jobqueue", "default") is not None
        kubectl.apply(a_job("short", 2))
        eventually(
            lambda: kubectl.get("trainingjob", "short", "default")["status"]["phase"],
            within=30,
            until=lambda phase: phase == "Succeeded",
        )
        assert operator.metric("crosstree_decisions_total") >= 1
        assert operator.stop(within=15) == 0


def test_an_idle_operator_writes_nothing(cluster: ControlPlane, tmp_path: Path):
    cluster.kubectl.apply(a_cluster())
    with running(cluster.kubeconfig, tmp_path) as operator:
        eventually(lambda: cluster.kubectl.list("acceleratorpools"), within=10)
        # Quiet is a second without a write after the numbers have settled; a moving target would never get there.
        seen: list[float] = []

        def settled() -> bool:
            seen.append(operator.writes())
            return len(seen) > 20 and len(set(seen[-20:])) == 1

        eventually(settled, within=20)
        before = operator.writes()
        always(operator.writes, during=5, holds=lambda writes: writes == before, every=0.5)


def test_the_default_queue_and_a_pool_come_back(cluster: ControlPlane, tmp_path: Path):
    kubectl = cluster.kubectl
    kubectl.apply(a_cluster())
    with running(cluster.kubeconfig, tmp_path):
        pool = eventually(lambda: kubectl.list("acceleratorpools"), within=10)[0]["metadata"]["name"]
        kubectl.delete("acceleratorpool", pool)
        kubectl.delete("jobqueue", "default")
        eventually(lambda: kubectl.find("acceleratorpool", pool), within=10)
        eventually(lambda: kubectl.find("jobqueue", "default"), within=10)


def test_it_stops_while_the_api_server_is_away(cluster: ControlPlane, tmp_path: Path):
    assert cluster.local is not None
    with running(cluster.kubeconfig, tmp_path) as operator:
        cluster.local.kill("kube-apiserver")
        try:
            assert operator.get("/healthz")[0] == 200
            assert operator.stop(within=15) == 0
        finally:
            cluster.local.start_component("kube-apiserver")
            cluster.local.reconnect()
