"""The CRDs on a real API server: taken as they are, served, found by their short names and categories."""

from __future__ import annotations

import pytest

from tests.support.control_plane import ControlPlane
from tests.support.kubectl import KubectlError
from tests.support.waiting import eventually
from tools.generated import CRDS, ROOT

KINDS = {"aiclusters": "aic", "acceleratorpools": "apool", "jobqueues": "jq", "trainingjobs": "tj"}


@pytest.fixture(scope="module")
def served(control_plane: ControlPlane) -> ControlPlane:
    control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / CRDS))
    for plural in KINDS:
        control_plane.kubectl(
            "wait", "--for=condition=Established", f"crd/{plural}.crosstree.dev", "--timeout=30s"
        )
    return control_plane


@pytest.mark.parametrize(("plural", "short"), KINDS.items(), ids=KINDS.values())
def test_every_kind_is_served_under_its_short_name(served: ControlPlane, plural: str, short: str) -> None:
    def only_of_that_kind() -> bool:
        found = served.kubectl("get", short, "-A", "-o", "name").split()
        return all(name.startswith(f"{plural.removesuffix('s')}.crosstree.dev/") for name in found)

    assert eventually(only_of_that_kind, within=10) is True


def test_the_api_server_found_nothing_to_complain_about_in_the_schemas(served: ControlPlane) -> None:
    for plural in KINDS:
        conditions = served.kubectl.get("crd", f"{plural}.crosstree.dev")["status"]["conditions"]
        assert [c for c in conditions if c["type"] == "NonStructuralSchema"] == []


def test_applying_the_crds_again_changes_nothing(served: ControlPlane) -> None:
    before = [
        served.kubectl.get("crd", f"{plural}.crosstree.dev")["metadata"]["generation"] for plural in KINDS
    ]
    served.kubectl("apply", "--server-side", "-f", str(ROOT / CRDS))
    after = [
        served.kubectl.get("crd", f"{plural}.crosstree.dev")["metadata"]["generation"] for plural in KINDS
    ]
    assert after == before


def test_a_field_that_is_not_built_yet_is_refused_and_not_ignored(
    served: ControlPlane, namespace: str
) -> None:
    queue = {
        "apiVersion": "crosstree.dev/v1alpha1",
        "kind": "JobQueue",
        "metadata": {"name": namespace},
        "spec": {"quotas": [{"model": "*", "limit": 8}]},
    }
    with pytest.raises(KubectlError, match="unknown field"):
        served.kubectl.create(queue)
    assert served.kubectl.find("jq", namespace) is None
