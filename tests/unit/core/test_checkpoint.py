from __future__ import annotations

import pytest

from crosstree.base.clock import to_rfc3339
from crosstree.core.checkpoint import Checkpoint, oddity, saved_at
from tests.support.builders.jobs import T0, a_pod

NOW = T0 + 1000.0


def at(seconds: float) -> str:
    return to_rfc3339(T0 + seconds)


def test_work_is_saved_up_to_the_newest_report_of_the_job_or_a_pod() -> None:
    pods = [a_pod(0, checkpointed=at(300)), a_pod(1)]
    assert saved_at(Checkpoint(reported=at(200)), pods, T0, NOW) == T0 + 300
    assert saved_at(Checkpoint(reported=at(400)), pods, T0, NOW) == T0 + 400


def test_nothing_is_saved_of_a_job_that_says_nothing() -> None:
    assert saved_at(Checkpoint(), [a_pod(0)], T0 + 5, NOW) == T0 + 5


def test_a_report_of_an_earlier_attempt_saves_nothing_of_this_one() -> None:
    assert saved_at(Checkpoint(reported=at(-50)), [], T0, NOW) == T0


def test_a_report_from_the_future_counts_as_now_and_is_told() -> None:
    ahead = Checkpoint(reported=at(5000))
    assert saved_at(ahead, [], T0, NOW) == NOW
    assert "lies in the future" in oddity(ahead, [], NOW)
    assert oddity(Checkpoint(reported=at(1010)), [], NOW) == ""


@pytest.mark.parametrize("text", ["soon", "2026-01-31", "2026-01-31T12:00:00", "1700000000", "x" * 500])
def test_a_report_that_is_no_time_counts_as_none_and_is_told_in_few_words(text: str) -> None:
    odd = Checkpoint(reported=text)
    assert saved_at(odd, [a_pod(0, checkpointed=text)], T0, NOW) == T0
    for told in (oddity(odd, [], NOW), oddity(Checkpoint(), [a_pod(3, checkpointed=text)], NOW)):
        assert f"is '{text[:20]}" in told and "is not a time and is ignored" in told
        assert len(told) < 250


def test_a_time_of_long_ago_saves_nothing_and_is_believed() -> None:
    early = Checkpoint(reported="0001-01-01T00:00:00+23:59")
    assert saved_at(early, [], T0, NOW) == T0
    assert oddity(early, [], NOW) == ""
