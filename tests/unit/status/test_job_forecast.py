"""What a waiting job is told of its start, and that it is told rarely."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crosstree.base.clock import from_rfc3339, to_rfc3339
from crosstree.core.job import Job
from crosstree.core.lifecycle import Hold, next_move, told_first
from crosstree.core.plan import Forecast, Wait, WaitReason
from crosstree.core.workload import Told
from crosstree.status import job as job_status
from tests.support.builders.jobs import KEY, T0, UID, a_job, a_place, facts

FIELDS = ("queuePosition", "expectedStart", "forecast")


def a_wait(
    start: float | None, position: int = 3, confidence: float = 0.8, message: str = "No room."
) -> Wait:
    forecast = None if start is None else Forecast(start, confidence)
    return Wait(KEY, UID, WaitReason.NOT_ENOUGH_FREE, message, position, forecast)


def looked(job: Job, wait: Wait, after: float) -> dict[str, Any]:
    seen = facts(job, decision=wait, at=T0 + after)
    return job_status.build(seen, next_move(seen))


def told(start: float | None = T0 + 3600, position: int = 3) -> Job:
    """Return a job that was told this at T0."""
    return a_job(status=looked(a_job(), a_wait(start, position), 0))


def test_a_waiting_job_is_told_its_place_and_its_start() -> None:
    status = looked(a_job(), a_wait(T0 + 3600.7), 0)
    assert {name: status[name] for name in FIELDS} == {
        "queuePosition": 3,
        "expectedStart": to_rfc3339(T0 + 3600),
        "forecast": {
            "confidence": 80,
            "asOf": to_rfc3339(T0),
            "first": to_rfc3339(T0 + 3600),
            "firstAt": to_rfc3339(T0),
        },
    }


def test_a_job_whose_start_nobody_knows_is_told_its_place_alone() -> None:
    status = looked(a_job(), a_wait(None), 0)
    assert status["queuePosition"] == 3
    assert "expectedStart" not in status
    assert "first" not in status["forecast"]


@pytest.mark.parametrize(
    ("start", "position", "after", "rewritten"),
    [
        (T0 + 3600, 3, 100, False),
        (T0 + 3900, 3, 100, False),  # five minutes, of an hour that is left
        (T0 + 4200, 3, 100, True),
        (T0 + 3000, 3, 100, True),
        (T0 + 4200, 3, 10, False),  # too soon after the last time
        (T0 + 3600, 2, 100, True),
        (T0 + 3600, 2, 10, False),
        (None, 3, 100, True),
    ],
)
def test_it_is_told_again_only_when_a_reader_would_mind(
    start: float | None, position: int, after: float, rewritten: bool
) -> None:
    before = told().progress.observed
    status = looked(told(), a_wait(start, position), after)
    assert (
        {name: status.get(name) for name in FIELDS} != {name: before.get(name) for name in FIELDS}
    ) is rewritten
    if rewritten:
        assert status["forecast"]["first"] == before["forecast"]["first"]
        assert from_rfc3339(status["forecast"]["asOf"]) == T0 + after


def test_a_job_that_stands_in_no_line_any_more_is_told_neither_place_nor_start() -> None:
    wait = Wait(KEY, UID, WaitReason.SHAPE_IMPOSSIBLE, "Larger than any pool.")
    assert not [name for name in FIELDS if name in looked(told(), wait, 1)]


def test_one_place_of_a_long_line_is_not_worth_a_write() -> None:
    before = told(position=40).progress.observed
    assert looked(told(position=40), a_wait(T0 + 3600, 37), 100)["queuePosition"] == 40
    assert looked(told(position=40), a_wait(T0 + 3600, 35), 100)["queuePosition"] == 35
    assert before["queuePosition"] == 40


def test_what_changed_too_soon_is_told_when_its_time_has_come() -> None:
    job = told()
    seen = facts(job, decision=a_wait(T0 + 9000), at=T0 + 5)
    assert next_move(seen) == Hold(until=T0 + 20)


def test_nothing_is_forgotten_while_nothing_has_been_decided_since_a_restart() -> None:
    job = told()
    seen = facts(job, at=T0 + 500)
    status = job_status.build(seen, next_move(seen))
    assert {name: status[name] for name in FIELDS} == {name: job.progress.observed[name] for name in FIELDS}


def test_a_job_that_starts_is_told_no_start_any_more() -> None:
    seen = facts(told(), decision=a_place(2), at=T0 + 50)
    assert not set(FIELDS) & set(job_status.build(seen, next_move(seen)))


def test_a_suspended_job_stands_in_no_line() -> None:
    seen = facts(replace(told(), suspend=True), at=T0 + 50)
    assert not set(FIELDS) & set(job_status.build(seen, next_move(seen)))


def test_what_was_told_first_is_read_back_for_the_scheduler() -> None:
    assert told_first(told().progress) == Told(T0, T0 + 3600)
    assert told_first(a_job().progress) is None


@pytest.mark.parametrize("garbage", ["soon", 7, [], {"asOf": "never"}, {"asOf": to_rfc3339(T0), "first": 3}])
def test_a_forecast_edited_by_hand_counts_as_none(garbage: object) -> None:
    status = dict(told().progress.observed) | {"forecast": garbage}
    assert told_first(a_job(status=status).progress) is None
    assert looked(a_job(status=status), a_wait(T0 + 3600), 100)["expectedStart"] == to_rfc3339(T0 + 3600)
