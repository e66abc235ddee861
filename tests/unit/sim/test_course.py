"""Jobs that are stopped on the way, and when they go on."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.budgets import Charged, Tab
from crosstree.core.manners import Manners, Preemption
from crosstree.core.policy import Policy
from crosstree.core.queues import Budget, QueueSpec
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from crosstree.sim.course import Pause
from crosstree.sim.what_if import what_if
from tests.support.builders.core import a_gang, a_pool, a_snapshot
from tests.support.builders.holders import for_seconds, run_on

HOUR = 3600.0


def a_cluster(*, period: float) -> Snapshot:
    """Two leaves of two nodes, and a queue `q` that has used its budget until the period is over."""
    return replace(
        a_snapshot(a_pool(leaves=2, nodes=2)),
        manners=Manners(preemption=Preemption.LOWER_PRIORITY),
        queues=(QueueSpec("default"), QueueSpec("q", budgets=(Budget("*", 100 * HOUR, 0.0, period),))),
        tab=Tab((Charged("q", "*", 100 * HOUR, 0.0, 0.0),)),
    )


def in_line(snapshot: Snapshot, *gangs: Gang) -> Snapshot:
    return replace(snapshot, gangs=(*snapshot.gangs, *gangs))


def test_a_job_that_starts_now_and_is_preempted_later_starts_now_and_is_told_when_it_is_stopped():
    broke = a_gang(4, name="broke", queue="q", priority=50, expected=for_seconds(HOUR))
    low = a_gang(2, name="low", priority=1, expected=for_seconds(10 * HOUR))
    before = in_line(a_cluster(period=2 * HOUR), broke)
    (fate,) = what_if(before, in_line(before, low), Policy(), 0.0, asked=["default/low"]).fates
    assert (fate.start, fate.reason, fate.message) == (0.0, None, "")
    assert fate.later == (Pause(2 * HOUR, 3 * HOUR + 30, 0, "default/broke"),)
    assert not fate.later[0].grows


def test_a_job_that_starts_now_and_grows_later_starts_now_and_is_told_when_it_grows():
    empty = a_cluster(period=24 * HOUR)
    busy = run_on(empty, a_gang(2, name="one", expected=for_seconds(HOUR)), "n000", "n001", ends=HOUR)
    before = in_line(busy, a_gang(4, name="broke", queue="q", expected=for_seconds(HOUR)))
    elastic = a_gang(4, name="elastic", sizes=(4, 2), expected=for_seconds(20 * HOUR))
    (fate,) = what_if(before, in_line(before, elastic), Policy(), 0.0, asked=["default/elastic"]).fates
    assert (fate.start, sum(share.count for share in fate.place.nodes)) == (0.0, 2)
    assert fate.later == (Pause(HOUR, HOUR + 30, 4, ""),)
    assert fate.later[0].grows
