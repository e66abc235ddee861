"""From signals to a verdict: polarity, precedence of rules, the worst wins, and time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.catalog.load import load
from crosstree.core.health import MESSAGE, Action, HealthOverrides, HealthPolicy, HealthRule, Signal
from crosstree.core.snapshot import NodeState
from crosstree.core.verdict import WELL, Rulebook, Verdict, drained, overlaid, withheld

CATALOG = load().health_rules
NOW = 10_000.0
POLICY = HealthPolicy(grace=30.0, settle=60.0)
NPU = "huawei.com/Ascend910"


def judge(*signals: Signal, policy: HealthPolicy = POLICY, now: float = NOW) -> Verdict:
    return Rulebook(policy, CATALOG).judge(signals, now)


def a_signal(name: str = "GpuMemWatch", status: str = "True", since: float = 9_000.0, **more: str) -> Signal:
    return Signal(name, status, since=since, **more)


def a_card(level: str, status: str = "True", since: float = 9_000.0, card: int = 4) -> Signal:
    devices = (f"Ascend910-{card}",)
    return Signal("CardUnhealthy", status, level, since, "code 80E18402", NPU, devices)


@pytest.mark.parametrize(
    ("signal", "state"),
    [
        (a_signal("GpuMemWatch", "True"), NodeState.UNHEALTHY),
        (a_signal("GpuMemWatch", "False"), NodeState.USABLE),
        (a_signal("GpuThermalWatch", "True"), NodeState.AVOIDED),
        (a_signal("AcceleratedHardwareReady", "False"), NodeState.UNHEALTHY),
        (a_signal("AcceleratedHardwareReady", "True"), NodeState.USABLE),
        (a_signal("NeuronHealth", "True"), NodeState.UNHEALTHY),
        (a_signal("NeuronHealth", "False"), NodeState.USABLE),
        (a_signal("KernelDeadlock", "True"), NodeState.AVOIDED),
        (a_signal("NobodyKnows", "True"), NodeState.USABLE),
        (a_signal("MemoryPressure", "False"), NodeState.USABLE),
    ],
)
def test_each_producer_is_read_in_its_own_polarity(signal: Signal, state: NodeState) -> None:
    assert judge(signal).state is state


def test_a_node_nobody_complains_of_is_well_for_ever() -> None:
    assert judge() is WELL
    assert judge(a_signal("NobodyKnows")) is WELL


def test_the_worst_action_decides_and_every_fault_is_kept_the_worst_first() -> None:
    found = judge(a_signal("GpuThermalWatch", since=8_000.0), a_signal("GpuMemWatch"))
    assert (found.state, found.since) == (NodeState.UNHEALTHY, 9_000.0)
    assert [fault.signal for fault in found.faults] == ["GpuMemWatch", "GpuThermalWatch"]


def test_the_fault_that_is_due_first_says_when_work_leaves() -> None:
    rule = HealthRule("Patient", "True", Action.DRAIN_NODE, grace=3_600.0)
    found = judge(a_signal("Patient", since=8_000.0), a_signal(), policy=replace(POLICY, rules=(rule,)))
    assert found.since == 9_000.0


def test_a_signal_that_has_gone_is_avoided_until_it_has_settled() -> None:
    gone = a_signal(status="False", since=NOW - 20.0)
    found = judge(gone)
    assert (found.state, found.again) == (NodeState.AVOIDED, NOW + 40.0)
    assert found.faults[0].settling and "gone" in found.faults[0].message
    assert judge(gone, now=NOW + 40.0) is WELL


def test_a_signal_that_was_never_more_than_ignored_has_nothing_to_settle() -> None:
    rule = HealthRule("GpuMemWatch", "True", Action.IGNORE)
    policy = replace(POLICY, rules=(rule,))
    assert judge(a_signal(status="False", since=NOW), policy=policy) is WELL


def test_settling_says_the_same_however_often_it_is_asked() -> None:
    gone = a_signal(status="False", since=NOW)
    assert judge(gone, now=NOW + 1.0).faults == judge(gone, now=NOW + 50.0).faults


def test_a_rule_of_the_policy_goes_before_the_catalog() -> None:
    policy = replace(POLICY, rules=(HealthRule("GpuMemWatch", "True", Action.IGNORE),))
    assert judge(a_signal(), policy=policy) is WELL


def test_a_rule_of_the_pool_goes_before_that_of_the_cluster() -> None:
    cluster = replace(POLICY, rules=(HealthRule("GpuMemWatch", "True", Action.IGNORE),))
    pool = HealthOverrides(rules=(HealthRule("GpuMemWatch", "True", Action.AVOID),))
    assert judge(a_signal(), policy=pool.over(cluster)).state is NodeState.AVOIDED


def test_a_rule_for_one_reason_leaves_the_others_to_the_next() -> None:
    policy = replace(POLICY, rules=(HealthRule("GpuMemWatch", "True", Action.IGNORE, "PageRetired"),))
    assert judge(a_signal(reason="PageRetired"), policy=policy) is WELL
    assert judge(a_signal(reason="DoubleBit"), policy=policy).state is NodeState.UNHEALTHY


def test_a_restart_is_no_reason_to_keep_new_work_away() -> None:
    policy = replace(POLICY, rules=(HealthRule("Hung", "True", Action.RESTART_POD),))
    found = judge(a_signal("Hung"), policy=policy)
    assert found.state is NodeState.USABLE
    assert [fault.action for fault in found.faults] == [Action.RESTART_POD]
    assert judge(a_signal("Hung", "False", since=NOW), policy=policy) is WELL


def test_a_drained_device_that_nobody_names_keeps_new_work_off_the_whole_node() -> None:
    policy = replace(POLICY, rules=(HealthRule("SomeGpu", "True", Action.DRAIN_DEVICE),))
    assert judge(a_signal("SomeGpu"), policy=policy).state is NodeState.AVOIDED


def test_a_named_device_is_taken_out_and_its_node_stays_in_use() -> None:
    found = judge(a_card("SeparateNPU"))
    assert found.state is NodeState.USABLE
    assert withheld(found.faults) == drained(found.faults) == {NPU: {"Ascend910-4"}}


def test_a_device_in_doubt_takes_no_new_work_and_keeps_what_it_has() -> None:
    found = judge(a_card("PreSeparateNPU"))
    assert (withheld(found.faults), drained(found.faults)) == ({NPU: {"Ascend910-4"}}, {})


def test_a_device_that_is_well_again_settles_too() -> None:
    found = judge(a_card("SeparateNPU", "False", since=NOW - 1.0))
    assert (withheld(found.faults), drained(found.faults)) == ({NPU: {"Ascend910-4"}}, {})
    assert found.again == NOW + 59.0


def test_levels_that_need_nothing_done_are_not_looked_at() -> None:
    assert judge(a_card("NotHandleFault")) is WELL


@pytest.mark.parametrize(
    ("own", "verdict", "joined"),
    [
        (NodeState.NOT_READY, NodeState.UNHEALTHY, NodeState.NOT_READY),
        (NodeState.CORDONED, NodeState.UNHEALTHY, NodeState.UNHEALTHY),
        (NodeState.CORDONED, NodeState.AVOIDED, NodeState.CORDONED),
        (NodeState.USABLE, NodeState.AVOIDED, NodeState.AVOIDED),
        (NodeState.USABLE, NodeState.USABLE, NodeState.USABLE),
    ],
)
def test_lost_beats_unhealthy_beats_cordoned_beats_avoided(own, verdict, joined) -> None:
    assert overlaid(own, 5.0, Verdict(verdict, 7.0))[0] is joined


def test_what_a_producer_says_is_bounded_and_on_one_line() -> None:
    told = judge(a_signal(message="line one\n  line two " + "x" * 999)).faults[0].message
    assert told.startswith("line one line two x") and len(told) == MESSAGE
    assert judge(a_signal(reason="OnlyAReason")).faults[0].message == "OnlyAReason"
