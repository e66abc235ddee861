"""Reservations: who gets one, for when, where, and what later gangs may still use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.manners import Backfill, Manners
from crosstree.core.plan import Wait
from crosstree.core.workload import Gang
from tests.support.builders.core import a_gang, a_pool, a_snapshot
from tests.support.virtual_time import History, Work, declared, live

CONSERVATIVE = Manners(backfill=Backfill.CONSERVATIVE)
EASY = Manners(backfill=Backfill.EASY)
NONE = Manners(backfill=Backfill.NONE)
KEY = "default/{}".format


def a_work(
    name: str,
    workers: int,
    runs: float,
    *,
    at: float = 0.0,
    told: float | None = -1.0,
    devices: int = 8,
    **gang: object,
) -> Work:
    """Describe a job; it is told truly how long it runs, unless `told` says otherwise, None for nothing."""
    expected = None if told is None else declared(runs if told < 0 else told)
    asked: Gang = a_gang(workers, devices, name=name, **gang)  # type: ignore[arg-type]
    return Work(replace(asked, expected=expected), runs, at)


def run(*works: Work, manners: Manners = CONSERVATIVE, nodes: int = 4, leaves: int = 1) -> History:
    return live(a_snapshot(a_pool(leaves=leaves, nodes=nodes)), works, manners)


def wait_of(history: History, name: str, at: float) -> Wait:
    plan = next(plan for time, plan in history.plans if time == at)
    return next(one for one in plan.decisions if isinstance(one, Wait) and one.key == KEY(name))


BUSY = (a_work("long", 2, 1000), a_work("brief", 1, 400))


def test_a_gang_that_does_not_fit_is_told_when_enough_will_have_ended() -> None:
    history = run(*BUSY, a_work("big", 3, 100, at=10))
    first = wait_of(history, "big", 10)
    assert first.forecast is not None
    assert (first.forecast.start, first.position) == (1000.0, 1)
    assert first.forecast.confidence == pytest.approx(0.9)
    assert history.starts[KEY("big")] == 1000.0


def test_a_small_gang_slips_in_if_it_is_gone_before_the_big_one_starts() -> None:
    history = run(*BUSY, a_work("big", 4, 100, at=10), a_work("short", 1, 900, at=20))
    assert history.starts[KEY("short")] == 20.0
    assert history.starts[KEY("big")] == 1000.0


def test_a_small_gang_waits_if_it_would_still_be_there() -> None:
    history = run(*BUSY, a_work("big", 4, 100, at=10), a_work("late", 1, 981, at=20))
    assert history.starts[KEY("big")] == 1000.0
    assert history.starts[KEY("late")] == 1100.0


def test_a_gang_of_which_nothing_is_known_does_not_use_what_is_reserved() -> None:
    history = run(*BUSY, a_work("big", 4, 100, at=10), a_work("unknown", 1, 5, at=20, told=None))
    assert history.starts[KEY("unknown")] == 1100.0


def test_a_gang_uses_what_the_reservation_leaves_for_as_long_as_it_likes() -> None:
    history = run(*BUSY, a_work("big", 3, 100, at=10), a_work("unknown", 1, 5000, at=20, told=None))
    assert history.starts[KEY("unknown")] == 20.0
    assert history.starts[KEY("big")] == 1000.0


def test_a_node_is_shared_between_a_reservation_and_those_before_it_by_numbers() -> None:
    # One node: 4 of 8 used until 1000. The gang in line takes 4 then; 4 more are free before and after.
    history = run(
        a_work("half", 1, 1000, devices=4),
        a_work("rest", 1, 500, devices=2),
        a_work("next", 1, 100, devices=4, at=10),
        a_work("also", 1, 10_000, devices=2, at=20),
        nodes=1,
    )
    assert history.starts[KEY("next")] == 500.0
    assert history.starts[KEY("also")] == 600.0


def test_easy_keeps_a_place_for_the_first_alone() -> None:
    works = (
        *BUSY,
        a_work("big", 4, 100, at=10),
        a_work("second", 4, 100, at=11),
        a_work("late", 1, 981, at=20),
    )
    assert run(*works, manners=EASY).starts[KEY("big")] == 1000.0
    assert wait_of(run(*works, manners=EASY), "second", 11).forecast is not None


def test_without_reservations_a_big_gang_waits_behind_small_ones() -> None:
    smalls = [a_work(f"s{at}", 1, 300, at=at * 100.0) for at in range(20)]
    works = (*smalls, a_work("big", 4, 100, at=150))
    assert run(*works, manners=NONE).starts[KEY("big")] > 2000
    assert run(*works, manners=CONSERVATIVE).starts[KEY("big")] <= 600
    assert run(*works, manners=EASY).starts[KEY("big")] <= 600


def test_even_without_reservations_the_first_are_told_when_there_will_be_room() -> None:
    history = run(*BUSY, a_work("big", 4, 100, at=10), manners=NONE)
    forecast = wait_of(history, "big", 10).forecast
    assert forecast is not None
    assert forecast.start == 1000.0
    assert forecast.confidence < 0.5


def test_a_gang_behind_another_one_is_told_its_own_turn() -> None:
    history = run(*BUSY, a_work("big", 4, 100, at=10), a_work("next", 4, 50, at=20))
    forecast = wait_of(history, "next", 20).forecast
    assert forecast is not None
    assert forecast.start == 1100.0
    assert history.starts[KEY("next")] == 1100.0


def test_a_gang_that_can_never_start_is_told_no_time() -> None:
    history = live(a_snapshot(a_pool(leaves=1, nodes=4)), [a_work("huge", 9, 10)], CONSERVATIVE, until=5)
    assert wait_of(history, "huge", 0).forecast is None


def test_a_required_domain_is_waited_for_as_a_whole() -> None:
    history = run(
        a_work("a", 4, 100, required="leaf"),
        a_work("b", 2, 300),
        a_work("c", 2, 50),
        a_work("whole", 4, 10, required="leaf", at=5),
        leaves=2,
    )
    assert history.starts[KEY("whole")] == 100.0


def test_a_job_that_overruns_moves_the_reservation_and_holds_up_nobody_else() -> None:
    liar = a_work("liar", 2, 5000, told=1000)
    history = run(liar, a_work("big", 4, 100, at=10), a_work("short", 1, 300, at=1200))
    starts = [forecast.start for _, forecast in history.told[KEY("big")]]
    assert starts == sorted(starts)
    assert history.starts[KEY("short")] == 1200.0
    assert history.starts[KEY("big")] == 5000.0
    confidences = [forecast.confidence for _, forecast in history.told[KEY("big")]]
    assert confidences[-1] < confidences[0]


def test_an_elastic_gang_has_its_reservation_at_its_smallest_size_and_for_as_long_as_that_takes() -> None:
    history = run(*BUSY, a_work("other", 1, 400, at=5), a_work("big", 4, 100, at=10, sizes=(4, 2)))
    forecast = wait_of(history, "big", 10).forecast
    assert forecast is not None
    assert forecast.start == 405.0
    assert history.starts[KEY("big")] in (400.0, 405.0)


def test_who_is_put_off_too_often_is_not_overtaken_any_more() -> None:
    # Liars on one node after the other: each is let in to be gone in time, and is not.
    liars = [a_work(f"liar{at}", 1, 900, at=at * 150.0, told=100) for at in range(40)]
    history = run(*liars, a_work("big", 2, 100, at=160, priority=0), nodes=2)
    told, first = history.told[KEY("big")][0][0], history.first(KEY("big"))
    assert history.starts[KEY("big")] <= first + (first - told) + 600 + 900
