"""The chart's rights are exactly those that the operator uses: nothing is refused, and nothing is to spare."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.definitions import remove_definitions
from tests.support.helm import NAMESPACE, Helm, helm
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.objects import a_cluster, a_job
from tests.support.operated import SOON, Operated, bare, h100
from tests.support.operator_process import OperatorProcess
from tests.support.replicas import LEASE, leader
from tests.support.rights import Right, audit_options, granted, login, refusals, used
from tests.support.waiting import eventually

Json = dict[str, Any]
ENFORCED = "OwnerReferencesPermissionEnforcement"
REPORTS = "kube-system"
"""Where MindCluster's ConfigMaps are."""

AS_INSTALLED = {
    "leader_election": "true",
    "lease_namespace": NAMESPACE,
    "identity": "crosstree-0",
    "mindcluster_namespaces": REPORTS,
}
"""Settings by which the chart's pods differ from `crosstree run` at somebody's desk."""

ASKED_BY_ADMISSION = {
    Right("ClusterRole crosstree", "crosstree.dev", f"{plural}/finalizers", "update")
    for plural in ("aiclusters", "trainingjobs")
}
"""Not requests: an admission plugin asks for them when we create an object with an owner. That they are needed is
shown by taking them away, below."""


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with bare(h100(4), **audit_options(tmp_path_factory.mktemp("audit"), ENFORCED)) as world:
        yield world


