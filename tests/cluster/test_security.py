"""What a user of one namespace can make the operator do, and what he learns from it: see the threat model page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crosstree.base.names import FIELD_MANAGER
from localcluster import faults, kubeconfig
from tests.support.helm import Helm, helm
from tests.support.kubectl import Kubectl, KubectlError
from tests.support.objects import a_cluster, a_job
from tests.support.operated import SOON, Operated, h100, installed
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import eventually

Json = dict[str, Any]
NODES = 4
TRICKS = {
    "KUBELET": "$(HOSTNAME)",
    "SHELL": "$(reboot) `id` ${HOME} ; rm -rf /",
    "HELM": "{{ .Values.secret }} {{ lookup `v1` `Secret` `kube-system` `x` }}",
    "PYTHON": "{job.__class__.__mro__} %(token)s {0} {} __import__('os').system('id')",
    "JINJA": "{% for x in ().__class__.__bases__ %}{{ x }}{% endfor %}",
    "JSON": '"}],"hostNetwork":true,"x":[{"y":"',
    "YAML": "!!python/object/apply:os.system ['id']",
    "UNICODE": "\u2028\u202e\x7f",
}
SAFE = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What PodSecurity `restricted` asks of a container."""


STRANGER, STRANGERS_JOBS = "orca-labs", ("narwhal", "beluga")
"""Another tenant, and words that nothing else contains."""


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def operator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("security")


@pytest.fixture(scope="module")
def both(operator_folder: Path) -> Iterator[tuple[Operated, OperatorProcess]]:
    """A cluster, and an operator that logs all it can."""
    with installed(h100(NODES)) as world:
        world.kubectl.apply(a_cluster())
        world.kubectl("create", "namespace", STRANGER)
        with OperatorProcess(world.local.kubeconfig, operator_folder, log_level="DEBUG") as operator:
            yield world, operator


@pytest.fixture
def world(both: tuple[Operated, OperatorProcess], request: pytest.FixtureRequest) -> Iterator[Operated]:
    with both[0].apart(request.node.name) as world:
        yield world


def a_template(**container: Any) -> Json:
    """A pod template with one trainer."""
    return {"spec": {"containers": [{"name": "trainer", "image": "registry.example/trainer:1", **container}]}}


# -- nothing of a user's is run by the operator ---------------------------------------------------------------------


def test_what_a_user_writes_arrives_in_the_pod_letter_by_letter(world: Operated) -> None:
    env = [{"name": name, "value": value} for name, value in TRICKS.items()]
    words = list(TRICKS.values())
    template = a_template(env=env, command=words, args=words)
    template["metadata"] = {"annotations": {f"example.com/{name}": value for name, value in TRICKS.items()}}
    world.apply(a_job(workers=2, template=template))
    world.runs()
    for pod in world.pods():
        (trainer,) = pod["spec"]["containers"]
        assert trainer["command"] == trainer["args"] == words
        found = {one["name"]: one.get("value") for one in trainer["env"]}
        assert {name: found[name] for name in TRICKS} == TRICKS
        annotations = pod["metadata"]["annotations"]
        assert {name: annotations[f"example.com/{name}"] for name in TRICKS} == TRICKS
        assert not pod["spec"].get("hostNetwork")


@pytest.mark.parametrize("checked", ["true", "false"])
def test_pods_are_made_in_the_namespace_of_their_job_and_nowhere_else(world: Operated, checked: str) -> None:
    job = a_job(workers=1)
    job["spec"]["template"]["metadata"] = {"namespace": "kube-system", "name": "etcd", "generateName": "x"}
    text = json.dumps(job)
    arguments = ("-n", world.namespace, "create", f"--validate={checked}", "-f", "-")
    if checked == "true":
        with pytest.raises(KubectlError, match=r'unknown field "spec\.template\.metadata\.namespace"'):
            world.kubectl(*arguments, stdin=text)
        return
    world.kubectl(*arguments, stdin=text)
    world.runs()
    (pod,) = world.kubectl.list("pods")
    assert (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (world.namespace, "train-worker-0")


# -- what a namespace allows is what its jobs may -------------------------------------------------------------------


def test_a_quota_keeps_a_job_waiting_with_the_servers_words_until_it_is_raised(world: Operated) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": "2"}},
    }
    world.apply(quota)
    eventually(
        lambda: world.kubectl.get("resourcequota", "small", world.namespace).get("status", {}).get("hard"),
        within=SOON,
    )
    world.apply(a_job(workers=3))
    refused = world.wait(lambda seen: (seen.get("waiting") or {}).get("reason") == "PodsRefused")
    assert "exceeded quota: small" in refused["waiting"]["message"]
    assert "limited: pods=2" in refused["waiting"]["message"]
    eventually(world.pods, until=lambda pods: not pods, within=SOON, what="what was created is taken back")
    world.apply(quota | {"spec": {"hard": {"pods": "3"}}})
    world.wait(lambda seen: seen.get("phase") == "Running", what="the job started under the larger quota")
    assert len(world.pods()) == 3
    assert world.record.violations("train", world.namespace) == []


def test_the_pod_security_of_a_namespace_holds_for_its_jobs(world: Operated) -> None:
    world.kubectl("label", "namespace", world.namespace, "pod-security.kubernetes.io/enforce=restricted")
    world.apply(a_job("careless", workers=1, template=a_template(securityContext={"privileged": True})))
    refused = world.wait(lambda seen: (seen.get("waiting") or {}).get("reason") == "PodsRefused", "careless")
    assert 'violates PodSecurity "restricted:latest"' in refused["waiting"]["message"]
    assert world.pods("careless") == []
    world.apply(a_job("careful", workers=2, template=a_template(securityContext=SAFE)))
    world.runs("careful")


