"""Verdicts kept up to date: with facts, with policies, with time, and with reports beside the Node object."""

from __future__ import annotations

from dataclasses import replace

from crosstree.adapters.nodehealth import NodeHealths
from crosstree.base.clock import VirtualClock
from crosstree.catalog.load import load
from crosstree.core.columns import Columns, NodeRow
from crosstree.core.health import Action, HealthPolicy, HealthRule, Signal
from crosstree.core.snapshot import NodeState

NPU = "huawei.com/Ascend910"


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock(10_000.0)
        self.columns = Columns(lambda resource: resource == NPU)
        self.changed: list[str] = []
        rules = load().health_rules
        self.healths = NodeHealths(self.columns, rules, self.changed.append, self.clock.now)

    def node(self, name: str = "n1", *signals: Signal, devices: int = 8) -> None:
        bare = NodeRow(name, {}, (), ((NPU, devices),), ((NPU, 8),))
        self.healths.put(bare, signals)

    def state(self, name: str = "n1") -> NodeState:
        return NodeState(int(self.columns.state[self.columns.row[name]]))

    def govern(self, **policies: HealthPolicy) -> None:
        self.healths.govern(object(), lambda: policies)


def a_card(card: int, level: str = "SeparateNPU", since: float = 0.0) -> Signal:
    return Signal("CardUnhealthy", "True", level, since, "", NPU, (f"Ascend910-{card}",))


def test_a_node_that_says_the_same_again_changes_nothing() -> None:
    world = World()
    for _ in range(2):
        world.node("n1", Signal("GpuMemWatch", "True", since=9_000.0))
    assert world.changed == ["n1"]
    assert world.state() is NodeState.UNHEALTHY
    assert (world.healths.news(), world.healths.news()) == (True, False)


def test_a_settled_node_is_usable_without_anybody_saying_so() -> None:
    world = World()
    world.node("n1", Signal("GpuMemWatch", "False", since=9_990.0))
    assert world.state() is NodeState.AVOIDED
    world.clock.advance(19.0)
    world.healths.settle()
    assert world.state() is NodeState.AVOIDED
    world.clock.advance(1.0)
    world.healths.settle()
    assert world.state() is NodeState.USABLE
    assert world.changed == ["n1", "n1"]


def test_a_flapping_signal_starts_to_settle_anew() -> None:
    world = World()
    world.node("n1", Signal("GpuMemWatch", "False", since=9_990.0))
    world.clock.advance(10.0)
    world.node("n1", Signal("GpuMemWatch", "False", since=10_009.0))
    world.clock.advance(15.0)
    world.healths.settle()
    assert world.state() is NodeState.AVOIDED
    world.clock.advance(15.0)
    world.healths.settle()
    assert world.state() is NodeState.USABLE


def test_a_policy_is_felt_by_nodes_that_are_there_already() -> None:
    world = World()
    world.node("n1", Signal("GpuMemWatch", "True", since=9_000.0))
    world.node("n2", Signal("GpuMemWatch", "True", since=9_000.0))
    world.govern(n1=HealthPolicy(rules=(HealthRule("GpuMemWatch", "True", Action.IGNORE),)))
    assert (world.state("n1"), world.state("n2")) == (NodeState.USABLE, NodeState.UNHEALTHY)
    world.govern()
    assert world.state("n1") is NodeState.UNHEALTHY


def test_the_same_layout_is_not_asked_for_its_policies_again() -> None:
    world, layouts, asked = World(), object(), []
    for _ in range(3):
        world.healths.govern(layouts, lambda: asked.append(1) or {})  # type: ignore[func-returns-value]
    assert asked == [1]


def test_a_named_device_is_out_of_use_until_it_has_settled_after_its_report_went() -> None:
    world = World()
    world.node()
    world.healths.report("n1", "cm", [a_card(4)])
    assert world.columns.amount("n1", NPU) == (7, 0)
    assert world.healths.of("n1", NPU).drained == {"Ascend910-4"}
    world.healths.report("n1", "cm", [])
    assert world.columns.amount("n1", NPU) == (7, 0)
    assert world.healths.of("n1", NPU).drained == frozenset()
    world.clock.advance(30.0)
    world.healths.settle()
    assert world.columns.amount("n1", NPU) == (8, 0)


def test_a_device_that_its_plugin_took_out_as_well_is_counted_once() -> None:
    world = World()
    world.node(devices=7)
    world.healths.report("n1", "cm", [a_card(4)])
    assert world.columns.amount("n1", NPU) == (7, 0)
    world.healths.report("n1", "cm", [a_card(4), a_card(5)])
    assert world.columns.amount("n1", NPU) == (6, 0)


def test_work_has_lost_only_the_devices_it_must_give_up() -> None:
    world = World()
    world.node()
    world.columns.count("pod", "n1", ((NPU, 8),))
    world.healths.report("n1", "cm", [a_card(4, "PreSeparateNPU")])
    assert (world.columns.amount("n1", NPU), world.healths.of("n1", NPU).overcommitted) == ((7, 8), 0)
    world.healths.report("n1", "cm", [a_card(4, "SeparateNPU")])
    assert world.healths.of("n1", NPU).overcommitted == 1


