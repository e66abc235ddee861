"""How long a run may last: who is taken, what is expected, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from crosstree.base import duration
from crosstree.base.clock import to_rfc3339
from crosstree.core.admission import admit
from crosstree.core.checkpoint import Checkpoint
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.expect import ASSUMED, DECLARED_CONFIDENCE, at_size, ends, left, trusted
from crosstree.core.job import Job
from crosstree.core.lifecycle import Cause, Expire, Finish, Hold, JobFacts, Sweep, next_move
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.pods import PodPhase
from crosstree.core.queues import RunBound
from crosstree.core.runbound import bounded, run_bound
from crosstree.core.workload import Expectation, Gang, Source
from crosstree.status import job as job_status
from tests.support.builders.jobs import T0, a_job, after_move, nodes, pods, running

HOUR = 3600.0
EAST = Cluster("east", "u", 1, "1", 0.0)
BOUND = RunBound("team", 2 * HOUR)
OVER = T0 + 2 * HOUR


def a_queue(name: str, parent: str = "", hours: float | None = None) -> Queue:
    bound = None if hours is None else hours * HOUR
    return Queue(name, f"uid-{name}", 1, "1", 0.0, parent=parent, max_run_time=bound)


def tree(*queues: Queue) -> Mapping[str, Queue]:
    return {one.name: one for one in queues}


def facts(job: Job | None = None, **changes: Any) -> JobFacts:
    base = {"pods": pods(2), "nodes": nodes(2), "now": OVER, "bound": BOUND}
    return JobFacts(job or running(), **{**base, **changes})


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ((None, None), None),
        ((24, None), ("above", 24)),
        ((None, 12), ("team", 12)),
        ((24, 12), ("team", 12)),
        ((12, 24), ("above", 12)),
        ((12, 12), ("team", 12)),
    ],
)
def test_of_several_bounds_the_least_counts(
    hours: tuple[float | None, float | None], expected: tuple[str, float] | None
) -> None:
    found = run_bound("team", tree(a_queue("above", "", hours[0]), a_queue("team", "above", hours[1])))
    assert (None if found is None else (found.queue, found.seconds / HOUR)) == expected


def test_a_queue_nobody_knows_bounds_nothing() -> None:
    assert run_bound("gone", {}) is None


def declaring(hours: float) -> Job:
    job = a_job(queue="team")
    expected = Expectation(hours * HOUR, Source.DECLARED, DECLARED_CONFIDENCE)
    return replace(job, gang=replace(job.gang, expected=expected))


def test_a_job_that_declares_to_run_longer_is_not_taken() -> None:
    queues = tree(a_queue("above", "", 24), a_queue("team", "above"))
    found = admit(declaring(36.5), {"east": EAST}, queues, {})
    assert isinstance(found, Wait)
    assert found.reason is WaitReason.QUEUE_NOT_ALLOWED
    assert found.message == (
        "spec.expectedDuration is 36h30m, and JobQueue above above team lets no run last longer than 24h. Declare at "
        "most that, or name a queue that allows more."
    )
    assert isinstance(admit(declaring(24), {"east": EAST}, queues, {}), Gang)


def test_a_job_that_declares_nothing_is_taken() -> None:
    assert isinstance(admit(a_job(queue="team"), {"east": EAST}, tree(a_queue("team", "", 1)), {}), Gang)


def test_what_is_expected_is_never_longer_than_the_bound() -> None:
    learned = Expectation(5 * HOUR, Source.LEARNED, 0.5)
    assert bounded(learned, BOUND) == replace(learned, seconds=2 * HOUR, at_most=2 * HOUR)
    assert bounded(learned, None) == learned
    shorter = replace(learned, seconds=HOUR)
    assert bounded(shorter, BOUND) == replace(shorter, at_most=2 * HOUR)


def test_a_bound_gives_an_end_to_what_nobody_knows_the_length_of() -> None:
    found = bounded(ASSUMED, BOUND)
    assert (found.source, trusted(found)) == (Source.BOUND, 2 * HOUR)


def test_with_fewer_workers_a_run_takes_longer_but_never_past_its_bound() -> None:
    found = bounded(Expectation(HOUR, Source.DECLARED, DECLARED_CONFIDENCE), BOUND)
    assert [trusted(at_size(found, 4, workers)) / HOUR for workers in (4, 3, 2, 1)] == [1, 4 / 3, 2, 2]
    assert trusted(at_size(bounded(ASSUMED, BOUND), 4, 1)) == 2 * HOUR


@pytest.mark.parametrize(("ran", "end"), [(0, 1), (1, 1.5), (1.4, 1.5), (1.6, 2), (1.99, 2), (2.1, 2.25)])
def test_a_run_longer_than_expected_is_expected_to_end_at_its_bound(ran: float, end: float) -> None:
    found = bounded(Expectation(HOUR, Source.DECLARED, DECLARED_CONFIDENCE), BOUND)
    assert ends(found, 0.0, ran * HOUR) == pytest.approx(end * HOUR)


def test_what_a_failed_run_has_left_is_bounded_as_well() -> None:
    found = bounded(left(Expectation(HOUR, Source.DECLARED, DECLARED_CONFIDENCE), HOUR / 2), BOUND)
    assert (found.seconds, found.at_most) == (HOUR / 2, 2 * HOUR)


def test_a_run_goes_on_until_its_time_is_over_and_is_looked_at_then() -> None:
    move = next_move(facts(now=OVER - 60))
    assert move == Hold(until=OVER)


def test_a_run_that_lasts_as_long_as_it_may_has_failed_and_says_whose_bound_it_was() -> None:
    job = replace(running(), queue="team")
    found = facts(job)
    move = next_move(found)
    assert isinstance(move, Finish) and move.cause is Cause.RUN_TIME_EXCEEDED
    status = job_status.build(found, move)
    assert status["phase"] == "Failed"
    finished = next(one for one in status["conditions"] if one["type"] == "Finished")
    assert finished["reason"] == "RunTimeExceeded"
    assert finished["message"].startswith(
        "The run has lasted 2h, the longest that JobQueue team allows (spec.maxRunTime)."
    )
    assert status["restartsCharged"] == 0


def test_all_workers_that_succeeded_in_time_have_succeeded() -> None:
    move = next_move(facts(pods=pods(2, phase=PodPhase.SUCCEEDED)))
    assert isinstance(move, Finish) and move.cause is None


def ended(**changes: Any) -> Job:
    found = facts(replace(running(), **changes))
    return after_move(found, next_move(found))


def test_its_pods_have_the_time_to_save_their_work_that_they_would_have_to_make_room() -> None:
    job = ended(checkpoint=Checkpoint(grace=300.0))
    move = next_move(facts(job))
    assert isinstance(move, Sweep)
    assert (len(move.pods), move.grace) == (2, 300.0)


def test_once_the_work_is_saved_nobody_waits_for_the_rest_of_the_grace() -> None:
    leaving = pods(2, terminating=True, due=OVER + 300)
    job = ended(checkpoint=Checkpoint(grace=300.0))
    quiet = next_move(facts(job, pods=leaving, now=OVER + 20))
    assert isinstance(quiet, Sweep) and not quiet.hurried
    saved = replace(job, checkpoint=Checkpoint(grace=300.0, reported=to_rfc3339(OVER + 10)))
    move = next_move(facts(saved, pods=leaving, now=OVER + 20))
    assert isinstance(move, Sweep) and len(move.hurried) == 2


def test_the_job_stays_until_its_pods_have_saved_their_work() -> None:
    job = ended(checkpoint=Checkpoint(grace=300.0), ttl_after_finished=0.0)
    leaving = pods(2, terminating=True, due=OVER + 300)
    assert isinstance(next_move(facts(job, pods=leaving, now=OVER + 20)), Sweep)
    assert next_move(facts(job, pods=(), now=OVER + 20)) == Expire()


def test_a_restart_begins_a_new_run() -> None:
    job = running()
    assert job.progress.placement is not None
    later = replace(job.progress.placement, since=T0 + HOUR)
    job = replace(job, progress=replace(job.progress, placement=later))
    assert next_move(facts(job)) == Hold(until=OVER + HOUR)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "0s"), (45.0, "45s"), (5400.0, "1h30m"), (86_400.0, "24h"), (3601.0, "1h1s")]
)
def test_durations_are_written_as_they_are_read(seconds: float, said: str) -> None:
    assert duration.text(seconds) == said
    assert duration.parse(said) == seconds
