from __future__ import annotations

import math
from dataclasses import replace

from crosstree.core.edits import drained, with_rack_like
from crosstree.core.manners import Manners, Preemption
from crosstree.core.plan import WaitReason
from crosstree.core.policy import Policy
from crosstree.sim.what_if import ahead, what_if
from tests.support.builders.core import a_gang, a_pool, a_snapshot
from tests.support.builders.holders import for_seconds, run_on

HOUR = 3600.0


def full(*, ends: float = HOUR):
    """Two leaves of two nodes: one job on each leaf, the second for twice as long."""
    empty = a_snapshot(a_pool(leaves=2, nodes=2))
    one = run_on(empty, a_gang(2, name="one", expected=for_seconds(ends)), "n000", "n001", ends=ends)
    return run_on(
        one, a_gang(2, name="two", expected=for_seconds(2 * ends, 0.5)), "n002", "n003", ends=2 * ends
    )


def asked(snapshot, *gangs):
    return replace(snapshot, gangs=(*snapshot.gangs, *gangs))


def test_a_job_that_fits_starts_now_and_says_where():
    empty = a_snapshot()
    answer = what_if(empty, asked(empty, a_gang(2)), Policy(), 100.0, asked=["default/train"])
    (fate,) = answer.fates
    assert (fate.start, fate.confidence, fate.reason, fate.message) == (100.0, 1.0, None, "")
    assert [share.name for share in fate.place.nodes] == ["n000", "n001"]
    assert answer.yes
    assert answer.shifts == ()


def test_a_job_that_has_to_wait_starts_when_enough_of_the_others_have_ended():
    before = full()
    answer = what_if(before, asked(before, a_gang(4)), Policy(), 0.0, asked=["default/train"])
    (fate,) = answer.fates
    assert fate.start == 2 * HOUR
    assert fate.confidence == 0.5
    assert fate.reason is WaitReason.NOT_ENOUGH_FREE
    assert fate.message


def test_a_job_that_does_not_start_within_the_horizon_is_a_no_with_the_reason():
    before = full()
    answer = what_if(before, asked(before, a_gang(4)), Policy(), 0.0, asked=["default/train"], horizon=HOUR)
    assert not answer.yes
    assert answer.fates[0].start is None
    assert answer.fates[0].reason is WaitReason.NOT_ENOUGH_FREE


def test_a_job_that_can_never_run_is_a_no_and_says_what_would_do():
    before = a_snapshot(a_pool(leaves=1, nodes=2))
    (fate,) = what_if(before, asked(before, a_gang(3)), Policy(), 0.0, asked=["default/train"]).fates
    assert fate.start is None
    assert fate.reason is WaitReason.SHAPE_IMPOSSIBLE
    assert [way.change for way in fate.ways] == ["with workers: 2"]


def test_who_is_delayed_and_by_how_much_is_told():
    waiting = a_gang(2, name="later", created=5.0, expected=for_seconds(HOUR))
    before = replace(asked(full(), waiting), manners=Manners(preemption=Preemption.NEVER))
    first = a_gang(2, name="urgent", priority=9, expected=for_seconds(HOUR))
    answer = what_if(before, asked(before, first), Policy(), 10.0, asked=["default/urgent"])
    assert answer.fates[0].start == HOUR
    (shift,) = answer.shifts
    assert (shift.job, shift.before, shift.after, shift.seconds) == ("default/later", HOUR, 2 * HOUR, HOUR)


def test_who_has_to_make_room_for_it_and_what_that_costs_is_told():
    before = full()
    first = a_gang(2, name="urgent", priority=9, expected=for_seconds(HOUR))
    answer = what_if(before, asked(before, first), Policy(), 1200.0, asked=["default/urgent"])
    (fate,) = answer.fates
    assert fate.reason is WaitReason.WAITING_FOR_PREEMPTION
    assert fate.start == 1200.0 + 30.0
    (victim,) = fate.victims
    assert (victim.key, victim.lost) == ("default/one", 1200.0 * 16)
    assert answer.stopped == ("default/one",)
    assert [(shift.job, shift.before) for shift in answer.shifts] == [("default/one", 1200.0)]


def test_more_racks_let_a_job_start_now_and_others_earlier():
    before = asked(full(), a_gang(2, name="waits"))
    answer = what_if(before, with_rack_like(before, "s0l0"), Policy(), 0.0)
    (shift,) = answer.shifts
    assert (shift.job, shift.seconds) == ("default/waits", -HOUR)


def test_a_drain_says_who_is_stopped_and_when_it_goes_on():
    before = full()
    answer = what_if(before, drained(before, ["n000"]), Policy(), 0.0)
    assert answer.stopped == ("default/one",)
    (shift,) = answer.shifts
    assert (shift.job, shift.before, shift.after) == ("default/one", 0.0, 2 * HOUR)


def test_two_who_are_drained_from_and_fit_only_one_at_a_time_go_on_one_after_the_other():
    before = full()
    answer = what_if(before, drained(before, ["n000", "n002"]), Policy(), 0.0)
    assert set(answer.stopped) == {"default/one", "default/two"}
    assert sorted(shift.after for shift in answer.shifts) == [0.0, HOUR]


def test_time_never_runs_past_the_horizon_and_an_empty_line_needs_none():
    assert ahead(a_snapshot(), Policy(), 7.0).until == 7.0
    course = ahead(asked(full(), a_gang(99)), Policy(), 0.0, 10 * HOUR)
    assert course.until <= 10 * HOUR
    assert course.starts == {}


def test_a_job_of_unknown_end_is_taken_to_run_for_a_day_and_nobody_relies_on_it():
    busy = run_on(a_snapshot(a_pool(leaves=1, nodes=1)), a_gang(1, name="endless"), "n000", ends=math.inf)
    course = ahead(asked(busy, a_gang(1)), Policy(), 60.0)
    assert course.starts["default/train"].at == 86_400.0
    assert course.starts["default/train"].confidence == 0.0


def test_the_same_question_gets_the_same_answer():
    short = [a_gang(2, name=f"j{n}", created=float(n), expected=for_seconds(60.0 * n)) for n in range(1, 9)]
    before = asked(full(), *short)
    answers = [what_if(before, with_rack_like(before, "s0l1"), Policy(), 9.0) for _ in range(2)]
    assert answers[0].shifts == answers[1].shifts
    assert len(answers[0].shifts) > 2