@pytest.fixture(scope="module")
def admin(module_world: Operated, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return helm(tmp_path_factory.mktemp("helm"), module_world.local.kubeconfig)


@pytest.fixture
def world(module_world: Operated, admin: Helm) -> Iterator[Operated]:
    """The chart as it is installed, before any request of the operator; nothing of ours afterwards."""
    (module_world.local.state / "audit.log").write_text("")
    admin.install({"health.mindcluster.namespaces": [REPORTS]})
    yield module_world
    module_world.kubectl("delete", "tj", "--all", "-n", module_world.namespace, "--wait=false")
    admin.uninstall()
    remove_definitions(module_world.kubectl)
    module_world.kubectl("delete", "pods,services", "--all", "--force", "--grace-period=0", "-n", "default")
    module_world.kubectl("delete", "leases", "--all", "-n", NAMESPACE)


@pytest.fixture(scope="module")
def account(
    module_world: Operated, admin: Helm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubectl]:
    """kubectl as the operator's ServiceAccount."""
    admin.install()
    folder = tmp_path_factory.mktemp("account")
    yield Kubectl(module_world.kubectl.binary, login(module_world.local, module_world.kubectl, folder))
    admin.uninstall()


def operator(world: Operated, folder: Path) -> OperatorProcess:
    """The operator with the rights of its ServiceAccount and no others."""
    return OperatorProcess(login(world.local, world.kubectl, folder), folder, **AS_INSTALLED)


def pools(world: Operated) -> list[Json]:
    return world.kubectl.list("acceleratorpools")


def a_whole_life(world: Operated) -> None:
    """Have the operator do everything it ever does to the API."""
    kubectl = world.kubectl
    kubectl.apply(a_cluster())
    (pool,) = eventually(lambda: pools(world), within=SOON, what="a pool was made")
    eventually(lambda: kubectl.find("jobqueue", "default"), within=SOON, what="the default queue was made")
    # A pool that was changed is put right, and one that nothing belongs to any more is removed.
    name, accelerator = pool["metadata"]["name"], pool["spec"]["accelerator"]
    change = {"spec": {"accelerator": {"resourceName": "nvidia.com/other"}}}
    kubectl("patch", "acceleratorpool", name, "--type=merge", "-p", json.dumps(change))
    eventually(
        lambda: kubectl.get("acceleratorpool", name)["spec"]["accelerator"],
        until=lambda found: found == accelerator,
        within=SOON,
        what="the pool was put right",
    )
    for selector, count in (({"matchLabels": {"none": "such"}}, 0), (None, 1)):
        kubectl(
            "patch", "aic", "east", "--type=merge", "-p", json.dumps({"spec": {"nodeSelector": selector}})
        )
        eventually(
            lambda: pools(world),
            until=lambda found, n=count: len(found) == n,
            within=SOON,
            what=f"{count} pools",
        )
    # A job that starts, loses a worker and its Service, starts again, ends, and is cleared away.
    world.apply(a_job(workers=2, ttlAfterFinished="1s"))
    world.runs()
    kubectl.delete("service", "train", world.namespace)
    world.fail(1, exit_code=7)
    world.runs(attempt=2)
    eventually(lambda: kubectl.find("service", "train", world.namespace), within=SOON)
    world.finish()
    eventually(
        lambda: kubectl.find("tj", "train", world.namespace) is None, within=SOON, what="it was cleared away"
    )
    assert {"GangPlaced", "Running", "WorkerFailed"} <= {reason for reason, _ in world.events()}


def chart_roles(world: Operated) -> list[Json]:
    """The operator's roles as the chart made them: everywhere, in its namespace, and where MindCluster reports."""
    return [
        world.kubectl.get("clusterrole", "crosstree"),
        world.kubectl.get("role", "crosstree", NAMESPACE),
        world.kubectl.get("role", "crosstree-mindcluster", REPORTS),
    ]


def test_the_operator_is_refused_nothing_and_has_no_right_to_spare(world: Operated, tmp_path: Path) -> None:
    # The chart makes a lease; the right to create one is for the day on which somebody has deleted it.
    world.kubectl.delete("lease", LEASE, NAMESPACE)
    with operator(world, tmp_path):
        try:
            leader(world.kubectl, AS_INSTALLED["identity"], namespace=NAMESPACE)
            a_whole_life(world)
        finally:  # a right that lacks is the reason why something did not happen
            assert refusals(world.local) == []
    rights = granted(chart_roles(world)) - ASKED_BY_ADMISSION
    found = used(world.local)
    idle = [f"{one.role}: {one.verb} {one.resource}.{one.group}" for one in sorted(rights - found)]
    assert not idle, "the chart grants what the operator never uses:\n" + "\n".join(idle)
    assert found <= rights


@pytest.mark.parametrize(
    ("resource", "verb", "said"),
    [
        ("nodes", "watch", "watch nodes"),
        ("pods", "create", "create pods"),
        ("jobqueues", "create", "create jobqueues"),
        ("trainingjobs/status", "patch", "patch trainingjobs/status"),
        ("aiclusters/finalizers", "update", "create acceleratorpools: .*blockOwnerDeletion"),
        ("trainingjobs/finalizers", "update", "create pods: .*blockOwnerDeletion"),
    ],
)
def test_a_right_that_is_taken_away_is_missed(
    world: Operated, tmp_path: Path, resource: str, verb: str, said: str
) -> None:
    role = world.kubectl.get("clusterrole", "crosstree")
    role["rules"] = [
        _without(rule, name, verb if name == resource else "")
        for rule in role["rules"]
        for name in rule["resources"]
    ]
    world.kubectl("replace", "-f", "-", stdin=json.dumps(role))
    process = operator(world, tmp_path)
    try:
        world.kubectl.apply(a_cluster())
        world.apply(a_job(workers=2))
        eventually(
            lambda: refusals(world.local),
            until=lambda found: any(re.match(said, one) for one in found),
            within=SOON,
            what=f"the operator was refused: {said}",
        )
    finally:
        process.kill()


def _without(rule: Json, resource: str, verb: str) -> Json:
    """One resource of a rule as a rule of its own, without one of its verbs."""
    kept = [one for one in rule["verbs"] if one != verb]
    return {**rule, "resources": [resource], "verbs": kept or ["get"]}


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "secrets"),
        ("list", "secrets"),
        ("list", "configmaps"),
        ("create", "pods --subresource=exec"),
        ("get", "pods --subresource=log"),
        ("patch", "pods"),
        ("patch", "nodes"),
        ("create", "rolebindings"),
        ("create", "serviceaccounts --subresource=token"),
        ("update", "trainingjobs"),
        ("update", "customresourcedefinitions"),
        ("impersonate", "users"),
    ],
)
def test_what_a_stolen_token_of_the_operator_is_no_use_for(
    account: Kubectl, verb: str, resource: str
) -> None:
    with pytest.raises(KubectlError, match=r"^kubectl auth can-i .*: $"):
        account("auth", "can-i", verb, *resource.split(), "--all-namespaces", "--quiet")
