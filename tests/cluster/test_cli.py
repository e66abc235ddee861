"""The command line on a real API server with a running operator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crosstree.base.names import API_VERSION
from crosstree.cli.operator_process import Operator
from localcluster import faults
from localcluster.kubeconfig import connect
from tests.support.control_plane import ControlPlane
from tests.support.waiting import eventually

NAMESPACE = "cli"


class Cli:
    """Runs `crosstree` as a process, on one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    def __call__(self, *arguments: str, code: int = 0, stdin: str | None = None) -> str:
        """Run one command; its exit code must be `code`. Returns stdout, or stderr where it had to fail."""
        command = [sys.executable, "-m", "crosstree", *arguments, "--kubeconfig", str(self._kubeconfig)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, input=stdin, env=dict(os.environ)
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stderr if code == 2 or (code and not done.stdout) else done.stdout

    def json(self, *arguments: str) -> Any:
        """Run one reading command and decode its answer."""
        return json.loads(self(*arguments, "-o", "json"))


@pytest.fixture(scope="module")
def cli(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    made = Cli(control_plane.kubeconfig)
    made("crds", "--apply")
    kubectl = control_plane.kubectl
    kubectl("create", "namespace", NAMESPACE)
    kubectl.apply({"apiVersion": API_VERSION, "kind": "AICluster", "metadata": {"name": "cli"}, "spec": {}})
    log = tmp_path_factory.mktemp("operator") / "log"
    with Operator.start(kubeconfig=str(control_plane.kubeconfig), log=log):
        eventually(lambda: made.json("status", "cli")["clusters"][0]["pools"], within=30)
        yield made
        kubectl("delete", "trainingjobs", "--all", "-n", NAMESPACE)
        kubectl("delete", "aicluster", "cli")
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _job(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "framework": {"name": "custom"},
            "workers": 2,
            "accelerators": {"perWorker": 8, "vendor": "nvidia"},
            "template": {
                "spec": {
                    "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                    "containers": [{"name": "trainer", "image": "trainer"}],
                }
            },
            **spec,
        },
    }


def test_status_shows_what_the_nodes_offer(cli: Cli) -> None:
    cluster = cli.json("status", "cli")["clusters"][0]
    assert cluster["accelerators"]["total"] == sum(pool["total"] for pool in cluster["pools"]) > 0
    assert "AICluster cli ready" in cli("status")


def test_status_of_nodes_adds_up_to_the_cluster(cli: Cli) -> None:
    cluster = cli.json("status", "cli", "--nodes")["clusters"][0]
    assert sum(node["total"] for node in cluster["nodeList"]) == cluster["accelerators"]["total"]


def test_topology_adds_up_at_every_level(cli: Cli) -> None:
    for pool in cli.json("topology", "cli", "--level", "node"):
        sums: dict[str, int] = {}
        for domain in pool["domains"]:
            sums[domain["level"]] = sums.get(domain["level"], 0) + domain["total"]
        assert len(set(sums.values())) == 1, sums


def test_topology_of_one_pool_is_drawn_as_a_tree(cli: Cli) -> None:
    name = cli.json("topology")[0]["pool"]
    drawn = cli("topology", name)
    assert drawn.startswith(name)
    assert "free" in drawn


def test_a_running_job_is_explained_by_where_it_runs(cli: Cli, control_plane: ControlPlane) -> None:
    control_plane.kubectl.apply(_job("runs"))
    told = eventually(
        lambda: cli.json("explain", f"{NAMESPACE}/runs"), until=lambda t: t["phase"] == "Running", within=30
    )
    assert sum(share["count"] for share in told["placement"]["nodes"]) == 2
    assert "runs in pool" in cli("explain", "runs", "-n", NAMESPACE)


def test_a_job_that_failed_is_explained_by_its_end(cli: Cli, control_plane: ControlPlane) -> None:
    control_plane.kubectl.apply(_job("fails", restart={"maxRestarts": 0}))
    eventually(
        lambda: cli.json("explain", f"{NAMESPACE}/fails"), until=lambda t: t["phase"] == "Running", within=30
    )
    faults.fail_pod(connect(control_plane.kubeconfig), NAMESPACE, "fails-worker-1", 3)
    told = eventually(
        lambda: cli.json("explain", f"{NAMESPACE}/fails"), until=lambda t: t["phase"] == "Failed", within=30
    )
    said = cli("explain", f"{NAMESPACE}/fails")
    assert f"It failed: {told['finished']['reason']}\n  {told['finished']['message']}\n" in said
    assert " runs in pool" not in said
    row = next(row for row in cli("status").splitlines() if row.startswith(f"{NAMESPACE}/fails "))
    assert row.endswith(told["finished"]["message"])


def test_a_job_that_can_not_run_is_explained_with_counts_and_a_way_out(
    cli: Cli, control_plane: ControlPlane
) -> None:
    control_plane.kubectl.apply(_job("huge", workers=5000))
    told = eventually(
        lambda: cli.json("explain", f"{NAMESPACE}/huge"), until=lambda t: t["waiting"], within=10
    )
    assert told["waiting"]["reason"] == "ShapeImpossible"
    assert told["room"]
    assert any("workers:" in way["change"] for way in told["waysOut"])
    said = cli("explain", f"{NAMESPACE}/huge")
    assert "It waits: ShapeImpossible" in said
    assert "It would start now:" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("explain", f"{NAMESPACE}/nobody"), "no TrainingJob 'nobody'"),
        (("status", "nobody"), "no AICluster 'nobody'; there are: cli"),
        (("topology", "nobody"), "no pool and no AICluster is called 'nobody'"),
        (("topology", "--level", "nowhere"), "no level is called 'nowhere'"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_1(cli: Cli, arguments: tuple[str, ...], says: str) -> None:
    said = cli(*arguments, code=1)
    assert says in said
    assert len(said.splitlines()) == 1


def test_validate_asks_the_server_without_storing(
    cli: Cli, control_plane: ControlPlane, tmp_path: Path
) -> None:
    good, bad = _job("dry"), _job("dry-bad", nonsense=1)
    (tmp_path / "jobs.json").write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [good, bad]})
    )
    assert "1 bad" in cli("validate", "--server", "-f", str(tmp_path / "jobs.json"), code=1)
    assert "dry" not in control_plane.kubectl("get", "tj", "-n", NAMESPACE, "-o", "name")


def test_bench_cluster_leaves_nothing_behind(cli: Cli, control_plane: ControlPlane) -> None:
    answer = cli("bench", "cluster", "--gangs", "2", "--workers", "2", "--level", "", "-o", "json")
    records = [json.loads(line) for line in answer.splitlines()]
    sides = {record["conditions"].get("side") for record in records if record["metric"] == "pods_bound"}
    assert sides == {"Scheduler", "Direct"}
    assert any(record["id"] == "S13" and record["value"] < 5 for record in records)
    eventually(
        lambda: "crosstree-bench" not in control_plane.kubectl("get", "namespaces", "-o", "name"), within=60
    )
    assert control_plane.kubectl("get", "aicluster", "-o", "name").split() == ["aicluster.crosstree.dev/cli"]
