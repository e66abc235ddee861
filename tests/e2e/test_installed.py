"""The operator as helm installs it: from its image, under its own ServiceAccount, on real nodes."""

from __future__ import annotations

import pytest

from tests.support.real_world import AMD, ASCEND, GPU, LONGEST, NAMESPACE, SOON, World
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(LONGEST, method="signal")


def a_shell(world: World, command: str, **more: object) -> dict[str, object]:
    """A worker that runs one shell command."""
    container = {
        "name": "trainer",
        "image": world.built.trainer_image,
        "command": ["sh", "-c", command],
        **more,
    }
    return {"spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}


def ended(world: World, name: str) -> None:
    status = eventually(
        lambda: world.status(name),
        until=lambda seen: seen.get("phase") in ("Succeeded", "Failed"),
        within=SOON,
        what=f"{name} ended",
    )
    assert status["phase"] == "Succeeded", status


def test_two_replicas_run_on_different_nodes_and_one_leads(world: World):
    pods = world.operators()
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
    assert world.wait_led() in {pod["metadata"]["name"] for pod in pods}


def test_the_operator_runs_without_rights_on_its_machine(world: World):
    for pod in world.operators():
        container = pod["spec"]["containers"][0]
        assert pod["spec"]["serviceAccountName"] == "crosstree"
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_every_vendor_s_devices_become_a_pool(world: World):
    wanted = {GPU: 6, AMD: 2, ASCEND: 2}

    def offered() -> dict[str, int]:
        pools = world.kubectl.list("acceleratorpools")
        return {
            pool["spec"]["accelerator"]["resourceName"]: pool.get("status", {}).get("total", 0)
            for pool in pools
        }

    eventually(offered, until=lambda seen: seen == wanted, within=SOON, what="three pools were found")


def test_a_worker_gets_the_devices_of_its_vendor(world: World):
    for name, vendor, node in (("on-amd", "amd", "real-1"), ("on-ascend", "huawei", "real-2")):
        world.submit(
            name,
            framework={"name": "custom"},
            workers=1,
            accelerators={"perWorker": 2, "vendor": vendor},
            template=a_shell(world, 'test -n "$CROSSTREE_INDEX" && env | grep ^LOCALCLUSTER_DEVICES_'),
        )
        ended(world, name)
        assert world.nodes_of(name) == [node]


def test_devices_of_a_foreign_pod_are_never_given_out(world: World):
    foreign = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "foreign", "namespace": world.namespace},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": "real-2"},
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "main",
                    "image": world.built.trainer_image,
                    "command": ["sleep", "600"],
                    "resources": {"limits": {ASCEND: "1"}},
                }
            ],
        },
    }
    world.kubectl.apply(foreign)
    eventually(
        lambda: world.kubectl.get("pod", "foreign", world.namespace)["status"].get("phase"),
        until=lambda phase: phase == "Running",
        within=SOON,
    )
    world.submit(
        "patient",
        framework={"name": "custom"},
        workers=1,
        accelerators={"perWorker": 2, "vendor": "huawei"},
        template=a_shell(world, "true"),
    )
    eventually(
        lambda: world.status("patient").get("waiting", {}).get("message", ""),
        until=lambda message: "1" in message,
        within=SOON,
        what="the job said how many devices are left",
    )
    assert world.pods("patient") == []
    world.kubectl.delete("pod", "foreign", world.namespace)
    ended(world, "patient")
    assert world.overbooked() == []


def test_a_crash_of_the_leading_operator_costs_no_job_anything(world: World):
    before = world.wait_led()
    world.submit(
        "steady",
        framework={"name": "custom"},
        workers=2,
        accelerators={"perWorker": 1, "vendor": "nvidia"},
        template=a_shell(world, "sleep 25"),
    )
    eventually(lambda: len(world.pods("steady")) == 2, within=SOON)
    uids = [pod["metadata"]["uid"] for pod in world.pods("steady")]
    world.kubectl("delete", "pod", before, "--namespace", NAMESPACE, "--force", "--grace-period=0")
    eventually(world.leader, until=lambda name: name not in ("", before), within=60, what="another one led")
    assert [pod["metadata"]["uid"] for pod in world.pods("steady")] == uids
    ended(world, "steady")
    assert world.status("steady").get("restarts", []) == []
