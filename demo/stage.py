"""What the demo plays on: a cluster with the demo's fleet, and the operator in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crosstree.cli.operator_process import Operator
from localcluster import Api, ApiError, Cluster, Fleet, kubeconfig
from localcluster.errors import LocalClusterError
from localcluster.nodes import create_nodes, delete_nodes, simulated_nodes, wait_ready
from localcluster.progress import Lines

HERE = Path(__file__).resolve().parent
NODES_WITHIN = 60.0


@dataclass(frozen=True)
class Stage:
    """A cluster ready for jobs.

    Attributes:
        api: A client that knows nothing of Crosstree.
        kubeconfig: Path for the command line and the operator.
        nodes: Simulated nodes there are.
        operator: The running operator.
    """

    api: Api
    kubeconfig: Path
    nodes: int
    operator: Operator


@contextmanager
def cluster(lines: Lines) -> Iterator[tuple[Api, Path, int]]:
    """Use the cluster of KUBECONFIG if it is there for play, else start one for this demo alone."""
    fleet = Fleet.load(HERE / "fleet.yaml")
    manifests = fleet.nodes(None)
    given = _for_play(os.environ.get("KUBECONFIG", ""), lines)
    if not given:
        with Cluster(name="demo", fleet=fleet, reporter=lines) as own:
            yield own.api, own.kubeconfig, len(manifests)
        return
    api = kubeconfig.connect(Path(given))
    there = {node["metadata"]["name"] for node in simulated_nodes(api)}
    missing = [node for node in manifests if node["metadata"]["name"] not in there]
    lines.phase(f"make {len(missing)} simulated nodes on {api.server}")
    try:
        create_nodes(api, missing, lines)
        wait_ready(api, len(manifests), NODES_WITHIN, lines)
        lines.finish()
        yield api, Path(given), len(there) + len(missing)
    finally:
        delete_nodes(api, [node["metadata"]["name"] for node in missing])


def _for_play(given: str, lines: Lines) -> str:
    """Return the kubeconfig if its cluster answers and has simulated nodes only, else an empty string."""
    if not given:
        return ""
    try:
        api = kubeconfig.connect(Path(given))
        real = len(api.get("/api/v1/nodes")["items"]) - len(simulated_nodes(api))
    except LocalClusterError as error:
        why = f"does not answer ({error})"
    else:
        if not real:
            return given
        why = f"has {real} nodes that are not simulated"
    print(f"KUBECONFIG is left alone: its cluster {why}", file=lines.out)
    return ""


@contextmanager
def stage(lines: Lines) -> Iterator[Stage]:
    """Set everything up, and take it down however the block ends."""
    with cluster(lines) as (api, config, nodes):
        lines.phase("apply the CRDs, start the operator, apply the AICluster")
        crosstree(config, "crds", "--apply")
        with Operator.start(kubeconfig=str(config)) as operator:
            try:
                yield Stage(api, config, nodes, operator)
            finally:
                _leave_nothing(api)


def crosstree(config: Path, *arguments: str) -> str:
    """Run the command line as a user would, and return what it says.

    Raises:
        RuntimeError: it failed; tells what it said.
    """
    command = [sys.executable, "-m", "crosstree", *arguments, "--kubeconfig", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(
            f"crosstree {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}"
        )
    return done.stdout


def _leave_nothing(api: Api) -> None:
    """Delete what the demo made; the operator still runs and tidies up after its jobs."""
    for path in ("/api/v1/namespaces/demo", "/apis/crosstree.dev/v1alpha1/aiclusters/demo"):
        try:
            api.delete(path)
        except ApiError:
            continue
