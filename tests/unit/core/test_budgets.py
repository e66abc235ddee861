"""Periods of budgets, what is charged to them, and when that is stored."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from crosstree.base.clock import LAST, to_rfc3339
from crosstree.core.budgets import (
    AHEAD,
    HOUR,
    IN_FLIGHT,
    STEP,
    Charged,
    Period,
    Settlement,
    Stint,
    charge,
    period_at,
    settle,
)
from crosstree.core.job import Held
from crosstree.core.lifecycle import Finish, Hold, JobFacts, Release
from crosstree.core.queues import ANY_MODEL, Budget
from crosstree.core.stints import closed, stints_of
from tests.support.builders.core import H100
from tests.support.builders.jobs import T0, a_job, after_move, placed

MI300 = "amd-mi300x"
DAY = 24 * HOUR
DAILY = Budget(H100, 100 * HOUR, T0, DAY)
ONCE = Budget(H100, 100 * HOUR, T0)


def a_stint(began: float, ended: float = math.inf, *, devices: int = 8, model: str = H100) -> Stint:
    return Stint("team", model, devices, T0 + began, T0 + ended)


def used(budget: Budget, *stints: Stint, at: float, known: Charged | None = None, **rates: float) -> float:
    found = charge(budget, "team", known, stints, rates, T0 + at)
    assert found is not None
    return found.used


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (-1.0, None),
        (0.0, (0.0, DAY)),
        (DAY - 1, (0.0, DAY)),
        (DAY, (DAY, 2 * DAY)),
        (1000.5 * DAY, (1000 * DAY, 1001 * DAY)),
    ],
)
def test_periods_follow_one_another_from_the_start_on(
    now: float, expected: tuple[float, float] | None
) -> None:
    found = period_at(DAILY, T0 + now)
    assert (None if found is None else (found.start - T0, found.end - T0)) == expected


def test_a_budget_without_a_period_never_begins_anew() -> None:
    assert period_at(ONCE, LAST) == Period(T0, math.inf)


def test_the_last_period_that_can_be_written_ends_later_than_any_time() -> None:
    longest = Budget(H100, HOUR, T0, 999_999 * HOUR)
    found = period_at(longest, LAST)
    assert found is not None and found.start <= LAST


def test_accelerators_count_for_as_long_as_they_are_held() -> None:
    assert used(ONCE, a_stint(0, 100), a_stint(50), at=150) == 8 * 100 + 8 * 100


def test_another_model_counts_only_in_the_budget_over_all_times_its_rate() -> None:
    stints = (a_stint(0, 100), a_stint(0, 100, model=MI300))
    assert used(ONCE, *stints, at=200) == 800
    assert used(replace(ONCE, model=ANY_MODEL), *stints, at=200, **{MI300: 0.5}) == 800 + 400


def test_what_was_held_before_the_period_does_not_count() -> None:
    assert used(DAILY, a_stint(0), at=DAY + 100) == 800


def test_nothing_is_charged_twice_however_often_it_is_charged() -> None:
    stints = (a_stint(10, 500), a_stint(200))
    known = charge(ONCE, "team", None, stints, {}, T0 + 300)
    again = charge(ONCE, "team", known, stints, {}, T0 + 300)
    assert again == known
    assert used(ONCE, *stints, at=900, known=known) == used(ONCE, *stints, at=900)


def test_what_ran_in_another_period_is_forgotten_with_it() -> None:
    known = Charged("team", H100, 5000.0, T0, T0 + DAY - 1)
    assert used(DAILY, a_stint(DAY + 1, DAY + 11), at=DAY + 60, known=known) == 80


def test_a_clock_that_is_a_little_behind_charges_nothing() -> None:
    known = Charged("team", H100, 800.0, T0, T0 + 100)
    assert charge(ONCE, "team", known, (a_stint(0),), {}, T0 + 90) == known


def test_what_a_clock_that_ran_far_ahead_has_stored_holds_nothing_up() -> None:
    known = Charged("team", H100, 800.0, T0, T0 + 100 + 2 * AHEAD)
    fresh = charge(ONCE, "team", known, (a_stint(0),), {}, T0 + 100)
    assert fresh == replace(known, until=T0 + 100)


@pytest.mark.parametrize("seconds", [0.0, 1e-320, 1e12 * HOUR])
@pytest.mark.parametrize("rate", [1e-6, 1e6])
def test_numbers_stay_numbers(seconds: float, rate: float) -> None:
    endless = Stint("team", H100, 1 << 40, 0.0)
    found = charge(Budget(ANY_MODEL, seconds), "team", None, (endless,), {H100: rate}, LAST)
    assert found is not None and math.isfinite(found.used)


# when it is stored ----------------------------------------------------------------------------------------


def settled(
    *stints: Stint, at: float, stored: tuple[Charged, ...] = (), budget: Budget = DAILY
) -> Settlement:
    return settle("team", (budget,), stored, stints, {}, T0 + at)


def test_the_first_status_says_what_has_been_used() -> None:
    found = settled(a_stint(0), at=100 + IN_FLIGHT)
    assert found.charged == (Charged("team", H100, 800.0, T0, T0 + 100),)


def test_a_queue_where_nothing_runs_is_charged_once_a_period() -> None:
    first = settled(at=100.0)
    later = settled(at=DAY - 1, stored=first.charged)
    assert later.charged == first.charged
    assert later.again == T0 + DAY + IN_FLIGHT + 1
    assert settled(at=later.again - T0, stored=first.charged).charged[0].since == T0 + DAY


def test_running_gangs_are_charged_in_steps() -> None:
    first = settled(a_stint(0), at=100.0)
    soon = settled(a_stint(0), at=100.0 + STEP - 1, stored=first.charged)
    assert soon.charged == first.charged
    late = settled(a_stint(0), at=soon.again - T0, stored=first.charged)
    assert late.charged[0].used == 8 * (late.charged[0].until - T0)


def test_the_end_of_a_run_is_charged_as_soon_as_no_news_of_it_can_be_on_its_way() -> None:
    first = settled(a_stint(0), at=100.0)
    ended = a_stint(0, 200)
    early = settled(ended, at=201, stored=first.charged)
    assert early.charged == first.charged
    assert early.again <= T0 + 200 + IN_FLIGHT + 1
    assert settled(ended, at=early.again - T0, stored=first.charged).charged[0].used == 1600


def test_a_run_on_another_model_is_no_reason_to_write() -> None:
    first = settled(at=100.0)
    assert settled(a_stint(100, 200, model=MI300), at=900, stored=first.charged).charged == first.charged


def test_before_its_start_a_budget_says_nothing_and_asks_to_be_looked_at_then() -> None:
    found = settled(a_stint(0), at=100, budget=replace(DAILY, start=T0 + 500))
    assert found.charged == ()
    assert found.again == T0 + 500 + IN_FLIGHT + 1


def test_other_terms_begin_the_count_anew_from_what_jobs_still_tell() -> None:
    stored = (Charged("team", H100, 9999.0, T0, T0 + 100),)
    found = settled(a_stint(0, 100), at=200, stored=stored, budget=Budget(H100, HOUR, T0 - 50, DAY))
    assert found.charged[0].used == 800


# what jobs tell -------------------------------------------------------------------------------------------


def test_a_job_holds_its_place_from_when_it_is_stored_on() -> None:
    assert stints_of(placed(2, at=T0 + 7.9)) == (Stint("default", H100, 16, T0 + 7),)


def test_a_job_that_ended_held_its_place_until_then() -> None:
    job = placed(2)
    ended = after_move(JobFacts(job, now=T0 + 50), Finish(None, "done"))
    assert stints_of(ended) == (Stint("default", H100, 16, T0, T0 + 50),)


def test_a_place_that_was_given_back_is_remembered() -> None:
    job = placed(2)
    back = after_move(JobFacts(job, now=T0 + 50), Release())
    assert back.progress.runs == (Held("default", H100, 2, T0, T0 + 50),)
    assert stints_of(back) == (Stint("default", H100, 16, T0, T0 + 50),)


def test_a_run_is_told_of_as_long_as_the_job_is_there() -> None:
    back = after_move(JobFacts(placed(2), now=T0 + 50), Release())
    later = after_move(JobFacts(back, now=T0 + 90), Hold())
    assert later.progress.runs == back.progress.runs


def test_a_place_of_an_older_operator_is_held_since_the_job_was_placed() -> None:
    job = placed(2)
    status = {**job.progress.observed}
    status["placement"] = {key: value for key, value in status["placement"].items() if key != "since"}
    assert stints_of(a_job(2, status=status)) == (Stint("default", H100, 16, T0),)
    assert to_rfc3339(T0) == job.progress.observed["placement"]["since"]


def test_what_a_deleted_job_held_it_held_until_it_was_gone() -> None:
    gone = closed(stints_of(placed(2)), T0 + 30.5)
    assert gone == (Stint("default", H100, 16, T0, T0 + 30),)
