"""Elastic gangs that run: who grows into what is idle, when, and how far."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Manners
from crosstree.core.plan import Place, Plan, Resize
from crosstree.core.policy import Policy
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.snapshot import NodeState, Snapshot, SpareRule
from crosstree.core.workload import Gang
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot

NOW = 1_000_000.0
HOUR = 3600.0


def elastic(*sizes: int, **changes) -> Gang:
    return a_gang(max(sizes), sizes=tuple(sorted(sizes, reverse=True)), **changes)


def runs(gang: Gang, *nodes: int, **changes) -> Running:
    """A gang with one worker on each of these nodes; it began an hour ago, has ten to go, and has just saved."""
    found = Running(
        gang=gang,
        pool="pool-h100",
        model=H100,
        rows=np.array(nodes, np.int32),
        counts=np.ones(len(nodes), np.int64),
        began=NOW - HOUR,
        ends=NOW + 10 * HOUR,
        saved=NOW - 60,
    )
    return replace(found, **changes)


def world(*running: Running, gangs=(), used=(), **changes) -> Snapshot:
    """Eight nodes in two leaves; those of the running gangs, and some others, are full."""
    full = {f"n{int(row):03d}": 8 for one in running for row in one.rows}
    full |= {f"n{node:03d}": 8 for node in used}
    states = changes.pop("states", None)
    snapshot = a_snapshot(a_pool(), gangs=gangs, used=full, states=states)
    return replace(snapshot, running=running, **changes)


def plan(snapshot: Snapshot, now: float = NOW) -> Plan:
    return run_cycle(snapshot, Policy(), now)


def grown(snapshot: Snapshot, now: float = NOW) -> dict[str, int]:
    decisions = plan(snapshot, now).decisions
    return {one.key.partition("/")[2]: one.workers for one in decisions if isinstance(one, Resize)}


def test_a_gang_grows_as_far_as_there_is_room() -> None:
    assert grown(world(runs(elastic(8, 6, 4, 2), 0, 1))) == {"train": 8}
    assert grown(world(runs(elastic(8, 6, 4, 2), 0, 1), used=(7,))) == {"train": 6}
    assert grown(world(runs(elastic(8, 6, 4, 2), 0, 1), used=(3, 4, 5, 6, 7))) == {}


def test_it_says_to_whom_the_accelerators_are_of_no_use() -> None:
    (decision,) = plan(world(runs(elastic(4, 2), 0, 1))).decisions
    assert isinstance(decision, Resize)
    assert decision.beneficiary == ""
    assert decision.message == ("It grows from 2 to 4 workers, into accelerators that nobody waits for.")


def test_a_gang_at_its_largest_size_and_one_of_a_fixed_size_stay() -> None:
    assert grown(world(runs(elastic(2, 1), 0, 1), runs(a_gang(1, name="b"), 2))) == {}


def test_nobody_grows_into_what_somebody_waits_for() -> None:
    waiting = a_gang(7, name="waits")
    assert grown(world(runs(elastic(8, 6, 4, 2), 0, 1), gangs=[waiting])) == {}


def test_who_waits_for_another_model_or_for_a_quota_alone_is_not_in_the_way() -> None:
    other = a_gang(7, name="other", models=["amd-mi300x"])
    assert grown(world(runs(elastic(8, 4, 2), 0, 1), gangs=[other])) == {"train": 8}
    limited = a_gang(7, name="limited", queue="small")
    queue = QueueSpec("small", quotas=(Quota(H100, limit=8),))
    assert grown(world(runs(elastic(8, 4, 2), 0, 1), gangs=[limited], queues=(queue,))) == {"train": 8}


@pytest.mark.parametrize(("asks", "grows"), [(2, False), (5, True)])
def test_nobody_grows_whom_a_limit_would_let_another_pass_meanwhile(asks: int, grows: bool) -> None:
    """While it starts again, the limit of 32 has room for one of two workers, and none for one of five."""
    queue = QueueSpec("default", quotas=(Quota(ANY_MODEL, limit=32),))
    waiting = a_gang(asks, name="waits", queue="default", required="leaf")
    snapshot = world(runs(elastic(4, 3, 2, 1), 0, 1, 2), gangs=[waiting], queues=(queue,))
    assert grown(snapshot) == ({"train": 4} if grows else {})


def test_nobody_grows_past_who_waits_for_the_limit_of_a_queue_above_both() -> None:
    tree = (
        QueueSpec("top", quotas=(Quota(ANY_MODEL, limit=32),)),
        QueueSpec("mine", "top"),
        QueueSpec("theirs", "top"),
        QueueSpec("elsewhere", quotas=(Quota(ANY_MODEL, limit=8),)),
    )
    running = runs(elastic(4, 3, 2, 1, queue="mine"), 0, 1, 2)
    for queue, grows in (("theirs", False), ("elsewhere", True)):
        waiting = a_gang(2, name="waits", queue=queue)
        assert grown(world(running, gangs=[waiting], queues=tree)) == ({"train": 4} if grows else {})


def test_a_gang_grows_beside_what_starts_in_the_same_cycle() -> None:
    snapshot = world(runs(elastic(8, 6, 4, 2), 0, 1), gangs=[a_gang(2, name="starts")])
    assert any(isinstance(one, Place) for one in plan(snapshot).decisions)
    assert grown(snapshot) == {"train": 6}


def test_a_quota_bounds_growth() -> None:
    queue = QueueSpec("default", quotas=(Quota(H100, limit=40),))
    assert grown(world(runs(elastic(8, 6, 4, 2), 0, 1), queues=(queue,))) == {"train": 4}


def test_spares_and_sick_nodes_are_not_grown_into() -> None:
    assert grown(world(runs(elastic(8, 6, 4, 2), 0, 1), spares=SpareRule(1, "leaf"))) == {"train": 6}
    sick = {"n006": NodeState.UNHEALTHY, "n007": NodeState.CORDONED}
    assert grown(world(runs(elastic(8, 6, 4, 2), 0, 1), states=sick)) == {"train": 6}


def test_a_gang_runs_for_a_while_before_it_grows_and_says_until_when() -> None:
    young = runs(elastic(8, 2), 0, 1, began=NOW - 100)
    assert grown(world(young)) == {}
    assert plan(world(young)).due == NOW + 500
    assert grown(world(young), NOW + 500) == {"train": 8}
    assert grown(world(young, manners=Manners(min_runtime=60))) == {"train": 8}


@pytest.mark.parametrize(
    ("change", "grows"),
    [
        ({}, True),
        ({"ends": NOW + 120}, False),  # about to end
        ({"ends": NOW - 60}, False),  # overdue
        ({"saved": NOW - HOUR, "ends": NOW + HOUR}, False),  # a restart would lose an hour of eight
        ({"saved": NOW - HOUR, "ends": NOW + 10 * HOUR}, True),
        ({"ends": math.inf}, True),
        ({"ends": math.inf, "saved": NOW - HOUR}, False),
        ({"restart_cost": 6 * HOUR}, False),
        ({"leaving": True}, False),
    ],
)
def test_a_gang_grows_where_the_time_left_is_worth_a_restart(change: dict, grows: bool) -> None:
    assert grown(world(replace(runs(elastic(8, 4), 0, 1, 2, 3), **change))) == ({"train": 8} if grows else {})


def test_the_older_of_two_equals_grows_first_and_the_other_gets_what_is_left() -> None:
    older = runs(elastic(4, 1, name="b", created=1.0), 0)
    younger = runs(elastic(6, 4, 2, name="a", created=2.0), 1, 2)
    assert grown(world(older, younger)) == {"b": 4, "a": 4}


def test_the_queue_with_the_smaller_share_grows_first() -> None:
    rich = runs(elastic(8, 4, name="rich", created=1.0, queue="a"), 0, 1, 2, 3)
    poor = runs(elastic(4, 1, name="poor", created=2.0, queue="b"), 4)
    queues = (QueueSpec("a"), QueueSpec("b"))
    assert grown(world(poor, rich, queues=queues)) == {"poor": 4}


def test_nobody_grows_while_somebody_is_leaving() -> None:
    train, other = runs(elastic(8, 4, 2), 0, 1), runs(a_gang(2, name="other"), 6, 7, leaving=True)
    assert grown(world(train, other)) == {}
    assert grown(world(train)) == {"train": 8}


def test_a_required_level_bounds_growth() -> None:
    assert grown(world(runs(elastic(8, 4, 2, required="leaf"), 0, 1))) == {"train": 4}
    assert grown(world(runs(elastic(8, 4, 2, required="leaf"), 0, 1), used=(3, 7))) == {}


def test_a_gang_whose_domain_is_too_small_grows_into_another() -> None:
    assert grown(world(runs(elastic(8, 4, 2, required="leaf"), 0, 1), used=(3,))) == {"train": 4}


def test_a_gang_told_to_grow_is_told_the_same_until_it_has() -> None:
    snapshot = world(runs(elastic(8, 4), 0, 1, 2, 3))
    assert plan(snapshot) == plan(snapshot)
    assert grown(snapshot, NOW + 30) == {"train": 8}
