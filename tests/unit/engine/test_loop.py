"""When a step looks at a cluster, and what one broken cluster does to the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosstree.base.clock import VirtualClock
from crosstree.core.plan import Place, Plan, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.snapshot import Snapshot
from crosstree.engine.loop import SchedulingLoop

NOTHING = np.zeros((0, 0), np.int64)
NO_STATE = np.zeros(0, np.int8)


def a_snapshot(cluster: str = "east", generation: int = 1) -> Snapshot:
    return Snapshot(cluster, generation, (), (), NOTHING, NOTHING, NO_STATE, NO_STATE, ())


class Port:
    """A cluster of a few snapshots, which remembers the plans; those of `refused` it can't take over."""

    def __init__(self, *snapshots: Snapshot, refused: str = "") -> None:
        self.snapshots: Sequence[Snapshot] = snapshots
        self.refused = refused
        self.applied: list[Plan] = []

    def view(self) -> Sequence[Snapshot]:
        return self.snapshots

    def apply(self, plan: Plan) -> None:
        if plan.cluster == self.refused:
            raise KeyError(plan.cluster)
        self.applied.append(plan)


def empty_plan(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    return Plan(snapshot.cluster, snapshot.generation)


def a_loop(port: Port, cycle=empty_plan) -> SchedulingLoop:
    return SchedulingLoop(port, Policy(), VirtualClock(100.0), cycle=cycle)


def test_an_unchanged_cluster_is_looked_at_once():
    port = Port(a_snapshot())
    loop = a_loop(port)
    loop.step()
    assert loop.step().plans == ()
    assert len(port.applied) == 1


def test_only_the_changed_cluster_is_looked_at_again():
    port = Port(a_snapshot("east"), a_snapshot("west"))
    loop = a_loop(port)
    loop.step()
    port.snapshots = (a_snapshot("east"), a_snapshot("west", generation=2))
    assert [plan.cluster for plan in loop.step().plans] == ["west"]


def test_a_cluster_made_again_starts_anew():
    port = Port(a_snapshot())
    loop = a_loop(port)
    loop.step()
    port.snapshots = ()
    loop.step()
    port.snapshots = (a_snapshot(),)
    assert len(loop.step().plans) == 1


def test_a_broken_cluster_does_not_hold_up_the_others():
    def cycle(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
        if snapshot.cluster == "east":
            raise ZeroDivisionError
        return empty_plan(snapshot, policy, now)

    port = Port(a_snapshot("east"), a_snapshot("west"))
    report = a_loop(port, cycle).step()
    assert [failure.cluster for failure in report.failures] == ["east"]
    assert [plan.cluster for plan in port.applied] == ["west"]


def test_a_broken_cluster_is_tried_again_when_it_changes():
    tries = []

    def cycle(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
        tries.append(snapshot.generation)
        raise ZeroDivisionError

    port = Port(a_snapshot())
    loop = a_loop(port, cycle)
    loop.step()
    loop.step()
    port.snapshots = (a_snapshot(generation=2),)
    loop.step()
    assert tries == [1, 2]


def test_a_plan_that_cannot_be_taken_over_does_not_hold_up_the_others():
    port = Port(a_snapshot("east"), a_snapshot("west"), refused="east")
    report = a_loop(port).step()
    assert [failure.cluster for failure in report.failures] == ["east"]
    assert [plan.cluster for plan in report.plans] == ["west"] == [plan.cluster for plan in port.applied]


def test_a_plan_that_could_not_be_taken_over_is_made_again_when_the_cluster_changes():
    port = Port(a_snapshot(), refused="east")
    loop = a_loop(port)
    loop.step()
    port.refused, port.snapshots = "", (a_snapshot(generation=2),)
    assert [plan.generation for plan in loop.step().plans] == [2]


def test_a_report_counts_decisions():
    def cycle(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
        decisions = (
            Place("ns/a", "1", "pool", "model", "resource", (), ()),
            Wait("ns/b", "2", WaitReason.NOT_ENOUGH_FREE, "full"),
            Wait("ns/c", "3", WaitReason.NOT_ENOUGH_FREE, "full"),
        )
        return Plan(snapshot.cluster, snapshot.generation, decisions)

    report = a_loop(Port(a_snapshot()), cycle).step()
    assert (report.number, report.placed, report.waiting) == (1, 1, 2)


def test_the_cycle_gets_the_time_of_the_given_clock():
    seen = []

    def cycle(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
        seen.append(now)
        return empty_plan(snapshot, policy, now)

    a_loop(Port(a_snapshot()), cycle).step()
    assert seen == [100.0]
