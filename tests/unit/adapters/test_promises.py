"""Decisions on their way to their jobs: what is told at once, what waits its turn, and orders to stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.adapters.promises import RETOLD_AT_ONCE, RETOLD_PER_SECOND, Promises
from crosstree.adapters.resources import Kind
from crosstree.core.plan import Evict, Forecast, NodeShare, Promise, Resize, Wait, WaitReason
from tests.unit.adapters.liveworld import World, a_job, placed, plan
from tests.unit.adapters.test_running_gangs import told_to_stop


@pytest.fixture
def world() -> World:
    return World()


def waits(number: int = 0, **changes: object) -> Wait:
    wait = Wait(f"default/j{number}", f"uid-j{number}", WaitReason.NOT_ENOUGH_FREE, "Too few.", position=3)
    return replace(wait, **changes)  # type: ignore[arg-type]


def evict(name: str = "j") -> Evict:
    return Evict(f"default/{name}", f"uid-{name}", "default/big", "Room is needed.")


def test_the_first_verdict_is_told_at_once_and_only_once() -> None:
    promises = Promises()
    assert promises.wait(waits(), 1)
    assert not promises.wait(waits(), 1)
    assert promises.let_out(1000.0) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"position": 2},
        {"forecast": Forecast(2000.0, 0.5)},
        {"message": "Still too few."},
        {"reason": WaitReason.QUOTA_EXHAUSTED},
    ],
    ids=["position", "forecast", "counts", "another reason to be patient"],
)
def test_what_only_moved_waits_its_turn(changed: dict[str, object]) -> None:
    promises = Promises()
    promises.wait(waits(), 1)
    assert not promises.wait(waits(**changed), 1)
    assert promises.decision("default/j0", "uid-j0") == waits()
    assert promises.let_out(1000.0) == ["default/j0"]
    assert promises.decision("default/j0", "uid-j0") == waits(**changed)


def test_what_moved_and_moved_back_is_not_told() -> None:
    promises = Promises()
    promises.wait(waits(), 1)
    promises.wait(waits(position=2), 1)
    promises.wait(waits(), 1)
    assert promises.let_out(1000.0) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": WaitReason.MODEL_UNAVAILABLE},
        {"promise": Promise("p", (NodeShare("n0", 0, 1),), ("uid-v",), 2000.0)},
        {"uid": "another"},
    ],
    ids=["a reason to act", "a place that is being cleared", "another job of that name"],
)
def test_what_a_job_has_to_know_is_told_at_once(changed: dict[str, object]) -> None:
    promises = Promises()
    promises.wait(waits(), 1)
    assert promises.wait(waits(**changed), 1)


def test_the_answer_to_a_changed_spec_is_told_at_once() -> None:
    promises = Promises()
    promises.wait(waits(), 1)
    assert promises.wait(waits(message="Still too few."), 2)


def test_a_thousand_jobs_that_moved_are_told_at_a_bounded_pace_and_all_in_the_end() -> None:
    promises = Promises()
    for number in range(1000):
        promises.wait(waits(number), 1)
        promises.wait(waits(number, position=2), 1)
    now, told = 1000.0, promises.let_out(1000.0)
    assert len(told) == RETOLD_AT_ONCE
    while len(told) < 1000:
        now += 5.0
        turn = promises.let_out(now)
        assert 0 < len(turn) <= 5.0 * RETOLD_PER_SECOND
        told += turn
    assert len(set(told)) == 1000


def test_an_eviction_reaches_the_gang_that_has_to_stop_and_is_told_once(world: World) -> None:
    job = placed(a_job(), "n1", "n2")
    world.put(Kind.JOB, job)
    world.heard.marks.clear()
    world.live.apply(plan(evict()))
    assert world.live.decision_for(job.key, job.uid) == evict()
    assert ("TrainingJob", job.key) in world.heard.marks
    world.heard.marks.clear()
    world.live.apply(plan(evict()))
    assert world.heard.marks == []


def test_an_order_is_gone_once_the_gang_is_stopping(world: World) -> None:
    job = placed(a_job(), "n1", "n2")
    world.put(Kind.JOB, job)
    world.live.apply(plan(evict()))
    world.put(Kind.JOB, told_to_stop(job, 990.0))
    assert world.east.running[0].leaving
    assert world.live.decision_for(job.key, job.uid) is None


def test_an_order_never_stops_a_later_attempt(world: World) -> None:
    world.put(Kind.JOB, placed(a_job(), "n1", "n2"))
    world.live.apply(plan(evict()))
    again = placed(a_job(), "n0", "n3", version=3, attempt=2)
    world.put(Kind.JOB, again)
    assert world.east.running
    assert world.live.decision_for(again.key, again.uid) is None


def test_an_order_that_no_plan_repeats_is_taken_back(world: World) -> None:
    job = placed(a_job(), "n1", "n2")
    world.put(Kind.JOB, job)
    world.live.apply(plan(evict()))
    world.live.apply(plan())
    assert world.live.decision_for(job.key, job.uid) is None


def test_a_gang_without_a_place_is_given_no_order(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.apply(plan(Resize(job.key, job.uid, 1, "default/big", "Room is needed.")))
    assert world.live.decision_for(job.key, job.uid) is None
