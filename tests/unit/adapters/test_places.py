"""A place counts once: from the decision on, through status and pods, to its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.adapters.resources import Kind
from crosstree.core.plan import Place
from tests.unit.adapters.liveworld import World, a_job, pinned, place, placed, plan
from tests.unit.adapters.objects import our_pod


@pytest.fixture
def world() -> World:
    return World()


def test_job_waits_until_it_is_placed_and_its_place_counts_from_the_decision_on(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    assert world.waiting() == ["default/j"]
    world.live.apply(plan(place(job, "n0", "n1")))
    assert world.waiting() == []
    assert (world.free("n0"), world.free("n1"), world.free("n2")) == (0, 0, 8)
    assert isinstance(world.live.decision_for(job.key, job.uid), Place)
    assert world.live.decision_for(job.key, "other") is None


def test_place_stays_counted_once_from_decision_to_bound_pods(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n0", "n1")))
    generation = world.east.generation
    world.live.carried_out(job.key, job.uid)
    assert world.live.decision_for(job.key, job.uid) is None
    world.put(Kind.JOB, job)  # an event of the state before the write
    assert world.waiting() == []
    world.put(Kind.JOB, placed(job, "n0", "n1"))
    for index in range(2):
        world.pod(our_pod("j", index, spec=pinned(), phase="Pending"))
    assert world.free("n0") == 0
    for index in range(2):
        world.pod(our_pod("j", index, spec=pinned(f"n{index}"), phase="Running"))
    assert world.free("n0") == 0
    assert world.east.generation == generation
    for index in range(2):
        world.pod(our_pod("j", index, spec=pinned(f"n{index}"), phase="Succeeded"))
    assert (world.free("n0"), world.free("n1")) == (8, 8)


def test_stored_place_without_pods_is_held_after_a_restart(world: World) -> None:
    world.put(Kind.JOB, placed(a_job(), "n2", "n3"))
    assert (world.free("n2"), world.free("n3")) == (0, 0)


def test_pod_of_an_earlier_attempt_counts_beside_the_place_held(world: World) -> None:
    world.put(Kind.JOB, placed(a_job(), "n2", "n3", attempt=2))
    world.pod(our_pod("j", 0, attempt=1, node="n1", gpus=8))
    assert (world.free("n1"), world.free("n2")) == (0, 0)


def test_deleted_and_finished_jobs_hold_nothing(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, placed(job, "n0", "n1"))
    world.drop(Kind.JOB, job)
    assert world.free("n0") == 8
    done = placed(a_job("k"), "n0", "n1")
    ended = (*done.progress.conditions, {"type": "Finished", "status": "True"})
    world.put(Kind.JOB, replace(done, progress=replace(done.progress, conditions=ended)))
    assert world.free("n0") == 8


def test_place_given_back_is_free(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n0", "n1")))
    world.live.give_back(job.key, job.uid)
    assert world.free("n0") == 8


def test_job_deleted_while_its_pods_are_created_holds_its_place_until_that_has_ended(world: World) -> None:
    job = placed(a_job(), "n0", "n1")
    world.put(Kind.JOB, job)
    assert world.free("n0") == 0
    with world.live.launching(job.key):
        world.drop(Kind.JOB, job)
        assert world.free("n0") == 0
    assert world.free("n0") == 8


def test_place_of_a_deleted_job_of_the_same_name_is_not_inherited(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n0", "n1")))
    again = replace(job, uid="uid-new", gang=replace(job.gang, uid="uid-new"), resource_version="9")
    world.put(Kind.JOB, again)
    assert world.free("n0") == 8
    assert world.live.decision_for(job.key, "uid-new") is None
    world.live.apply(plan(place(job, "n0", "n1")))
    assert world.free("n0") == 8


def test_of_two_gangs_stored_on_one_place_both_see_that_it_is_crowded(world: World) -> None:
    mine, theirs = placed(a_job("mine"), "n0", "n1"), placed(a_job("theirs"), "n1", "n2")
    world.put(Kind.JOB, mine)
    assert [node.crowded for node in world.live.health_of(mine)] == [0, 0]
    world.put(Kind.JOB, theirs)
    assert [node.crowded for node in world.live.health_of(mine)] == [0, 8]
    assert [node.crowded for node in world.live.health_of(theirs)] == [8, 0]
