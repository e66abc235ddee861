"""Snapshots and questions about a real API server: what is taken there replays elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from crosstree.base.names import API_VERSION
from crosstree.cli.operator_process import Operator
from tests.support.control_plane import ControlPlane
from tests.support.waiting import eventually

NAMESPACE = "what-if"


class Cluster:
    """Asks `crosstree` about one cluster."""

    def __init__(self, control_plane: ControlPlane, folder: Path) -> None:
        self.kubectl = control_plane.kubectl
        self._kubeconfig = str(control_plane.kubeconfig)
        self._folder = folder

    def __call__(self, *arguments: str, code: int = 0, live: bool = True, **environment: str) -> str:
        """Run one command, with or without access to the cluster; its exit code must be `code`."""
        access = ("--kubeconfig", self._kubeconfig) if live else ()
        done = subprocess.run(
            [sys.executable, "-m", "crosstree", *arguments, *access],
            capture_output=True,
            text=True,
            timeout=90,
            env={**os.environ, "KUBECONFIG": "/nonexistent", **environment},
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout or done.stderr

    def ask(self, *arguments: str, code: int = 0, live: bool = True) -> Any:
        return json.loads(self("simulate", "--what-if", *arguments, "-o", "json", code=code, live=live))

    def file(self, name: str, *objects: Any) -> str:
        path = self._folder / name
        path.write_text(yaml.safe_dump_all(objects))
        return str(path)

    def path(self, name: str) -> str:
        return str(self._folder / name)


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(control_plane, tmp_path_factory.mktemp("asked"))
    made("crds", "--apply")
    made.kubectl("create", "namespace", NAMESPACE)
    made.kubectl.apply(
        {"apiVersion": API_VERSION, "kind": "AICluster", "metadata": {"name": "asked"}, "spec": {}}
    )
    log = tmp_path_factory.mktemp("operator") / "log"
    with Operator.start(kubeconfig=str(control_plane.kubeconfig), log=log):
        seen = json.loads
        eventually(lambda: seen(made("status", "asked", "-o", "json"))["clusters"][0]["pools"], within=30)
        yield made
        made.kubectl("delete", "trainingjobs", "--all", "-n", NAMESPACE)
        made.kubectl("delete", "aicluster", "asked")
        made.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def a_job(name: str, workers: int, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "framework": {"name": "custom"},
            "workers": workers,
            "accelerators": {"perWorker": 8, "vendor": "nvidia"},
            "expectedDuration": "2h",
            "template": {
                "spec": {
                    "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                    "containers": [{"name": "trainer", "image": "trainer"}],
                }
            },
            **spec,
        },
    }


def placement_of(cluster: Cluster, name: str) -> Any:
    return cluster.kubectl.get("trainingjob", name, namespace=NAMESPACE).get("status", {}).get("placement")


def test_what_is_answered_is_what_happens_then(cluster: Cluster) -> None:
    job = a_job("asked-first", 2)
    told = cluster.ask("--job", cluster.file("first.yaml", job))["jobs"][0]
    assert told["inSeconds"] == 0.0
    assert placement_of_nothing(cluster, "asked-first"), "asking creates nothing"
    cluster.kubectl.apply(job)
    placed = eventually(lambda: placement_of(cluster, "asked-first"), within=30)
    assert [share["name"] for share in placed["nodes"]] == [
        share["name"] for share in told["placement"]["nodes"]
    ]


def placement_of_nothing(cluster: Cluster, name: str) -> bool:
    return name not in cluster.kubectl("get", "trainingjobs", "-n", NAMESPACE, "-o", "name")


def test_a_snapshot_replays_without_the_cluster_and_answers_the_same(cluster: Cluster) -> None:
    huge = cluster.file("huge.yaml", a_job("huge", 4000))
    cluster("snapshot", "-o", cluster.path("cluster.json.gz"))
    here = ("--snapshot", cluster.path("cluster.json.gz"))
    assert cluster.ask(*here, "--replay", live=False)["cluster"] == "asked"
    for arguments, code in ((("--job", cluster.file("one.yaml", a_job("one", 1))), 0), (("--job", huge), 1)):
        live = cluster.ask(*arguments, code=code)["jobs"][0]
        file = cluster.ask(*arguments, *here, code=code, live=False)["jobs"][0]
        assert (live["reason"], live["placement"]) == (file["reason"], file["placement"])


def test_a_queue_refuses_what_it_does_not_take_from_a_file_as_well(cluster: Cluster) -> None:
    spec = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
    cluster.kubectl.apply(
        {"apiVersion": API_VERSION, "kind": "JobQueue", "metadata": {"name": "closed"}, "spec": spec}
    )
    file, taken = cluster.file("closed.yaml", a_job("closed", 1, queue="closed")), cluster.path("closed.json")
    cluster("snapshot", "-o", taken)
    asked = ("simulate", "--what-if", "--job", file)
    for told in (cluster(*asked, code=2), cluster(*asked, "--snapshot", taken, code=2, live=False)):
        assert f"takes only jobs of namespaces with team=a, and {NAMESPACE} is none" in " ".join(told.split())
    cluster.kubectl("delete", "jobqueue", "closed")


def test_a_drain_names_the_job_that_has_to_move(cluster: Cluster) -> None:
    cluster.kubectl.apply(a_job("moved", 1))
    placed = eventually(lambda: placement_of(cluster, "moved"), within=30)
    node = placed["nodes"][0]["name"]
    assert f"{NAMESPACE}/moved" in cluster.ask("--drain", node)["stopped"]


def test_a_snapshot_says_whom_the_operator_lets_go_first(cluster: Cluster) -> None:
    cluster("snapshot", "-o", cluster.path("short.json"), CROSSTREE_ORDER="ShortestExpected")
    assert json.loads(Path(cluster.path("short.json")).read_text())["policy"]["order"] == "ShortestExpected"
    said = cluster("snapshot", "-o", cluster.path("none.json"), code=2, CROSSTREE_ORDER="Luck")
    assert "CROSSTREE_ORDER is 'Luck'" in said


def test_an_anonymous_snapshot_names_no_node_and_no_namespace(cluster: Cluster) -> None:
    cluster("snapshot", "-o", cluster.path("hidden.json"), "--anonymise")
    text = Path(cluster.path("hidden.json")).read_text()
    nodes = cluster.kubectl("get", "nodes", "-o", "name").split()
    assert not [name for name in nodes if f'"{name.removeprefix("node/")}"' in text]
    assert NAMESPACE not in text
    assert '"node-' in text


def test_a_cluster_that_is_not_there_is_wrong_usage_and_those_there_are_named(cluster: Cluster) -> None:
    assert "asked" in cluster("snapshot", "-o", cluster.path("x.json"), "--cluster", "west", code=2)