# -- tenants ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tenants(world: Operated, offline: Helm) -> tuple[Operated, Operated, Kubectl]:
    """Two namespaces, and kubectl as somebody who may edit in the first only."""
    roles = [one for one in offline.template() if one["kind"] == "ClusterRole"]
    world.kubectl.apply(*(one for one in roles if one["metadata"]["name"] != "crosstree"))
    stranger = replace(world, namespace=STRANGER)
    world.kubectl("-n", world.namespace, "create", "serviceaccount", "tenant")
    subject = f"--serviceaccount={world.namespace}:tenant"
    world.kubectl(
        "-n", world.namespace, "create", "rolebinding", "tenant", "--clusterrole=crosstree-edit", subject
    )
    token = world.kubectl("-n", world.namespace, "create", "token", "tenant").strip()
    file = world.local.state / "tenant"
    kubeconfig.write(file, world.local.server, token, world.local.ca)
    return world, stranger, Kubectl(world.kubectl.binary, file)


def test_a_tenant_works_in_his_namespace_and_reads_no_other(
    tenants: tuple[Operated, Operated, Kubectl],
) -> None:
    world, stranger, tenant = tenants
    stranger.apply(a_job("narwhal", workers=1))
    tenant.create(a_job(workers=1), namespace=world.namespace)
    world.runs()
    assert tenant.get("tj", "train", world.namespace)["status"]["phase"] == "Running"
    for refused in (
        ("get", "tj", "-n", STRANGER),
        ("get", "tj", "narwhal", "-n", STRANGER),
        ("get", "tj", "--all-namespaces"),
        ("delete", "tj", "narwhal", "-n", STRANGER),
        ("patch", "aic", "east", "--type=merge", "-p", '{"spec":{}}'),
        (
            "patch",
            "tj",
            "train",
            "-n",
            world.namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            '{"status":{}}',
        ),
    ):
        with pytest.raises(KubectlError, match="Forbidden"):
            tenant(*refused)


def test_nothing_a_tenant_can_read_names_the_jobs_of_another(
    tenants: tuple[Operated, Operated, Kubectl], both: tuple[Operated, OperatorProcess]
) -> None:
    world, stranger, _ = tenants
    # The stranger fills the cluster, waits, loses a worker, a node and devices; the tenant waits behind all that.
    stranger.apply(a_job("narwhal", workers=NODES))
    stranger.runs("narwhal")
    stranger.apply(a_job("beluga", workers=NODES))
    world.apply(a_job(workers=2))
    for name, place in (("train", world), ("beluga", stranger)):
        place.wait(lambda seen: seen.get("waiting"), name)
    stranger.fail(1, "narwhal", exit_code=3)
    stranger.wait(lambda seen: seen.get("restarts"), "narwhal")
    node = world.kubectl.list("nodes")[0]["metadata"]["name"]
    faults.fail_node(world.local.api, node, faults.NodeFailure.NOT_READY)
    try:
        east = eventually(
            lambda: world.kubectl.get("aicluster", "east")["status"],
            until=lambda status: status["nodes"]["ready"] == NODES - 1,
            within=SOON,
        )
        texts = {
            "its jobs": world.kubectl.list("tj", world.namespace),
            "its events": world.kubectl.list("events", world.namespace),
            "clusters": world.kubectl.list("aicluster"),
            "pools": world.kubectl.list("acceleratorpool"),
            "queues": world.kubectl.list("jobqueue"),
            "events about them": [
                event  # those of others are theirs: controllers of the cluster name whom they please
                for event in world.kubectl.list("events", "default")
                if event["source"].get("component") == FIELD_MANAGER
            ],
            "metrics": both[1].get("/metrics")[1],
        }
    finally:
        faults.heal_node(world.local.api, node)
    assert east["jobs"]["running"] + east["jobs"]["waiting"] >= 2  # counts are for everybody
    for where, found in texts.items():
        text = json.dumps(found)
        assert [word for word in (STRANGER, *STRANGERS_JOBS) if word in text] == [], f"{where}: {text}"


# -- endpoints and logs ----------------------------------------------------------------------------------------------


def test_endpoints_and_logs_hold_no_secret(world: Operated, both: tuple[Operated, OperatorProcess]) -> None:
    operator = both[1]
    secret = "correct-horse-battery-staple"  # what users do: a password in the environment of a job
    world.apply(a_job(workers=1, template=a_template(env=[{"name": "WANDB_API_KEY", "value": secret}])))
    world.runs()
    world.local.kill("kube-apiserver")  # failures are logged, with their requests
    world.local.start_component("kube-apiserver")
    world.fail(0, exit_code=3)
    world.wait(lambda seen: seen.get("attempt") == 2)
    texts = {path: operator.get(path)[1] for path in ("/healthz", "/readyz", "/metrics")}
    texts["the log"] = operator.log.read_text()
    assert texts["/healthz"] == texts["/readyz"] == "ok\n"
    assert texts["the log"]
    for where, text in texts.items():
        for hidden in (secret, world.local.token, "Bearer", "uthorization"):
            assert hidden not in text, f"{where} shows {hidden}"
    for path in ("/metrics/../healthz/x", "/debug", "/config", "/env"):
        assert operator.get(path)[0] == 404
