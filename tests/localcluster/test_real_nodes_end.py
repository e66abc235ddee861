"""However a cluster with real nodes ends, the machine is as it was: links, mounts, control groups, processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import localcluster
from localcluster import Cluster, records
from localcluster.realnode import missing, plan
from localcluster.realnode.plan import Plan
from tests.localcluster.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
ROOT = Path(localcluster.__file__).parent.parent


@pytest.fixture(autouse=True)
def _possible() -> None:
    if lacking := missing():
        pytest.fail(lacking)


def lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def left(here: Plan) -> dict[str, list[str]]:
    """What there is of a cluster's real nodes, by kind; {} when nothing is."""
    found = {
        "links": [line for line in lines("ip", "-br", "link") if line.startswith(here.bridge)],
        "routes": [line for line in lines("ip", "-4", "route") if f"dev {here.bridge} " in f"{line} "],
        "control groups": [str(path) for root in here.cgroups for path in root.glob(here.bridge)],
        "folder": [str(here.folder)] if here.folder.exists() else [],
        "mounts": [
            line for line in Path("/proc/mounts").read_text().splitlines() if str(here.folder) in line
        ],
        "processes": processes_of(str(here.folder)),
    }
    return {kind: what for kind, what in found.items() if what}


def processes_of(folder: str) -> list[str]:
    """Command lines that name a folder: machines, containerd and its shims, kubelets, plugins, DNS."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_text().replace("\0", " ")
            if folder in command:
                found.append(f"{entry.name} {command}")
    return found


def test_close_leaves_nothing_behind_even_of_a_dead_and_a_cut_off_node() -> None:
    with Cluster(nodes=0, real_nodes=3, real_devices={"nvidia.com/gpu": 4}) as cluster:
        here = cluster.real.plan
        assert set(left(here)) == {"links", "routes", "control groups", "folder", "processes"}
        cluster.node("real-0").kill()
        cluster.node("real-1").partition()

    assert left(here) == {}


def test_two_clusters_with_real_nodes_run_side_by_side() -> None:
    with Cluster(nodes=0, real_nodes=1) as first, Cluster(nodes=0, real_nodes=1) as second:
        assert first.node("real-0").address != second.node("real-0").address
        found = {cluster.api.get("/api/v1/nodes/real-0")["metadata"]["uid"] for cluster in (first, second)}
        assert len(found) == 2


def test_killed_owner_takes_everything_along(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, localcluster as l\n"
        "c = l.Cluster(nodes=0, real_nodes=1, state=pathlib.Path(sys.argv[1])).up()\n"
        "print(c.real.plan.folder, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as owner:
        assert owner.stdout is not None
        here = plan.load(Path(owner.stdout.readline().strip()))
        assert left(here)

        owner.kill()

    eventually(lambda: left(here), lambda found: not found, within=20)


def test_what_a_killed_supervisor_leaves_is_swept_by_the_next_start(tmp_path: Path) -> None:
    cluster = Cluster(nodes=0, real_nodes=1, state=tmp_path).up()
    here = cluster.real.plan

    os.kill(cluster.pids["supervisor"], signal.SIGKILL)

    eventually(lambda: left(here).get("processes", []), lambda found: not found, within=10)
    assert "links" in left(here)
    records.sweep()
    assert left(here) == {}
    cluster.close()
