"""Jobs that are stopped on the way, and when they go on."""

from __future__ import annotations

import math
from dataclasses import replace

from crosstree.core.budgets import Charged, Tab
from crosstree.core.edits import with_rack_like
from crosstree.core.manners import Manners, Preemption
from crosstree.core.policy import Policy
from crosstree.core.queues import Budget, QueueSpec
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from crosstree.sim.compare import Difference, Idle, Turn, compared, idle_times
from crosstree.sim.continuation import Stopped
from crosstree.sim.course import Course, Pause
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


def one_leaf(*gangs: Gang, began: float = -2 * HOUR) -> Snapshot:
    """One leaf of two nodes, both with `low`, which is worth nothing to anybody else."""
    empty = replace(
        a_snapshot(a_pool(leaves=1, nodes=2)), manners=Manners(preemption=Preemption.LOWER_PRIORITY)
    )
    low = a_gang(2, name="low", priority=1, expected=for_seconds(9 * HOUR))
    return in_line(run_on(empty, low, "n000", "n001", began=began, ends=9 * HOUR), *gangs)


HIGH = a_gang(2, name="high", priority=50, expected=for_seconds(2 * HOUR))


def test_a_running_job_that_the_change_spares_is_told_and_runs_on_from_when_it_would_have_been_stopped():
    before = one_leaf(HIGH)
    answer = what_if(before, with_rack_like(before, "s0l0"), Policy(), 0.0)
    assert (answer.stopped, answer.spared) == ((), ("default/low",))
    told = {shift.job: (shift.before, shift.after) for shift in answer.shifts}
    assert told == {"default/low": (2 * HOUR + 30, 0.0), "default/high": (30.0, 0.0)}


def test_a_running_job_that_is_stopped_in_both_lives_and_goes_on_later_is_told_as_delayed():
    before = one_leaf(HIGH)
    highest = a_gang(2, name="highest", priority=60, expected=for_seconds(5 * HOUR))
    answer = what_if(before, in_line(before, highest), Policy(), 0.0, asked=["default/highest"])
    assert (answer.stopped, answer.spared) == ((), ())
    delays = {shift.job: (shift.before, shift.seconds) for shift in answer.shifts}
    assert delays == {"default/low": (2 * HOUR + 30, 5 * HOUR), "default/high": (30.0, 5 * HOUR)}


def test_a_waiting_job_that_starts_as_before_and_is_then_stopped_for_the_one_asked_about_is_told_as_stopped():
    low = a_gang(2, name="low", priority=1, expected=for_seconds(10 * HOUR))
    before = in_line(a_cluster(period=2 * HOUR), low)
    broke = a_gang(4, name="broke", queue="q", priority=50, expected=for_seconds(HOUR))
    answer = what_if(before, in_line(before, broke), Policy(), 0.0, asked=["default/broke"])
    assert answer.stopped == ("default/low",)
    (shift,) = answer.shifts
    assert (shift.before, shift.after) == (2 * HOUR, 3 * HOUR + 30)


def test_a_job_that_is_moved_now_instead_of_stopped_later_is_stopped_by_the_change_and_not_started_earlier():
    (one,) = compared({"j": [Idle(3.0, 5.0)]}, {"j": [Idle(0.0, 1.0)]}, ["j"])
    assert one == Difference("j", Turn.STOPPED, 0.0, 1.0)


def test_a_second_stop_that_only_the_change_brings_is_told():
    (one,) = compared({"j": [Idle(0.0, 1.0)]}, {"j": [Idle(0.0, 1.0), Idle(2.0, math.inf)]}, ["j"])
    assert one == Difference("j", Turn.STOPPED, 2.0, None)


def test_a_job_that_is_stopped_and_goes_on_alike_in_both_lives_is_not_told():
    assert compared({"j": [Idle(0.0, 1.0)]}, {"j": [Idle(0.0, 1.0)]}, ["j", "k"]) == ()


def test_a_running_job_that_a_new_rack_lets_grow_is_told_as_grown_and_not_as_stopped():
    whole = a_gang(4, name="elastic", sizes=(4, 2), expected=for_seconds(20 * HOUR))
    running = run_on(a_cluster(period=24 * HOUR), replace(whole, workers=2), "n000", "n001", ends=20 * HOUR)
    (small,) = running.running
    two = run_on(
        replace(running, running=(replace(small, gang=whole),)),
        a_gang(2, name="other", expected=for_seconds(20 * HOUR)),
        "n002",
        "n003",
        ends=20 * HOUR,
    )
    before = in_line(two, a_gang(4, name="broke", queue="q", expected=for_seconds(HOUR)))
    answer = what_if(before, with_rack_like(before, "s0l0"), Policy(), HOUR, horizon=10 * HOUR)
    assert (answer.grown, answer.stopped) == (("default/elastic",), ())


def test_a_job_that_grows_has_not_been_stopped():
    stops = (Stopped(1.0, "j", "", 8, 0.0), Stopped(5.0, "j", "", 12, 0.0))
    course = Course({}, {}, stops, {}, {}, 9.0)
    assert idle_times(course, set(), 0.0) == {"j": []}
