"""What signals of nodes do to running gangs: which fault, which devices, how long, and how often."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.health import Action, Fault
from crosstree.core.lifecycle import Hold, Move, Recover, next_move
from crosstree.core.pods import NodeHealth, PodFact
from crosstree.core.snapshot import NodeState
from tests.support.builders.jobs import T0, a_node, a_pod, facts, outcome, running

NOW = T0 + 100
NPU = "huawei.com/Ascend910"


def a_fault(action: Action, *, since: float = T0 + 50, grace: float = 30.0, card: int | None = None) -> Fault:
    devices = () if card is None else (f"Ascend910-{card}",)
    told = "Xid 31, pid 4711, name python train_of_another_tenant.py"
    return Fault(
        "GpuMemWatch", action, since, told, grace, resource=NPU, devices=devices, reason="PageRetired"
    )


def troubled(*faults: Fault, state: NodeState = NodeState.USABLE, **changes) -> NodeHealth:
    since = min((one.since for one in faults), default=T0)
    return a_node(1, state, since=since, faults=faults, **changes)


def decide(node: NodeHealth, *some: PodFact, at: float = NOW) -> Move:
    return next_move(facts(running(), some or (a_pod(0), a_pod(1)), at=at, nodes=(a_node(0), node)))


def holding(index: int, *cards: int) -> PodFact:
    return replace(a_pod(index), devices=frozenset(f"Ascend910-{card}" for card in cards))


def test_a_gang_leaves_a_node_and_names_signal_and_reason() -> None:
    node = troubled(a_fault(Action.DRAIN_NODE), state=NodeState.UNHEALTHY, grace=30.0)
    move = decide(node)
    assert outcome(move) == ("NodeUnhealthy", False, "n1")
    assert isinstance(move, Recover)
    assert move.message == (
        "Node n1 has reported trouble for longer than the grace period (GpuMemWatch: PageRetired); "
        "worker 1 ran there."
    )


def test_the_grace_of_the_fault_goes_before_that_of_the_cluster() -> None:
    node = troubled(a_fault(Action.DRAIN_NODE, grace=600.0), state=NodeState.UNHEALTHY, grace=600.0)
    assert decide(node) == Hold(until=T0 + 650)
    assert outcome(decide(node, at=T0 + 650)) == ("NodeUnhealthy", False, "n1")


def test_a_silent_node_has_the_grace_of_its_pool() -> None:
    node = replace(a_node(1, NodeState.NOT_READY, since=T0 + 90), grace=5.0)
    assert decide(node, at=T0 + 94) == Hold(until=T0 + 95)
    assert outcome(decide(node, at=T0 + 95)) == ("NodeNotReady", False, "n1")


def test_an_avoided_node_keeps_what_it_has() -> None:
    assert decide(troubled(a_fault(Action.AVOID), state=NodeState.AVOIDED)) == Hold()


def test_a_restart_is_asked_for_once_the_grace_is_over() -> None:
    node = troubled(a_fault(Action.RESTART_POD, since=T0 + 80))
    assert decide(node) == Hold(until=T0 + 110)
    move = decide(node, at=T0 + 110)
    assert outcome(move) == ("RestartAdvised", False, "n1")
    assert isinstance(move, Recover) and "GpuMemWatch: PageRetired" in move.message


@pytest.mark.parametrize("since", [T0 - 500, T0])
def test_an_attempt_that_came_after_the_fault_is_not_restarted_for_it(since: float) -> None:
    assert decide(troubled(a_fault(Action.RESTART_POD, since=since))) == Hold()


def test_a_restart_of_one_device_is_for_those_who_hold_it() -> None:
    node = troubled(a_fault(Action.RESTART_POD, card=4))
    assert decide(node, holding(0, 4), holding(1, 5)) == Hold()
    assert outcome(decide(node, holding(0, 4), holding(1, 4))) == ("RestartAdvised", False, "n1")


def test_a_gang_leaves_a_device_that_must_be_given_up() -> None:
    node = troubled(a_fault(Action.DRAIN_DEVICE, card=4), overcommitted=1)
    looked = facts(running(), (holding(0, 4), holding(1, 4, 5)), at=NOW, nodes=(a_node(0), node), grace=0.0)
    move = next_move(looked)
    assert outcome(move) == ("DeviceLost", False, "n1")
    assert isinstance(move, Recover)
    assert move.message == (
        "Accelerator Ascend910-4 of worker 1 on node n1 must be given up (GpuMemWatch: PageRetired)."
    )


def test_a_device_of_somebody_else_is_none_of_this_gangs_business() -> None:
    node = troubled(a_fault(Action.DRAIN_DEVICE, card=4), overcommitted=1)
    looked = facts(running(), (holding(0, 4), holding(1, 5)), at=NOW, nodes=(a_node(0), node), grace=0.0)
    assert next_move(looked) == Hold()


def test_devices_missing_beyond_those_named_may_be_anybodys() -> None:
    node = troubled(a_fault(Action.DRAIN_DEVICE, card=4), overcommitted=2)
    looked = facts(running(), (holding(0, 4), holding(1, 5)), at=NOW, nodes=(a_node(0), node), grace=0.0)
    assert outcome(next_move(looked)) == ("DeviceLost", False, "n1")


def test_a_device_that_settles_moves_nobody() -> None:
    settling = replace(a_fault(Action.AVOID, card=4), settling=True)
    assert decide(troubled(settling), holding(0, 1), holding(1, 4)) == Hold()


def test_a_reason_that_is_a_text_is_not_told() -> None:
    assert replace(a_fault(Action.AVOID), reason="killed job of team b").named == "GpuMemWatch"
