"""What users of other schedulers complain about, 10, 11, 14 and 15: nobody knows when.

The numbers and sentences are those of docs/explanation/complaints.md.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.manners import Backfill
from crosstree.core.plan import WaitReason
from crosstree.core.policy import Policy
from crosstree.core.workload import Expectation, Gang, Source
from crosstree.sim.what_if import what_if
from tests.scenarios.stage import HOUR, MINUTE, NOW, Stage


@pytest.mark.parametrize("backfill", [Backfill.CONSERVATIVE, Backfill.EASY])
def test_10_a_large_gang_lands_though_small_jobs_never_stop_coming(backfill: Backfill) -> None:
    """It starts when those end that ran as it came, not when the stream of small ones dries up."""
    stage = Stage(leaves=2, nodes=4, backfill=backfill)
    for number in range(8):
        stage.submit(f"early{number}", runs=HOUR + number * MINUTE)
    stage.submit("large", workers=8, runs=HOUR)
    for number in range(60):
        stage.submit(f"small{number}", runs=20 * MINUTE)
        stage.after(2 * MINUTE)
        if stage.runs("large"):
            break
    started = stage.started("large")
    assert started is not None and started <= HOUR + 10 * MINUTE


def test_10b_without_reservations_it_starves_as_it_does_elsewhere() -> None:
    """What the reservation is good for: with backfill None the same gang is still waiting."""
    stage = Stage(leaves=1, nodes=4, backfill=Backfill.NONE)
    for number in range(4):
        stage.submit(f"early{number}", runs=(number + 1) * 15 * MINUTE)
    stage.submit("large", workers=4, runs=HOUR)
    for number in range(40):
        stage.submit(f"small{number}", runs=HOUR)
        stage.after(10 * MINUTE)
    assert stage.started("large") is None


def test_11_backfill_backfills_and_delays_nobody() -> None:
    """Behind a reservation, a short job uses the nodes that are idle until then, and a long one does not."""
    stage = Stage(leaves=1, nodes=4)
    stage.submit("holder", workers=2, runs=HOUR)
    stage.submit("large", workers=4, runs=HOUR)
    stage.submit("long", workers=1, runs=3 * HOUR)
    assert stage.waits("long").reason is WaitReason.RESERVED_FOR_OTHER
    stage.submit("short", workers=2, runs=30 * MINUTE)
    assert stage.runs("short")
    stage.after(2 * HOUR + MINUTE)
    assert stage.started("large") == HOUR


def test_14_a_waiting_job_says_when_it_will_run_who_is_in_front_and_on_whom_it_waits() -> None:
    """A time with a confidence, a position, and in the sentence the job of its own namespace it waits for."""
    stage = Stage(leaves=1, nodes=2)
    stage.submit("holder", workers=2, runs=HOUR)
    stage.submit("first", workers=2, runs=HOUR)
    stage.submit("second", workers=2, runs=HOUR)
    told = stage.waits("second")
    assert told.position == 2
    assert told.forecast is not None
    assert told.forecast.start == NOW + 2 * HOUR
    assert 0 < told.forecast.confidence < 1
    first = stage.waits("first")
    assert first.forecast is not None and first.forecast.start == NOW + HOUR
    assert "ml/holder" in first.message
    assert "Expected by 23:13 UTC" in first.message or "Expected by 23:14 UTC" in first.message


def test_14b_jobs_of_another_namespace_are_counted_and_not_named() -> None:
    """Whom to talk to, without telling who works on what."""
    stage = Stage(leaves=1, nodes=2)
    stage.submit("holder", workers=2, runs=HOUR, namespace="secret-project")
    stage.submit("mine", workers=2, runs=HOUR)
    assert "secret-project" not in stage.waits("mine").message
    assert "holder" not in stage.waits("mine").message


def test_15_the_scheduler_can_be_asked_before_a_job_is_submitted() -> None:
    """The answer before and what happens afterwards are the same: time, nodes, and nobody is disturbed by asking."""
    stage = Stage(leaves=1, nodes=4)
    stage.submit("holder", workers=2, runs=HOUR)
    stage.submit("waits", workers=4, runs=HOUR)
    stage.after(MINUTE)
    before, now = stage.snapshot, stage.clock.now()
    asked = Gang("ml/mine", "mine", 3, 8, created=now, expected=Expectation(HOUR, Source.DECLARED, 0.9))
    after = replace(before, gangs=(*before.gangs, asked))
    answer = what_if(before, after, Policy(), now, asked=["ml/mine"])
    assert stage.snapshot is before
    stage.submit("mine", workers=3, runs=HOUR)
    stage.after(4 * HOUR)
    (fate,) = answer.fates
    assert fate.start == NOW + (stage.started("mine") or 0.0) == NOW + 2 * HOUR
    assert answer.shifts == ()
