"""How long a job is expected to run, from what is declared and what was learned."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.core.checkpoint import Checkpoint
from crosstree.core.cluster import Queue
from crosstree.core.durations import MOST, RECENT, Lesson, Run, learn, pattern_of, runs, size_class
from crosstree.core.expect import ASSUMED, at_size, confidence, ends, expected, left, trusted, work_done
from crosstree.core.job import Job, Progress, Restart
from crosstree.core.workload import Expectation, Source
from crosstree.status.queue import Standing, build
from crosstree.translate.stored import lessons
from tests.support.builders.jobs import a_job

SIX_HOURS = Expectation(21_600.0, Source.DECLARED, 0.9)


def a_run(seconds: int, at: float, pattern: str = "bert-#", size: int = 16) -> Run:
    return Run(at, pattern, size, seconds)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("bert-17", "bert-#"),
        ("bert-18", "bert-#"),
        ("llama70b-sft-3", "llama#b-sft-#"),
        ("sweep-9f8e7d6c-4", "sweep-#"),
        ("nightly-kx2vz", "nightly-#"),
        ("train", "train"),
        ("train-alpha", "train-alpha"),
    ],
)
def test_numbers_and_hashes_do_not_tell_jobs_of_a_kind_apart(name: str, pattern: str) -> None:
    assert pattern_of(name) == pattern


def test_sizes_are_told_apart_by_powers_of_two() -> None:
    assert [size_class(devices) for devices in (0, 1, 2, 3, 8, 9, 128)] == [0, 1, 2, 4, 8, 16, 128]


def test_what_is_declared_goes_before_what_was_learned() -> None:
    taught = learn((), [a_run(100, at) for at in range(9)])
    assert expected(SIX_HOURS, "bert-1", 16, taught) is SIX_HOURS


def test_the_nearest_kin_is_asked_first_and_trusted_most() -> None:
    taught = learn(
        (),
        [a_run(100 + at, at) for at in range(9)]
        + [a_run(5000, 100 + at, pattern="gpt-#") for at in range(9)]
        + [a_run(9000, 200 + at, pattern="eval", size=1) for at in range(9)],
    )
    own, size, queue = (
        expected(None, name, devices, taught) for name, devices in (("bert-5", 16), ("new", 16), ("new", 64))
    )
    assert [one.source for one in (own, size, queue)] == [Source.LEARNED] * 3
    assert own.seconds == 105
    assert own.confidence > size.confidence > queue.confidence > 0
    assert expected(None, "new", 64) is ASSUMED


def test_many_jobs_that_agree_are_trusted_more_than_one() -> None:
    once = expected(None, "bert-1", 16, learn((), [a_run(100, 1)]))
    often = expected(None, "bert-1", 16, learn((), [a_run(100, at) for at in range(9)]))
    scattered = expected(None, "bert-1", 16, learn((), [a_run(10 ** (at % 5), at) for at in range(9)]))
    assert often.confidence > once.confidence
    assert often.confidence > scattered.confidence


@given(
    st.lists(
        st.builds(Run, st.integers(0, 50).map(float), st.sampled_from("abc"), st.just(8), st.integers(1, 99))
    )
)
def test_learning_the_same_again_teaches_nothing(seen: list[Run]) -> None:
    once = learn((), seen)
    assert learn(once, seen) == once
    assert learn(once, ()) == once
    assert learn((), reversed(seen)) == once


def test_a_job_seen_after_a_restart_of_the_operator_is_counted_once() -> None:
    first = learn((), [a_run(100, 1), a_run(200, 2)])
    second = learn(first, [a_run(100, 1), a_run(200, 2), a_run(300, 3)])
    assert second == (Lesson("bert-#", 16, 3, (100, 200, 300), 3),)


def test_the_memory_is_bounded_and_keeps_what_was_learned_last() -> None:
    seen = [a_run(10, at, pattern=f"p{at}") for at in range(MOST + 10)] + [
        a_run(at, 1000 + at) for at in range(1, 30)
    ]
    taught = learn((), seen)
    assert len(taught) == MOST
    assert taught[0].recent == tuple(range(30 - RECENT, 30))
    assert taught[0].count == 29


def test_a_gang_that_overruns_is_expected_a_bounded_step_later() -> None:
    hour = Expectation(3600.0, Source.DECLARED, 0.9)
    assert ends(hour, 0.0, 0.0) == 3600.0
    assert ends(hour, 0.0, 3599.0) == 3600.0
    assert ends(hour, 0.0, 3600.0) == 5400.0
    assert confidence(hour, 0.0, 5400.0) == pytest.approx(0.6)
    assert ends(None, 0.0, 10.0) == ASSUMED.seconds


@given(st.floats(1, 1e6), st.floats(0, 1e7))
def test_an_expected_end_is_never_past_and_never_further_than_half_of_what_was_run(
    seconds: float, ran: float
) -> None:
    end = ends(Expectation(seconds, Source.DECLARED, 0.9), 0.0, ran)
    assert ran < end <= max(seconds, 1.5 * ran + 1e-6)


def test_work_that_is_safe_is_not_done_again() -> None:
    assert left(SIX_HOURS, 3600.0).seconds == 18_000.0
    assert left(SIX_HOURS, 1e9).seconds == 2160.0


def test_nobody_relies_on_what_nobody_knows() -> None:
    assert trusted(None) == trusted(ASSUMED) == math.inf
    assert trusted(SIX_HOURS) == 21_600.0


def test_a_gang_at_half_its_size_is_expected_to_take_twice_as_long() -> None:
    whole = Expectation(3600.0, Source.DECLARED, 0.9)
    assert at_size(whole, 8, 4) == Expectation(7200.0, Source.DECLARED, 0.9)
    assert at_size(whole, 8, 8) is whole
    assert at_size(None, 8, 4) is None


@pytest.mark.parametrize("edited", [None, "often", [{"pattern": 3}], [{"pattern": "a", "lastAt": "never"}]])
def test_a_memory_edited_by_hand_is_read_as_far_as_it_makes_sense(edited: object) -> None:
    assert lessons({"durations": edited}) == ()


def test_the_memory_of_a_queue_survives_in_its_status() -> None:
    learned = learn((), [a_run(100 + at, 1_700_000_000.0 + at) for at in range(12)])
    queue = Queue("team", "u", 1, "1", 0.0)
    status = build(queue, Standing(), learned, cluster_exists=True, now=1_700_000_100.0)
    assert lessons(status) == learned
    assert "durations" not in build(queue, Standing(), (), cluster_exists=True, now=1_700_000_100.0)


def finished(attempt: int = 1, reason: str = "Succeeded") -> Job:
    conditions = ({"type": "Finished", "status": "True", "reason": reason},)
    return replace(
        a_job(2, devices=8),
        name="bert-17",
        progress=Progress(attempt=attempt, started_at=100.0, finished_at=700.0, conditions=conditions),
    )


def test_jobs_that_succeeded_at_once_teach_and_no_others() -> None:
    assert runs([finished()]) == [Run(700.0, "bert-#", 16, 600)]
    assert runs([finished(attempt=2), finished(reason="Failed"), a_job(2)]) == []


def test_work_saved_before_the_last_restart_is_not_expected_again() -> None:
    saved = Checkpoint(reported="1970-01-01T00:10:00Z")
    restarts = (Restart(900.0, "NodeLost"),)
    job = replace(a_job(2), checkpoint=saved, progress=Progress(2, started_at=100.0, restarts=restarts))
    assert work_done(job) == 500.0
    assert work_done(replace(job, progress=Progress(1, started_at=100.0))) == 0.0
    assert work_done(replace(job, checkpoint=Checkpoint())) == 0.0
