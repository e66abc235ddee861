"""What a change means for others: whom it has looked at again, and whom not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.adapters.resources import Kind
from crosstree.core.calendar import Booking
from crosstree.core.cluster import PoolObject, Queue
from crosstree.core.job import Progress
from crosstree.core.snapshot import NodeState
from tests.unit.adapters.liveworld import World, a_job, placed
from tests.unit.adapters.objects import a_pod


@pytest.fixture
def world() -> World:
    return World()


def test_a_foreign_pod_that_goes_has_the_loop_look_again(world: World) -> None:
    world.pod(a_pod("foreign", node="n0"))
    assert world.free("n0") < 8
    before = world.heard.woken
    world.pod(a_pod("foreign", node="n0", phase="Succeeded"))
    assert world.heard.woken == before + 1
    assert world.free("n0") == 8


def test_a_job_is_news_to_its_queue_and_to_those_above_it(world: World) -> None:
    world.put(Kind.QUEUE, Queue("all", "uid-a", 1, "1", 0.0))
    world.put(Kind.QUEUE, Queue("team", "uid-t", 1, "1", 0.0, parent="all"))
    world.heard.marks.clear()
    world.put(Kind.JOB, replace(a_job(), queue="team"))
    assert {key for kind, key in world.heard.marks if kind == Kind.QUEUE} == {"team", "all"}


def test_a_job_that_leaves_the_line_is_news_to_its_queue(world: World) -> None:
    job = replace(a_job(), queue="team")
    world.put(Kind.QUEUE, Queue("team", "uid-t", 1, "1", 0.0))
    world.put(Kind.JOB, job)
    world.heard.marks.clear()
    told = Progress(observed={"waiting": {"reason": "ShapeImpossible", "message": "Larger than any pool."}})
    world.put(Kind.JOB, replace(job, resource_version="2", progress=told))
    assert (Kind.QUEUE, "team") in world.heard.marks


def test_a_pool_that_comes_is_news_to_the_queues_whose_quotas_may_name_its_model(world: World) -> None:
    pool = PoolObject("acme", "uid-p", 1, "1", 0.0, "east", "acme-1", "acme.com/one")
    world.put(Kind.POOL, pool)
    assert (Kind.QUEUE, "default") in world.heard.marks
    world.heard.marks.clear()
    world.put(Kind.POOL, replace(pool, resource_version="2", schedulable=False))
    assert (Kind.QUEUE, "default") not in world.heard.marks


def test_another_quota_is_news_to_every_queue(world: World) -> None:
    world.put(Kind.QUEUE, Queue("team", "uid-t", 1, "1", 0.0))
    world.heard.marks.clear()
    world.put(Kind.QUEUE, Queue("team", "uid-t", 2, "2", 0.0, weight=2.0))
    assert {key for kind, key in world.heard.marks if kind == Kind.QUEUE} == {"team", "default"}
    assert [one.weight for one in world.east.queues] == [1.0, 2.0]


def test_what_is_booked_is_laid_out_anew_only_when_the_spec_of_a_queue_changes(world: World) -> None:
    queue = Queue("team", "uid-t", 1, "1", 0.0, calendar=(Booking("b", "h100", 8, 100.0, 50.0),))
    world.put(Kind.QUEUE, queue)
    diary = world.live.diary("east")
    assert diary.promised("h100", 100.0) == (8, 8)
    world.put(Kind.QUEUE, replace(queue, resource_version="2", observed={"running": 1}))
    world.put(Kind.JOB, replace(a_job(), queue="team"))
    assert world.live.diary("east") is diary
    more = (Booking("b", "h100", 16, 100.0, 50.0),)
    world.put(Kind.QUEUE, replace(queue, generation=2, resource_version="3", calendar=more))
    assert world.live.diary("east").promised("h100", 100.0) == (16, 16)


def test_trouble_of_a_node_reaches_the_jobs_on_it(world: World) -> None:
    job = placed(a_job(), "n0", "n1")
    world.put(Kind.JOB, job)
    world.put(Kind.JOB, placed(a_job("k"), "n2", "n3"))
    world.heard.marks.clear()
    world.node("n1", ready="Unknown")
    assert [mark for mark in world.heard.marks if mark[0] == Kind.JOB] == [("TrainingJob", "default/j")]
    first, second = world.live.health_of(job)
    assert (first.state, second.state, second.exists) == (NodeState.USABLE, NodeState.NOT_READY, True)


def test_a_job_that_is_only_told_something_is_not_counted_anew(world: World) -> None:
    world.put(Kind.JOB, a_job())
    assert {("AICluster", "east"), ("JobQueue", "default")} <= set(world.heard.marks)
    world.heard.marks.clear()
    told = Progress(observed={"waiting": {"reason": "NotEnoughFree"}})
    world.put(Kind.JOB, replace(a_job(version=2), progress=told))
    assert world.heard.marks == [("TrainingJob", "default/j")]
    world.put(Kind.JOB, placed(a_job(), "n0", "n1", version=3))
    assert {("AICluster", "east"), ("JobQueue", "default")} <= set(world.heard.marks)