def test_an_entry_without_a_time_began_when_it_was_first_seen() -> None:
    world = World()
    world.node()
    world.healths.report("n1", "cm", [a_card(4)])
    world.clock.advance(5.0)
    world.healths.report("n1", "cm", [a_card(4, "RestartNPU")])
    assert [fault.since for fault in world.healths.faults_of("n1")] == [10_000.0]


def test_a_report_that_comes_before_its_node_waits_for_it() -> None:
    world = World()
    world.healths.report("n1", "cm", [a_card(4)])
    world.node()
    assert world.columns.amount("n1", NPU) == (7, 0)


def test_a_rules_own_grace_goes_before_that_of_the_policy() -> None:
    world = World()
    rule = HealthRule("Hot", "True", Action.DRAIN_NODE, grace=600.0)
    world.govern(n1=HealthPolicy(grace=5.0, rules=(rule,)), n2=HealthPolicy(grace=5.0))
    world.node("n1", Signal("Hot", "True", since=9_000.0))
    world.node("n2")
    assert (world.healths.of("n1", NPU).grace, world.healths.of("n2", NPU).grace) == (600.0, 5.0)
    assert world.healths.of("n1", NPU).unreachable_timeout == 300.0


def test_a_node_that_is_gone_does_not_exist() -> None:
    world = World()
    world.node("n1", Signal("GpuMemWatch", "True", since=9_000.0))
    world.healths.drop("n1")
    assert not world.healths.of("n1", NPU).exists
    assert world.healths.faults_of("n1") == ()


SWITCH = Signal("SwitchUnhealthy", "True", "RestartRequest")


def test_a_standing_request_for_a_restart_is_not_due_again_after_each_start_of_ours() -> None:
    world = World()
    world.node()
    world.healths.report("n1", "cm", [SWITCH], first=True)
    world.healths.report("n1", "cm", [SWITCH, a_card(4, "RestartRequest")])
    (switch, card) = sorted(world.healths.of("n1", NPU).restarting, key=lambda one: one.since)
    assert (switch.signal, switch.since) == ("SwitchUnhealthy", 0.0)
    assert (card.signal, card.since) == ("CardUnhealthy", 10_000.0)


def test_a_request_for_a_restart_that_goes_and_comes_again_is_due_then() -> None:
    world = World()
    world.node()
    world.healths.report("n1", "cm", [SWITCH], first=True)
    world.healths.report("n1", "cm", [])
    world.clock.advance(100.0)
    world.healths.report("n1", "cm", [SWITCH])
    assert [one.since for one in world.healths.of("n1", NPU).restarting] == [10_100.0]


def test_a_device_that_was_broken_before_our_start_has_its_grace_from_then_on() -> None:
    world = World()
    world.node()
    world.healths.report("n1", "cm", [a_card(4)], first=True)
    assert [fault.since for fault in world.healths.faults_of("n1")] == [10_000.0]


def test_a_condition_that_names_no_time_began_when_it_was_first_seen() -> None:
    world = World()
    world.node("n1", Signal("GpuMemWatch", "True"))
    world.clock.advance(5.0)
    world.node("n1", Signal("GpuMemWatch", "True", message="more"))
    assert world.healths.of("n1", NPU).since == 10_000.0


def test_a_well_condition_that_names_no_time_has_settled_long_ago() -> None:
    world = World()
    world.node("n1", Signal("GpuMemWatch", "False"))
    assert world.state() is NodeState.USABLE
    world.node("n1", Signal("GpuMemWatch", "True"))
    world.node("n1", Signal("GpuMemWatch", "False"))
    assert world.state() is NodeState.AVOIDED


def test_a_lost_node_of_which_nobody_says_since_when_is_lost_since_it_was_first_seen_so() -> None:
    world = World()
    bare = NodeRow("n1", {}, (), ((NPU, 8),), ((NPU, 8),))
    lost = replace(bare, state=NodeState.NOT_READY)
    world.healths.put(bare, ())
    world.clock.advance(7.0)
    for _ in range(2):
        world.healths.put(lost, ())
        world.clock.advance(5.0)
    assert world.healths.of("n1", NPU).since == 10_007.0
    assert world.changed == ["n1", "n1"]


def test_of_two_faults_of_one_device_the_worse_counts() -> None:
    world = World()
    world.node()
    for order in ([a_card(4), a_card(4, "SubHealthFault")], [a_card(4, "SubHealthFault"), a_card(4)]):
        world.healths.report("n1", "cm", order)
        assert world.healths.of("n1", NPU).drained == {"Ascend910-4"}


def test_nothing_is_kept_of_nodes_whose_reports_have_gone_and_settled() -> None:
    world = World()
    world.healths.report("never-joined", "cm", [a_card(4)])
    world.healths.report("never-joined", "cm", [])
    world.clock.advance(30.0)
    world.healths.settle()
    assert world.healths._reports == {}
    world.healths.report("n1", "cm", [])
    assert world.healths._reports == {}
