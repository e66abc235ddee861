"""PyTorch trains over real nodes, to its last step, whatever breaks on the way."""

from __future__ import annotations

import pytest

from tests.support.real_world import GPU, LONGEST, NAMESPACE, SOON, STARTS, World
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(LONGEST, method="signal")


def restarted(world: World, name: str, cause: str) -> None:
    """Assert that a job started again for this reason and no other, at no cost of its own."""
    restarts = world.status(name)["restarts"]
    assert [one["reason"] for one in restarts] == [cause], restarts


def resumed(world: World, name: str) -> None:
    """Wait until a job has ended; assert that its second attempt went on where the first had saved."""
    done = world.wait_trained(name)
    assert done["attempt"] == 2, world.status(name)["restarts"]
    assert done["first"] >= 10, f"{name} began from step {done['first']} again"
    assert world.overbooked() == []


def led_from_elsewhere(world: World, node: str) -> None:
    """Let a replica lead that is not on this node.

    Else the others are told of nothing for as long as a lease lasts, and the workers that are left may fail first.
    """

    leader = world.wait_led()
    if world.kubectl.get("pod", leader, namespace=NAMESPACE)["spec"]["nodeName"] != node:
        return
    world.kubectl("delete", "pod", leader, "--namespace", NAMESPACE, "--wait=false")

    def elsewhere() -> bool:
        pod = world.kubectl.get("pod", world.leader(), namespace=NAMESPACE)
        return bool(pod["spec"]["nodeName"] != node)

    eventually(elsewhere, within=STARTS, what=f"a replica leads outside {node}")


def test_a_gang_trains_over_two_nodes_to_its_last_step(world: World):
    world.train("plain", steps=20)
    done = world.wait_trained("plain")
    assert (done["world"], done["first"], done["attempt"]) == (4, 0, 1)
    assert len(set(world.nodes_of("plain"))) == 2


def test_training_goes_on_from_its_checkpoint_after_a_device_fails(world: World):
    world.train("device", steps=120, faults=1, topology={"required": "leaf"})
    world.wait_saved("device")
    bad = world.nodes_of("device")[0]
    world.local.node(bad).set_device_health(GPU, 1, healthy=False)
    try:
        resumed(world, "device")
        assert bad not in world.nodes_of("device")
    finally:
        world.local.node(bad).set_device_health(GPU, 1, healthy=True)
    restarted(world, "device", "DeviceLost")


def test_training_goes_on_from_its_checkpoint_after_a_pod_and_the_leading_operator_are_deleted(world: World):
    world.train("deleted", steps=120, faults=1)
    world.wait_saved("deleted")
    leader = world.leader()
    world.kubectl("delete", "pod", "deleted-worker-1", "--namespace", world.namespace, "--wait=false")
    world.kubectl("delete", "pod", leader, "--namespace", NAMESPACE, "--force", "--grace-period=0")
    resumed(world, "deleted")
    restarted(world, "deleted", "PodDeleted")


def test_training_goes_on_from_its_checkpoint_after_its_node_loses_power(world: World):
    world.train("power", steps=120, faults=1)
    dead = world.wait_placed("power")[1]
    led_from_elsewhere(world, dead)
    world.wait_saved("power")
    world.local.node(dead).kill()
    try:
        resumed(world, "power")
        assert dead not in world.nodes_of("power")
    finally:
        world.local.node(dead).start()
    restarted(world, "power", "NodeNotReady")


def test_no_rank_lives_twice_while_its_node_is_cut_off_and_comes_back(world: World):
    world.train("cut", steps=120, faults=1)
    lost = world.wait_placed("cut")[1]
    led_from_elsewhere(world, lost)
    world.wait_saved("cut")
    world.local.node(lost).partition()
    try:
        eventually(
            lambda: world.status("cut").get("attempt"),
            until=lambda attempt: attempt == 2,
            within=STARTS,
            what="the gang went on without the node that was cut off",
        )
    finally:
        world.local.node(lost).heal()
    resumed(world, "cut")
    restarted(world, "cut", "NodeNotReady")


def test_training_outlives_the_operator_that_is_uninstalled(world: World):
    world.train("orphan", steps=60)
    world.wait_saved("orphan")
    world.helm("uninstall", "crosstree", "--wait", "--timeout", "240s")
    try:
        eventually(
            lambda: world.kubectl.list("pods", NAMESPACE, "app.kubernetes.io/name=crosstree"),
            until=lambda left: not left,
            within=SOON,
            what="no operator was left",
        )
        assert len(world.pods("orphan")) == 2
    finally:
        world.install()
    done = world.wait_trained("orphan")
    assert (done["attempt"], done["first"]) == (1, 0)
