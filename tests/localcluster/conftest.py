"""One real cluster for all tests that only use it; a test that ends a cluster starts its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcluster import Cluster, faults
from localcluster.build import built
from tests.localcluster.support import SMALL, eventually


@pytest.fixture(scope="session")
def binaries() -> None:
    """Fail at once where the control plane was never built: building takes a quarter of an hour."""
    if built() is None:
        pytest.fail("the control plane is not built; run: python -m localcluster build")


@pytest.fixture(scope="session")
def cluster(binaries: None) -> Iterator[Cluster]:
    with Cluster(fleet=SMALL, audit=True) as running:
        yield running


@pytest.fixture
def node(cluster: Cluster) -> Iterator[str]:
    """A node for one test to break; it is mended afterwards."""
    yield "h100-005"
    faults.heal_node(cluster.api, "h100-005")
    faults.fail_devices(cluster.api, "h100-005", "nvidia.com/gpu", 0)


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own, with its default service account."""
    name = request.node.name.replace("_", "-")[:63].rstrip("-")
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: cluster.api.raw("GET", account)[0], lambda status: status == 200)
    return name
