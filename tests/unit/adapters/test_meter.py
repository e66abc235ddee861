"""Which stints budgets are still to be charged for: those of jobs, and of jobs that are gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.adapters.resources import Kind
from crosstree.core.budgets import NO_TAB, Charged, Stint
from crosstree.core.cluster import Queue
from crosstree.core.job import Held, Job
from crosstree.core.queues import ANY_MODEL, Budget
from tests.unit.adapters.test_livecluster import World, a_job, placed

H100 = "nvidia-h100-sxm"


def a_queue(name: str = "default", parent: str = "", *, version: int = 1, **changes: object) -> Queue:
    budgets = changes.pop("budgets", (Budget(ANY_MODEL, 3600.0),))
    return Queue(name, f"uid-{name}", version, str(version), 0.0, parent=parent, budgets=budgets, **changes)  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    world = World()
    world.put(Kind.QUEUE, a_queue())
    return world


def held(job: Job, *, since: float, **changes: object) -> Job:
    """Let a job have its place since then."""
    stored = placed(job, "n1", "n2")
    assert stored.progress.placement is not None
    placement = replace(stored.progress.placement, since=since)
    version = str(int(stored.resource_version) + 1)
    return replace(
        stored, resource_version=version, progress=replace(stored.progress, placement=placement, **changes)
    )


def charged(until: float, version: int = 2) -> Queue:
    row = Charged("default", ANY_MODEL, 5.0, 0.0, until)
    return a_queue(version=version, charged=(row,))


def test_what_runs_in_a_queue_with_a_budget_is_on_the_tab(world: World) -> None:
    now = world.clock.now()
    world.put(Kind.JOB, held(a_job(), since=now))
    assert world.live.meter.below("default") == (Stint("default", H100, 16, now),)
    assert world.east.tab.stints == world.live.meter.below("default")


def test_the_tab_is_the_same_object_while_nothing_in_it_changes(world: World) -> None:
    world.put(Kind.JOB, held(a_job(), since=world.clock.now()))
    before = world.east
    assert world.east is before


def test_without_any_budget_nothing_is_kept() -> None:
    world = World()
    world.put(Kind.JOB, held(a_job(), since=world.clock.now()))
    assert world.east.tab is NO_TAB


def test_a_budget_that_comes_later_finds_what_runs_already() -> None:
    world = World()
    world.put(Kind.JOB, held(a_job(), since=world.clock.now()))
    world.put(Kind.QUEUE, a_queue(version=2))
    assert len(world.east.tab.stints) == 1


def test_a_job_that_is_deleted_is_remembered_until_it_has_been_charged(world: World) -> None:
    now = world.clock.now()
    job = held(a_job(), since=now)
    world.put(Kind.JOB, job)
    world.clock.advance(60.0)
    world.live.store.forget(Kind.JOB, job.key)
    assert world.live.meter.below("default") == (Stint("default", H100, 16, now, now + 60),)
    world.put(Kind.QUEUE, charged(now + 60))
    assert world.live.meter.below("default") == ()


def test_what_was_charged_already_is_off_the_tab(world: World) -> None:
    now = world.clock.now()
    past = (Held("default", H100, 2, now - 50, now - 40), Held("default", H100, 2, now - 20, now - 10))
    world.put(Kind.QUEUE, charged(now - 30))
    world.put(Kind.JOB, held(a_job(), since=now, runs=past))
    assert next(one.ended - now for one in world.live.meter.below("default")) == -10
    assert len(world.live.meter.below("default")) == 2


def test_other_terms_bring_back_what_jobs_still_tell(world: World) -> None:
    now = world.clock.now()
    past = (Held("default", H100, 2, now - 50, now - 40),)
    world.put(Kind.JOB, held(a_job(), since=now, runs=past))
    world.put(Kind.QUEUE, charged(now - 30))
    assert len(world.live.meter.below("default")) == 1
    other = replace(charged(now - 30, version=3), budgets=(Budget(ANY_MODEL, 3600.0, 10.0),))
    world.put(Kind.QUEUE, other)
    assert len(world.live.meter.below("default")) == 2


def test_a_queue_above_answers_for_those_below() -> None:
    world = World()
    world.put(Kind.QUEUE, a_queue("research"))
    world.put(Kind.QUEUE, a_queue("default", "research", budgets=()))
    world.put(Kind.JOB, held(a_job(), since=world.clock.now()))
    assert len(world.live.meter.below("research")) == 1
    assert world.live.meter.below("default") == ()
