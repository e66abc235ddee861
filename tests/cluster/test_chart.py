"""The Helm chart on a real API server: installed, upgraded, rolled back, uninstalled, installed again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.definitions import definitions_gone, remove_definitions
from tests.support.helm import CHART, NAMESPACE, Helm, HelmError, helm
from tests.support.objects import a_job
from tests.support.operated import Operated, bare, h100
from tests.support.operator_process import ROOT, OperatorProcess
from tests.support.replicas import leader, lease, replica
from tests.support.waiting import always

Json = dict[str, Any]
GOLDEN = ROOT / "tests" / "golden" / "chart"

EVERYTHING: Json = {
    "image": {"repository": "registry.example/crosstree", "digest": f"sha256:{'0123456789abcdef' * 4}"},
    "imagePullSecrets": [{"name": "registry"}],
    "replicas": 3,
    "extraEnv": [{"name": "CROSSTREE_RESYNC", "value": "120"}],
    "aicluster": {"create": True, "name": "east", "spec": {"poolDiscovery": "Auto"}},
    "health.mindcluster.namespaces": ["kube-system"],
    "serviceAccount.annotations": {"example.com/team": "platform"},
    "rbac.clusterViewGroups": ["system:authenticated"],
    "antiAffinity": "required",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "infra", "operator": "Exists"}],
    "priorityClassName": "system-cluster-critical",
    "labels": {"example.com/owner": "platform"},
    "podAnnotations": {"example.com/scraped": "true"},
    "podLabels": {"example.com/tier": "control"},
    "service.annotations": {"prometheus.io/scrape": "true"},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {
        "enabled": True,
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
    },
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Crosstree"}},
}
"""Every option that adds something."""


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return helm(tmp_path_factory.mktemp("helm"))


# -- what it makes ---------------------------------------------------------------------------------------------------


def test_the_chart_has_no_fault_that_helm_knows_of(offline: Helm) -> None:
    assert "0 chart(s) failed" in offline("lint", "--strict", str(CHART))


@pytest.mark.parametrize(("name", "values"), [("defaults", {}), ("everything", EVERYTHING)])
def test_the_objects_are_those_that_were_reviewed(offline: Helm, name: str, values: Json) -> None:
    made = [one for one in offline.template(values) if one["kind"] != "CustomResourceDefinition"]
    made.sort(key=lambda one: (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace", "")))
    for one in made:
        if one["kind"] == "ConfigMap":  # the dashboard has a test of its own
            one["data"] = sorted(one["data"])
    text = yaml.safe_dump_all(made, sort_keys=False)
    golden = GOLDEN / f"{name}.yaml"
    assert golden.read_text() == text, f"if this is meant, write it to {golden.relative_to(ROOT)}:\n{text}"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replica": 3}, ["additional properties 'replica' not allowed"]),
        ({"image.tagg": "1"}, ["/image", "additional properties 'tagg' not allowed"]),
        ({"replicas": 0}, ["/replicas", "got 0, want 1"]),
        ({"replicas": "2"}, ["/replicas", "got string, want integer"]),
        ({"antiAffinity": "hard"}, ["/antiAffinity", "'preferred', 'required'"]),
        ({"log.level": "TRACE"}, ["/log/level", "'DEBUG', 'INFO', 'WARNING', 'ERROR'"]),
        ({"image.digest": "sha256:12"}, ["/image/digest", "does not match pattern"]),
        ({"aicluster.name": "Main Cluster"}, ["/aicluster/name", "does not match pattern"]),
        ({"labels": {"a": 1}}, ["/labels/a", "got number, want string"]),
        ({"serviceMonitor.enabled": True, "service.enabled": False}, ["Set service.enabled: true"]),
        (
            {"leaderElection": {"leaseSeconds": 8, "renewDeadline": 7}},
            ["leaderElection.renewDeadline is 7", "leaseSeconds 8", "lower renewDeadline"],
        ),
        (
            {"leaderElection.retrySeconds": 5},
            ["leaderElection.retrySeconds is 5", "renewDeadline 7", "Lower retrySeconds"],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_values_are_refused_with_the_field_and_what_would_do(
    offline: Helm, values: Json, words: list[str]
) -> None:
    said = offline.refused(values)
    for word in words:
        assert word in said


def test_the_definitions_are_kept_and_otherwise_those_of_the_repository(offline: Helm) -> None:
    kinds = ("CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    made = {(one["kind"], one["metadata"]["name"]): one for one in offline.template() if one["kind"] in kinds}
    files = (ROOT / "crds").glob("*.yaml")
    for wanted in (one for file in files for one in yaml.safe_load_all(file.read_text())):
        found = made.pop((wanted["kind"], wanted["metadata"]["name"]))
        assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert found == wanted
    assert made == {}


def test_an_admin_may_keep_the_definitions_to_himself(offline: Helm) -> None:
    kinds = {one["kind"] for one in offline.template({"crds.install": False})}
    assert not kinds & {"CustomResourceDefinition", "ValidatingAdmissionPolicy"}
    assert "Deployment" in kinds


# -- its life --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with bare(h100(4)) as world:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": labels},
        }
        world.kubectl.apply(namespace)
        yield world


@pytest.fixture
def world(module_world: Operated, admin: Helm) -> Iterator[Operated]:
    """A cluster without anything of ours, before and after."""
    kubectl = module_world.kubectl
    yield module_world
    if admin("list", "-n", NAMESPACE, "--short").strip():
        admin.uninstall()
    remove_definitions(kubectl)
    for kind in ("validatingadmissionpolicy", "validatingadmissionpolicybinding"):
        kubectl("delete", kind, "trainingjobs.crosstree.dev", "--ignore-not-found")
    kubectl("delete", "pods,services", "--all", "--force", "--grace-period=0", "-n", "default")
    kubectl("delete", "leases", "--all", "-n", NAMESPACE)


@pytest.fixture
def admin(module_world: Operated, offline: Helm) -> Helm:
    return Helm(offline.binary, offline.home, module_world.local.kubeconfig)


def field_of(world: Operated) -> object:
    """What the API server says about the field that a later version brings."""
    crd = world.kubectl.get("crd", "trainingjobs.crosstree.dev")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema["properties"]["spec"]["properties"].get("brandNew")


def a_later_chart(folder: Path) -> Path:
    """The chart of a version whose TrainingJob has one field more."""
    later = Path(shutil.copytree(CHART, folder / "crosstree"))
    file = later / "files" / "crds" / "crosstree.dev_trainingjobs.yaml"
    crd = yaml.safe_load(file.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["brandNew"] = {"type": "string", "maxLength": 9}
    file.write_text(f"# later\n{yaml.safe_dump(crd, sort_keys=False)}")
    return later


def uids(world: Operated) -> dict[str, str]:
    """What an uninstall must leave, by name."""
    return {
        f"{one['kind']} {one['metadata']['name']}": one["metadata"]["uid"]
        for kind in ("crd", "aiclusters", "trainingjobs", "acceleratorpools", "jobqueues")
        for one in world.kubectl.list(kind)
    } | {f"Pod {pod['metadata']['name']}": pod["metadata"]["uid"] for pod in world.pods()}


def test_two_restricted_replicas_on_two_nodes_come_up(world: Operated, admin: Helm) -> None:
    # The namespace enforces the restricted profile: a pod that asks for more would not exist.
    said = admin.install()
    assert "kubectl apply -f -" in said and "kind: AICluster" in said
    pods = world.kubectl.list("pods", NAMESPACE, "app.kubernetes.io/name=crosstree")
    assert len(pods) == len({pod["spec"]["nodeName"] for pod in pods}) == 2
    assert {pod["spec"]["serviceAccountName"] for pod in pods} == {"crosstree"}
    budget = world.kubectl.get("pdb", "crosstree", NAMESPACE)
    assert budget["status"]["disruptionsAllowed"] == 1
    assert world.kubectl.get("endpoints", "crosstree", NAMESPACE)["subsets"][0]["addresses"]


def test_the_api_server_takes_everything_that_can_be_asked_for(world: Operated, admin: Helm) -> None:
    # A kind of somebody else's that our chart only names.
    world.kubectl.apply(_monitors())
    world.kubectl("wait", "--for=condition=Established", "crd/servicemonitors.monitoring.coreos.com")
    world.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    world.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    made = [*admin.template({**EVERYTHING, "crds.install": False}), *admin.template()]
    text = yaml.safe_dump_all(made)
    world.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-", stdin=text)


def test_an_upgrade_brings_new_fields_and_a_rollback_takes_them_back(
    world: Operated, admin: Helm, tmp_path: Path
) -> None:
    admin.install()
    assert field_of(world) is None
    admin.upgrade({"replicas": 3}, chart=a_later_chart(tmp_path))
    assert field_of(world) == {"type": "string", "maxLength": 9}
    assert world.kubectl.get("deployment", "crosstree", NAMESPACE)["spec"]["replicas"] == 3
    admin("rollback", "crosstree", "1", "-n", NAMESPACE, "--wait", "--timeout=90s")
    assert field_of(world) is None
    assert world.kubectl.get("deployment", "crosstree", NAMESPACE)["spec"]["replicas"] == 2


def test_the_first_pod_of_a_release_leads_at_once_and_helm_never_touches_its_lease(
    world: Operated, admin: Helm, tmp_path: Path
) -> None:
    admin.install()
    patient = {"lease_seconds": "120", "renew_deadline": "90"}  # who has to wait would be seen to
    with replica(world.local.kubeconfig, tmp_path, "pod-0", lease_namespace=NAMESPACE, **patient):
        leader(world.kubectl, "pod-0", namespace=NAMESPACE)
    held = lease(world.kubectl, NAMESPACE)  # by a leader that was killed
    assert held["metadata"]["labels"]["app.kubernetes.io/name"] == "crosstree"
    admin.upgrade({"replicas": 3})
    assert lease(world.kubectl, NAMESPACE) == held
    admin("rollback", "crosstree", "1", "-n", NAMESPACE, "--wait", "--timeout=90s")
    assert lease(world.kubectl, NAMESPACE) == held
    admin.uninstall()
    admin.install()
    assert lease(world.kubectl, NAMESPACE) == held


def test_the_first_install_creates_an_aicluster_and_later_ones_keep_it(world: Operated, admin: Helm) -> None:
    admin.install({"aicluster.create": True})
    first = world.kubectl.get("aicluster", "main")["metadata"]["uid"]
    admin.upgrade({"aicluster.create": True, "aicluster.spec": {"poolDiscovery": "Explicit"}})
    now = world.kubectl.get("aicluster", "main")
    assert now["metadata"]["uid"] == first
    assert now["spec"]["poolDiscovery"] == "Explicit"
    admin("rollback", "crosstree", "1", "-n", NAMESPACE, "--wait", "--timeout=90s")
    assert world.kubectl.get("aicluster", "main")["metadata"]["uid"] == first
    admin.upgrade({"aicluster.create": False})
    assert world.kubectl.get("aicluster", "main")["metadata"]["uid"] == first


def test_who_takes_the_definitions_over_later_loses_nothing(world: Operated, admin: Helm) -> None:
    admin.install()
    before = uids(world)
    admin.upgrade({"crds.install": False})
    assert uids(world) == before


def test_training_outlives_an_uninstall_and_the_next_install_adopts_it(
    world: Operated, admin: Helm, tmp_path: Path
) -> None:
    admin.install({"aicluster.create": True})
    with OperatorProcess(
        world.local.kubeconfig, tmp_path
    ):  # the pods of the release only look as if they ran
        world.kubectl.apply(a_job(workers=3), namespace="default")
        world.runs()
        before = uids(world)
        assert {"Pod train-worker-2", "AICluster main", "TrainingJob train"} <= set(before)
    kept = admin.uninstall()
    for kind in ("aiclusters", "acceleratorpools", "jobqueues", "trainingjobs"):
        assert f"[CustomResourceDefinition] {kind}.crosstree.dev" in kept
    assert world.kubectl.find("deployment", "crosstree", NAMESPACE) is None
    assert world.kubectl.find("clusterrole", "crosstree") is None
    always(lambda: uids(world), during=2, holds=lambda now: now == before, every=0.5)
    assert {pod["status"]["phase"] for pod in world.pods()} == {"Running"}
    admin.install({"aicluster.create": True})
    with OperatorProcess(world.local.kubeconfig, tmp_path):
        always(lambda: uids(world), during=2, holds=lambda now: now == before, every=0.5)
        world.finish()
        world.phase("Succeeded")
    assert world.status()["attempt"] == 1


def test_definitions_applied_by_hand_are_taken_over_when_the_admin_says_so(
    world: Operated, admin: Helm
) -> None:
    world.kubectl("apply", "--server-side", "--field-manager=crosstree", "-f", str(ROOT / "crds"))
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        admin.install()
    admin.install(None, "--take-ownership", "--force-conflicts")
    crd = world.kubectl.get("crd", "trainingjobs.crosstree.dev")
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_note_names_everything_that_an_uninstall_leaves(world: Operated, admin: Helm) -> None:
    said = admin.install()
    admin.uninstall()
    command = next(line for line in said.splitlines() if line.strip().startswith("kubectl delete crd"))
    world.kubectl(*command.split()[1:], "--wait=false")
    definitions_gone(world.kubectl)


def _monitors() -> Json:
    """A stand-in for the Prometheus operator's kind: takes any spec."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": "ServiceMonitor", "plural": "servicemonitors", "singular": "servicemonitor"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {**names, "listKind": "ServiceMonitorList"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }
