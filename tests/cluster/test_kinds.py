"""The CRDs on a real API server: taken as they are, served, found by their short names and categories."""

from __future__ import annotations

import pytest
import yaml

from tests.support.control_plane import ControlPlane
from tests.support.kubectl import KubectlError
from tests.support.objects import a_job
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
        "spec": {"defragmentation": {}},
    }
    with pytest.raises(KubectlError, match="unknown field"):
        served.kubectl.create(queue)
    assert served.kubectl.find("jq", namespace) is None


def test_both_forms_of_workers_are_explained(served: ControlPlane) -> None:
    told = served.kubectl("explain", "tj.spec.workers")
    assert "a number, or" in " ".join(told.split())
    for field, type_ in (("max", "integer"), ("min", "integer"), ("step", "integer")):
        assert f"{field}\t<{type_}>" in told


def test_the_api_server_finds_nothing_to_warn_of_in_the_policy(served: ControlPlane) -> None:
    def checked() -> object:
        status = served.kubectl.get("validatingadmissionpolicy", "trainingjobs.crosstree.dev").get(
            "status", {}
        )
        return status.get("typeChecking") if "observedGeneration" in status else None

    warnings = eventually(checked, within=30, until=lambda seen: seen is not None)
    assert warnings == {}


def test_an_elastic_job_applied_twice_is_the_same_job(served: ControlPlane, namespace: str) -> None:
    job = a_job(workers={"min": 2, "max": 8})
    versions = []
    for _ in range(2):
        served.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=yaml.safe_dump(job))
        stored = served.kubectl.get("tj", "train", namespace)
        versions.append(stored["metadata"]["resourceVersion"])
        assert stored["spec"]["workers"] == {"min": 2, "max": 8}
    assert versions[0] == versions[1]
    served.kubectl.delete("tj", "train", namespace)
