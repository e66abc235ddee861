"""A real API server for tests: one for the session, or one of its own where a test breaks things.

`CROSSTREE_TEST_KUBECONFIG` names a cluster to use instead (kind, or a shared one); tests that need simulated
nodes or kill components ask for the local one and are skipped there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import localcluster
from localcluster.build import built
from tests.support.kubectl import Kubectl

DEFAULT_NODES = 64
"""Enough for gangs over several leaves; starts in seconds."""


@dataclass(frozen=True)
class ControlPlane:
    """A cluster that answers.

    Attributes:
        kubeconfig: Admin's kubeconfig.
        kubectl: kubectl on it.
        local: The local cluster behind it, for faults and for counting writes; None if it was given to us.
    """

    kubeconfig: Path
    kubectl: Kubectl
    local: localcluster.Cluster | None = None


def given() -> ControlPlane | None:
    """Return the cluster that CROSSTREE_TEST_KUBECONFIG names, if it names one."""
    named = os.environ.get("CROSSTREE_TEST_KUBECONFIG")
    if not named:
        return None
    kubeconfig = Path(named)
    if not kubeconfig.is_file():
        pytest.exit(f"CROSSTREE_TEST_KUBECONFIG is {named!r}, and there is no such file.", returncode=2)
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.exit("CROSSTREE_TEST_KUBECONFIG is set, but there is no kubectl on the PATH.", returncode=2)
    return ControlPlane(kubeconfig, Kubectl(Path(kubectl), kubeconfig))


def local(nodes: int, *, audit: bool = False) -> Iterator[ControlPlane]:
    """Start a local control plane with `nodes` simulated nodes and end it with the generator."""
    if built() is None:
        pytest.fail(
            "The local control plane is not built; `make test-cluster` does that first, with progress."
        )
    with localcluster.Cluster(nodes=nodes, audit=audit) as cluster:
        yield ControlPlane(cluster.kubeconfig, Kubectl(cluster.bin / "kubectl", cluster.kubeconfig), cluster)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """Return the session's API server: the given one, else a local one with DEFAULT_NODES simulated nodes."""
    found = given()
    if found is not None:
        yield found
    else:
        yield from local(DEFAULT_NODES)


@pytest.fixture(scope="module")
def own_control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """Return a local control plane for this module alone, which it may break; it audits every write.

    `pytestmark = pytest.mark.nodes(200)` chooses the number of simulated nodes.
    """
    if given() is not None:
        pytest.skip("breaks its cluster: runs on a local one only")
    marker = request.node.get_closest_marker("nodes")
    yield from local(marker.args[0] if marker else DEFAULT_NODES, audit=True)


@pytest.fixture
def namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a fresh namespace, deleted in the background afterwards."""
    from crosstree.base.names import slug

    name = slug(f"t-{request.node.name}", 50)
    control_plane.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    control_plane.kubectl.delete("namespace", name, wait=False)
