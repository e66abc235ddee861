"""What is declared of a duration is corrected by how earlier declarations turned out, where they agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.core.calendar import Booking
from crosstree.core.cluster import Queue
from crosstree.core.cycle import run_cycle
from crosstree.core.durations import RECENT, Lesson, Run, learn, percent_of, runs
from crosstree.core.expect import DECLARED_CONFIDENCE, at_size, expected, left
from crosstree.core.job import Job, Placement, Progress
from crosstree.core.plan import NodeShare
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, RunBound
from crosstree.core.runbound import bounded, expected_in
from crosstree.core.ways import alone, ways_out
from crosstree.core.workload import Expectation, Source
from crosstree.status.queue import Standing, build
from crosstree.translate.stored import lessons
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.jobs import a_job

HOUR = 3600.0
FOUR_HOURS = Expectation(4 * HOUR, Source.DECLARED, DECLARED_CONFIDENCE)


def ran(*percents: int, pattern: str = "bert-#", size: int = 16) -> tuple[Lesson, ...]:
    """What jobs taught that ran these percents of what they had declared, in this order."""
    return learn((), [Run(float(at), pattern, size, 100, percent) for at, percent in enumerate(percents)])


def for_bert(taught: tuple[Lesson, ...]) -> Expectation:
    return expected(FOUR_HOURS, "bert-9", 16, taught)


def test_jobs_that_end_after_half_of_what_they_declare_are_expected_to_do_so_again() -> None:
    found = for_bert(ran(50, 50, 50))
    assert (found.seconds, found.percent_of_declared) == (2 * HOUR, 50)
    assert found.source is Source.DECLARED
    assert found.confidence == DECLARED_CONFIDENCE


def test_jobs_that_run_twice_what_they_declare_are_expected_to_do_so_again() -> None:
    assert for_bert(ran(200, 198, 203)).seconds == 8 * HOUR


def test_two_declarations_correct_nothing() -> None:
    assert for_bert(ran(50, 50)) is FOUR_HOURS


def test_declarations_that_were_off_each_in_its_own_way_say_nothing_of_the_next() -> None:
    assert for_bert(ran(3, 20, 100, 60, 7, 95, 30)) is FOUR_HOURS


def test_one_that_ended_far_from_the_others_changes_little() -> None:
    assert for_bert(ran(50, 49, 51, 900, 50, 50, 50)).seconds == 2 * HOUR


def test_of_declarations_that_differ_a_little_two_of_three_jobs_are_done_by_what_is_expected() -> None:
    assert for_bert(ran(40, 42, 44, 46, 50, 55, 56, 58, 60)).percent_of_declared == 55


@pytest.mark.parametrize("percents", [(100, 100, 100), (98, 99, 101), (102, 98, 100, 101)])
def test_who_declares_what_happens_is_taken_at_his_word(percents: tuple[int, ...]) -> None:
    assert for_bert(ran(*percents)) is FOUR_HOURS


def test_a_new_habit_of_declaring_ends_a_correction_within_three_jobs() -> None:
    before = ran(*(50,) * RECENT)
    later = learn(before, [Run(100.0 + at, "bert-#", 16, 100, 100) for at in range(3)])
    assert for_bert(later) is FOUR_HOURS


def test_the_nearest_kin_decides_even_if_it_says_nothing() -> None:
    others = tuple(one for name in "abc" for one in ran(50, 50, 50, pattern=name))
    assert for_bert(others).seconds == 2 * HOUR
    assert for_bert((*others, *ran(200, 200, 200))).seconds == 8 * HOUR
    assert for_bert((*others, *ran(5, 50, 500))) is FOUR_HOURS


def test_a_size_that_was_not_there_yet_is_corrected_by_the_whole_queue() -> None:
    sizes = zip("abc", (1, 2, 4), strict=True)
    queue = tuple(one for name, size in sizes for one in ran(200, 200, pattern=name, size=size))
    assert for_bert(queue).seconds == 8 * HOUR


def test_a_size_of_its_own_that_was_not_there_yet_is_corrected_by_its_name() -> None:
    assert for_bert(ran(50, 50, 50, size=4)).seconds == 2 * HOUR
    assert for_bert((*ran(50, 50, 50, size=4), *ran(200, 200, 200))).seconds == 8 * HOUR


def test_a_sweep_of_one_name_over_many_sizes_corrects_no_other_name() -> None:
    sweep = tuple(one for size in (1, 2, 4, 8) for one in ran(1000, 1000, pattern="mine-#", size=size))
    assert for_bert(sweep) is FOUR_HOURS


def test_the_habit_of_one_other_kind_of_job_corrects_nobody_else() -> None:
    assert for_bert(ran(*(50,) * RECENT, pattern="sweep-#")) is FOUR_HOURS


def test_who_declares_nothing_carries_what_would_be_taken_of_a_declaration() -> None:
    assert expected(None, "bert-9", 16, ran(200, 200, 200)).percent_of_declared == 200
    assert expected(None, "bert-9", 16, ran(5, 50, 500)).percent_of_declared == 100
    unsure = replace(expected(None, "bert-9", 16, ran(200, 200, 200)), confidence=0.0)
    assert bounded(unsure, RunBound("q", HOUR)).percent_of_declared == 200


def test_a_declaration_offered_to_who_made_none_helps_after_it_was_corrected() -> None:
    now, taught = 1e6, ran(200, 200, 200)
    booking = Booking("b", H100, 64, start=now + HOUR, duration=HOUR)
    view = replace(a_snapshot(a_pool(leaves=2, nodes=4)), queues=(QueueSpec("q", calendar=(booking,)),))
    gang = replace(
        a_gang(1, name="bert-9"), expected=replace(expected(None, "bert-9", 16, taught), seconds=9 * HOUR)
    )
    assert alone(view, gang, Policy(), now) is None
    assert [way.change for way in ways_out(view, gang, Policy(), now)] == ["with spec.expectedDuration: 30m"]
    declares = expected(replace(FOUR_HOURS, seconds=HOUR / 2), "bert-9", 16, taught)
    assert alone(view, replace(gang, expected=declares), Policy(), now) is not None
    (wait,) = run_cycle(replace(view, gangs=(gang,)), Policy(), now).decisions
    assert "declare spec.expectedDuration, of which jobs like it run 200 %." in wait.message


def test_who_declares_nothing_teaches_nothing_of_declarations() -> None:
    taught = ran(50, 0, 50, 0, 0)
    assert taught[0].percent_of_declared == (50, 50)
    assert len(taught[0].recent) == 5


@given(st.lists(st.integers(1, 10**6), max_size=RECENT), st.floats(60, 1e7))
def test_a_correction_stays_within_ten_times_of_what_is_declared(percents: list[int], seconds: float) -> None:
    found = expected(replace(FOUR_HOURS, seconds=seconds), "bert-1", 16, ran(*percents))
    assert seconds / 10.001 <= found.seconds <= seconds * 10.001


@given(st.floats(0.1, 10), st.floats(60, 1e6), st.integers(3, RECENT))
def test_whatever_factor_all_are_off_by_is_taken_out_again(factor: float, truth: float, count: int) -> None:
    percents = (percent_of(truth * factor, truth),) * count
    found = expected(replace(FOUR_HOURS, seconds=truth * factor), "bert-1", 16, ran(*percents))
    assert abs(found.seconds - truth) <= 0.031 * truth * factor


@given(st.permutations([40, 45, 50, 55, 55, 60]))
def test_the_order_in_which_they_ended_does_not_matter(percents: list[int]) -> None:
    assert for_bert(ran(*percents)).percent_of_declared == 55


def test_the_bound_of_a_queue_caps_what_was_corrected() -> None:
    found = bounded(for_bert(ran(200, 200, 200)), RunBound("q", 6 * HOUR))
    assert (found.seconds, found.at_most, found.percent_of_declared) == (6 * HOUR, 6 * HOUR, 200)


def test_work_that_is_safe_is_taken_off_what_was_corrected() -> None:
    found = left(for_bert(ran(50, 50, 50)), HOUR)
    assert (found.seconds, found.declared) == (HOUR, 3 * HOUR)


def test_who_has_done_all_that_its_like_needed_is_taken_at_its_word() -> None:
    assert left(for_bert(ran(50, 50, 50)), 3 * HOUR) == replace(FOUR_HOURS, seconds=HOUR)
    assert left(for_bert(ran(50, 50, 50)), 9 * HOUR) == left(FOUR_HOURS, 9 * HOUR)
    assert left(for_bert(ran(200, 200, 200)), 8 * HOUR).seconds == 0.8 * HOUR


def test_a_smaller_size_and_a_bound_hold_for_what_is_declared_as_for_what_is_expected() -> None:
    halved = at_size(for_bert(ran(50, 50, 50)), 4, 2)
    assert halved is not None
    assert (halved.seconds, halved.declared) == (4 * HOUR, 8 * HOUR)
    found = bounded(halved, RunBound("q", 6 * HOUR))
    assert (found.seconds, found.declared) == (4 * HOUR, 6 * HOUR)


def that_declares(known: Expectation | None) -> Job:
    job = a_job(2, devices=8)
    return replace(job, name="bert-17", gang=replace(job.gang, expected=known))


def finished(seconds: float, declared: float | None, *, workers: int = 2, attempt: int = 1) -> Job:
    """A job of two workers of which so many ran, and that succeeded."""
    known = None if declared is None else replace(FOUR_HOURS, seconds=declared)
    job = that_declares(known)
    conditions = ({"type": "Finished", "status": "True", "reason": "Succeeded"},)
    return replace(
        job,
        progress=Progress(
            attempt=attempt,
            placement=Placement("p", "m", "r", (NodeShare("n", 0, workers),)),
            started_at=100.0,
            finished_at=100.0 + seconds,
            conditions=conditions,
        ),
    )


def test_a_job_that_ended_well_is_held_against_what_it_declared() -> None:
    assert [one.percent_of_declared for one in runs([finished(600, 1200.0), finished(600, None)])] == [50, 0]
    assert runs([finished(600, 1200.0, attempt=2)]) == []


def test_an_elastic_job_that_ran_at_half_its_size_declared_right_if_it_took_twice_as_long() -> None:
    assert runs([finished(1200, 600.0, workers=1)])[0].percent_of_declared == 100


def test_a_run_is_never_held_for_none_of_what_was_declared() -> None:
    assert percent_of(86_400.0, 1.0) == 1
    assert percent_of(0.0, 1.0) == 0


def test_what_was_learned_of_declarations_survives_in_the_status_of_the_queue() -> None:
    learned = learn((), [Run(1_700_000_000.0 + at, "bert-#", 16, 100, 50 + at) for at in range(12)])
    queue = Queue("team", "u", 1, "1", 0.0)
    status = build(queue, Standing(), learned, cluster_exists=True, now=1_700_000_100.0)
    assert status["durations"][0]["percentOfDeclared"] == [*range(53, 62)]
    assert lessons(status) == learned


def test_a_status_from_before_declarations_were_learned_of_is_read() -> None:
    queue = Queue("team", "u", 1, "1", 0.0)
    status = build(queue, Standing(), ran(0, 0), cluster_exists=True, now=10.0)
    assert "percentOfDeclared" not in status["durations"][0]
    assert lessons(status) == ran(0, 0)


@pytest.mark.parametrize("edited", ["half", [50, "x"], [0, 50], [-5], [0.5], {"a": 1}])
def test_percents_that_make_no_sense_count_as_not_there_and_durations_stay(edited: object) -> None:
    queue = Queue("team", "u", 1, "1", 0.0)
    status = build(queue, Standing(), ran(50, 50, 50), cluster_exists=True, now=10.0)
    status["durations"][0]["percentOfDeclared"] = edited
    assert lessons(status) == ran(0, 0, 0)


def test_a_job_is_corrected_by_what_its_own_queue_has_learned() -> None:
    job = replace(that_declares(FOUR_HOURS), queue="team")
    queues = {
        name: Queue(name, "u", 1, "1", 0.0, lessons=taught)
        for name, taught in (("team", ran(50, 50, 50)), ("other", ran(200, 200, 200)))
    }
    assert expected_in(queues, job).seconds == 2 * HOUR
    assert expected_in({}, job) == FOUR_HOURS
