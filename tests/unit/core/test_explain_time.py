"""Time in words: stable, bounded, and silent about the jobs of others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crosstree.base.moments import clock
from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Manners
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.workload import Gang
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.virtual_time import Work, declared, live

NOON = 1_769_860_800.0  # 2026-01-31 12:00 UTC


def a_work(
    name: str, workers: int, runs: float, at: float, namespace: str = "default", **gang: object
) -> Work:
    asked: Gang = a_gang(workers, 8, name=name, **gang)  # type: ignore[arg-type]
    known = declared(runs)
    return Work(replace(asked, key=f"{namespace}/{name}", expected=gang.get("expected", known)), runs, at)  # type: ignore[arg-type]


def last_words(
    *works: Work, queues: tuple[QueueSpec, ...] = (), policy: Policy | None = None
) -> dict[str, Wait]:
    """Return what is said of each waiting job in the cycle in which the last one comes."""
    shifted = [replace(work, at=NOON + work.at) for work in works]
    end = max(work.at for work in shifted)
    history = live(
        a_snapshot(a_pool(leaves=2, nodes=2)),
        shifted,
        Manners(),
        queues=queues,
        policy=policy or Policy(),
        until=end,
    )
    plan = next(plan for time, plan in history.plans if time == end)
    return {one.key: one for one in plan.decisions if isinstance(one, Wait)}


BUSY = (a_work("a", 2, 8400, 0, required="leaf"), a_work("b", 1, 3000, 0))


def test_it_says_when_and_on_whom_it_waits() -> None:
    said = last_words(*BUSY, a_work("big", 4, 60, 60))["default/big"]
    assert said.message.endswith("expected by 14:20 UTC when job default/a and 1 more have ended.")


def test_jobs_of_other_namespaces_are_counted_and_never_named() -> None:
    other = (a_work("a", 2, 8400, 0, "secret"), a_work("b", 2, 3000, 0, "secret"))
    said = last_words(*other, a_work("big", 4, 60, 60))["default/big"]
    assert "secret" not in said.message
    assert "when 2 jobs have ended" in said.message


def test_a_gang_held_off_by_a_reservation_is_told_whose_from_when_and_the_way_out() -> None:
    said = last_words(*BUSY, a_work("big", 4, 60, 60), a_work("late", 1, 100_000, 120))["default/late"]
    assert said.reason is WaitReason.RESERVED_FOR_OTHER
    assert said.message.startswith(
        f"1 worker of 8 {H100} would fit now, but nodes for them are reserved from 14:20 UTC on for job default/big, "
        "which is before it in the line, and this job would still be on them then. "
        "A spec.expectedDuration that ends before that would start it now; else expected by "
    )


def test_who_is_not_taken_at_his_word_is_told_by_how_much() -> None:
    corrected = replace(declared(100_000), percent_of_declared=200)
    late = a_work("late", 1, 100_000, 120, expected=corrected)
    message = last_words(*BUSY, a_work("big", 4, 60, 60), late)["default/late"].message
    assert (
        "this job would still be on them then. Jobs like it run 200 % of the spec.expectedDuration they declare; "
        "one of which that much ends before that would start it now; else expected by "
    ) in message


def test_the_owner_of_a_reservation_in_another_namespace_is_not_named() -> None:
    said = last_words(*BUSY, a_work("big", 4, 60, 60, "secret"), a_work("late", 1, 100_000, 120))[
        "default/late"
    ]
    assert said.reason is WaitReason.RESERVED_FOR_OTHER
    assert "secret" not in said.message
    assert "for a job of another namespace" in said.message


def test_a_gang_at_a_limit_is_told_when_enough_under_it_ends() -> None:
    queues = (QueueSpec("default", quotas=(Quota(H100, limit=24),)),)
    said = last_words(*BUSY, a_work("more", 1, 60, 60), queues=queues)["default/more"]
    assert said.reason is WaitReason.QUOTA_EXHAUSTED
    assert said.forecast is not None
    assert said.forecast.start == NOON + 3000
    assert "xpected by 12:50 UTC" in said.message


def test_the_words_stay_while_time_alone_passes() -> None:
    running = a_snapshot(a_pool(leaves=1, nodes=2))
    held = Running(
        replace(a_gang(2, 8, name="a"), expected=declared(8400)),
        "pool-h100", H100, np.array([0, 1], np.int32), np.array([1, 1]), NOON, NOON + 8400, NOON,
    )  # fmt: skip
    snapshot = replace(
        running, free=running.free - 8 * (np.arange(5) == 0), running=(held,), gangs=(a_gang(2, name="b"),)
    )
    said = [run_cycle(snapshot, Policy(), NOON + after).decisions for after in (60, 61, 600, 3000)]
    assert said[0] == said[1] == said[2] == said[3]
    assert isinstance(said[0][0], Wait)
    assert "expected by 14:20 UTC when job default/a ends." in said[0][0].message.replace(
        "Expected", "expected"
    )


def test_the_time_is_kept_however_short_the_words_have_to_be() -> None:
    said = last_words(*BUSY, a_work("big", 4, 60, 60), policy=Policy(max_message=120))["default/big"]
    assert len(said.message) <= 120
    assert "14:20 UTC" in said.message


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (59, "12:01 UTC"),
        (3600, "13:00 UTC"),
        (8400, "14:20 UTC"),
        (8401, "14:25 UTC"),
        (30_000, "20:30 UTC"),
        (90_000, "2026-02-01 13:00 UTC"),
    ],
)
def test_times_are_rounded_up_the_more_the_further_away_they_are(away: float, said: str) -> None:
    assert clock(NOON + away, NOON) == said


def test_the_begin_of_a_reservation_is_rounded_down() -> None:
    """Who declares to be gone by the time it is told has to be let in."""
    assert clock(NOON + 8401, NOON, early=True) == "14:20 UTC"


def test_a_cycle_says_when_time_alone_changes_its_answer() -> None:
    history = live(
        a_snapshot(a_pool(leaves=2, nodes=2)),
        [replace(work, at=NOON + work.at) for work in (*BUSY, a_work("big", 4, 60, 60))],
        Manners(),
        until=NOON + 60,
    )
    assert history.plans[-1][1].due == NOON + 8400
    assert run_cycle(a_snapshot(), Policy(), NOON).due is None


def test_a_start_so_late_that_it_has_no_date_is_told_all_the_same() -> None:
    said = last_words(a_work("a", 4, 1e13, 0), a_work("big", 4, 60, 60))["default/big"]
    assert "Expected by 9999-12-31 23:59 UTC" in said.message
