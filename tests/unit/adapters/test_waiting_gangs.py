"""Who waits and how: admitted or told why, with which priority, kept from which nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.adapters.resources import Kind
from crosstree.core.cluster import Queue, Selector
from crosstree.core.cycle import run_cycle
from crosstree.core.job import Progress, Restart
from crosstree.core.plan import Place, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.workload import NodeConstraint
from tests.unit.adapters.liveworld import H100, World, a_job, placed, plan
from tests.unit.adapters.objects import GPU


@pytest.fixture
def world() -> World:
    return World()


def test_a_node_that_failed_a_gang_twice_is_banned(world: World) -> None:
    twice = tuple(Restart(at=at, reason="NodeLost", node="n3", charged=False) for at in (800.0, 900.0))
    world.put(Kind.JOB, replace(a_job(), progress=Progress(attempt=1, restarts=twice)))
    assert world.east.gangs[0].banned == ("n3",)
    world.clock.advance(150)
    assert (world.east.gangs[0].avoid, world.east.gangs[0].banned) == (("n3",), ())


def test_nodes_that_failed_a_gang_lately_are_avoided(world: World) -> None:
    restart = Restart(at=900.0, reason="NodeLost", node="n3", charged=False)
    world.put(Kind.JOB, replace(a_job(), progress=Progress(attempt=1, restarts=(restart,))))
    assert world.east.gangs[0].avoid == ("n3",)
    world.clock.advance(3600)
    assert world.east.gangs[0].avoid == ()


def test_verdicts_are_told_once_and_forgotten_when_the_job_is_placed(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.view()
    world.heard.marks.clear()
    verdict = Wait(job.key, job.uid, WaitReason.NOT_ENOUGH_FREE, "not now")
    world.live.apply(plan(verdict))
    world.live.apply(plan(verdict))
    assert world.heard.marks == [("TrainingJob", job.key)]
    assert world.live.decision_for(job.key, job.uid) == verdict
    world.put(Kind.JOB, placed(job, "n0", "n1"))
    world.live.view()
    assert world.live.decision_for(job.key, job.uid) is None


def test_job_that_cannot_be_admitted_is_told_why_by_the_next_view(world: World) -> None:
    job = replace(a_job(), queue="nobody")
    world.put(Kind.JOB, job)
    assert world.waiting() == []
    verdict = world.live.decision_for(job.key, job.uid)
    assert isinstance(verdict, Wait)
    assert verdict.reason is WaitReason.QUEUE_NOT_FOUND
    world.put(Kind.QUEUE, Queue("nobody", "u", 1, "1", 0.0))
    assert world.waiting() == ["default/j"]


def test_priority_comes_from_the_class(world: World) -> None:
    world.put(Kind.JOB, replace(a_job(), priority_class="high"))
    assert world.waiting() == []
    world.live.set_priorities({"high": 7})
    assert world.east.gangs[0].priority == 7


def test_a_namespace_that_gets_the_right_label_lets_its_jobs_into_the_queue(world: World) -> None:
    world.put(Kind.QUEUE, Queue("team", "uid-t", 1, "1", 0.0, namespaces=Selector((("team", "a"),))))
    job = replace(a_job(), queue="team")
    world.put(Kind.JOB, job)
    assert world.waiting() == []
    verdict = world.live.decision_for(job.key, job.uid)
    assert isinstance(verdict, Wait)
    assert verdict.reason is WaitReason.QUEUE_NOT_ALLOWED
    world.live.set_namespaces({"default": {"team": "a"}, "other": {}})
    assert world.waiting() == ["default/j"]


def test_mask_of_a_gang_follows_the_labels_of_nodes(world: World) -> None:
    job = a_job(gang={"constraint": NodeConstraint(selector=(("tier", "gold"),))})
    world.put(Kind.JOB, job)
    constraint = job.gang.demands(GPU)
    assert not world.east.masks[constraint].any()
    generation = world.east.generation
    world.node("n2", labels={**H100, "tier": "gold"})
    assert world.east.masks[constraint].tolist() == [False, False, True, False]
    assert world.east.generation > generation


@pytest.mark.parametrize(("devices", "admitted"), [(8, True), (0, False)])
def test_the_taint_of_a_resource_keeps_away_who_does_not_ask_for_it(
    world: World, devices: int, admitted: bool
) -> None:
    for name in ("n0", "n1", "n2", "n3"):
        world.node(name, taints=[{"key": GPU, "value": "present", "effect": "NoSchedule"}])
    job = a_job()
    world.put(Kind.JOB, replace(job, gang=replace(job.gang, devices=devices)))
    (plan,) = [run_cycle(snapshot, Policy(), 0.0) for snapshot in world.live.view()]
    assert isinstance(plan.decisions[0], Place) is admitted
