"""Gangs that hold nodes, as snapshots show them: from the promise to the last pod, the same object meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.adapters.resources import Kind
from crosstree.base.clock import to_rfc3339
from crosstree.core.checkpoint import Checkpoint
from crosstree.core.cluster import Cluster, PoolObject, Queue
from crosstree.core.expect import DECLARED_CONFIDENCE
from crosstree.core.job import Job
from crosstree.core.queues import Quota
from crosstree.core.running import Running
from crosstree.core.workload import Expectation, Source
from tests.unit.adapters.liveworld import GPU, World, a_job, place, placed, plan
from tests.unit.adapters.objects import our_pod

POOL = "east-nvidia-h100-sxm"


@pytest.fixture
def world() -> World:
    return World()


def running(world: World) -> dict[str, Running]:
    return {one.gang.key: one for one in world.east.running}


def where(world: World, key: str = "default/j") -> list[tuple[str, int]]:
    one, names = running(world)[key], world.east.names
    return [(names[row], count) for row, count in zip(one.rows.tolist(), one.counts.tolist(), strict=True)]


def told_to_stop(job: Job, at: float) -> Job:
    since = to_rfc3339(at)
    conditions = ({"type": "Placed", "status": "False", "lastTransitionTime": since},)
    progress = replace(job.progress, conditions=conditions)
    return replace(job, resource_version=str(int(job.resource_version) + 1), progress=progress)


def test_a_gang_runs_from_the_moment_its_place_is_promised(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    assert running(world) == {}
    world.live.apply(plan(place(job, "n1", "n2")))
    one = running(world)["default/j"]
    assert where(world) == [("n1", 1), ("n2", 1)]
    assert (one.pool, one.model, one.workers, one.devices) == (POOL, "nvidia-h100-sxm", 2, 16)
    assert (one.began, one.saved, one.leaving) == (world.clock.now(), world.clock.now(), False)


def test_a_gang_that_starts_as_decided_stays_the_same_object(world: World) -> None:
    job = a_job(gang={"requests": (("cpu", 500), ("memory", 1 << 30))})
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n1", "n2")))
    before = world.east
    world.clock.advance(3.0)
    stored = placed(job, "n1", "n2")
    world.live.carried_out(job.key, job.uid)
    world.put(Kind.JOB, stored)
    for index, node in enumerate(("n1", "n2")):
        world.pod(our_pod("j", index, node=node, gpus=8, phase="Running"))
    world.put(Kind.JOB, replace(stored, resource_version="9"))
    assert world.east is before


def test_a_gang_began_in_the_second_in_which_a_plan_may_name_it_already(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.clock.advance(0.7)
    world.live.apply(plan(place(job, "n1", "n2")))
    assert running(world)["default/j"].began == 1000.0


def test_a_gang_found_leaving_began_before_it_was_told_to_go(world: World) -> None:
    job = told_to_stop(placed(a_job(created=300.0), "n1", "n2"), 990.0)
    world.put(Kind.JOB, job)
    one = running(world)["default/j"]
    assert (one.began, one.leaving) == (300.0, True)


def test_a_gang_found_running_began_when_it_was_placed(world: World) -> None:
    found = placed(a_job(), "n0", "n1")
    since = to_rfc3339(500.0)
    conditions = ({"type": "Placed", "status": "True", "lastTransitionTime": since},)
    world.put(Kind.JOB, replace(found, progress=replace(found.progress, conditions=conditions)))
    assert running(world)["default/j"].began == 500.0


def test_a_declared_duration_says_when_a_gang_ends(world: World) -> None:
    expected = Expectation(3600.0, Source.DECLARED, 0.9)
    job = a_job(gang={"expected": expected})
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n1", "n2")))
    assert running(world)["default/j"].ends == world.clock.now() + 3600.0


def test_a_gang_that_overruns_is_expected_to_end_later_and_only_then_becomes_another_object(
    world: World,
) -> None:
    job = a_job(gang={"expected": Expectation(100.0, Source.DECLARED, 0.9)})
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n1", "n2")))
    began, before = world.clock.now(), world.east
    assert before.running[0].ends == began + 100.0
    world.clock.advance(99.0)
    assert world.east is before
    world.clock.advance(2.0)
    assert running(world)["default/j"].ends == began + 150.0


def test_a_gang_that_was_told_to_stop_is_leaving_until_its_pods_may_take_no_longer(world: World) -> None:
    template = {"spec": {"terminationGracePeriodSeconds": 120}}
    job = placed(a_job(template=template), "n1", "n2")
    world.put(Kind.JOB, job)
    assert not running(world)["default/j"].leaving
    world.put(Kind.JOB, told_to_stop(job, 990.0))
    one = running(world)["default/j"]
    assert (one.leaving, one.ends) == (True, 990.0 + 120.0)
    world.clock.advance(120.0)
    assert running(world)["default/j"].ends > world.clock.now()


def test_nodes_of_a_deleted_job_are_leaving_until_its_last_pod_has_ended(world: World) -> None:
    job = placed(a_job(), "n1", "n2")
    world.put(Kind.JOB, job)
    pods = [our_pod("j", index, node=node, owner=job.uid) for index, node in enumerate(("n1", "n2"))]
    for pod in pods:
        world.pod(pod)
    assert not running(world)["default/j"].leaving
    world.drop(Kind.JOB, job)
    assert running(world)["default/j"].leaving
    assert where(world) == [("n1", 1), ("n2", 1)]
    world.pod(our_pod("j", 0, node="n1", owner=job.uid, phase="Failed", version=2))
    assert where(world) == [("n2", 1)]
    world.pod(our_pod("j", 1, node="n2", owner=job.uid, phase="Succeeded", version=2))
    assert running(world) == {}


def test_a_job_being_deleted_holds_only_what_its_pods_hold(world: World) -> None:
    job = placed(a_job(), "n1", "n2")
    world.put(Kind.JOB, job)
    world.pod(our_pod("j", 0, node="n1", owner=job.uid))
    assert where(world) == [("n1", 1), ("n2", 1)]
    world.put(Kind.JOB, replace(job, deleting=True, resource_version="8"))
    assert where(world) == [("n1", 1)]
    assert running(world)["default/j"].leaving


def test_a_job_that_has_ended_runs_no_more(world: World) -> None:
    job = placed(a_job(), "n1", "n2")
    world.put(Kind.JOB, job)
    ended = ({"type": "Finished", "status": "True"},)
    progress = replace(job.progress, conditions=(*job.progress.conditions, *ended))
    world.put(Kind.JOB, replace(job, resource_version="9", progress=progress))
    assert running(world) == {}


def test_a_worker_that_ended_well_holds_nothing_any_more(world: World) -> None:
    job = placed(a_job(), "n1", "n2")
    world.put(Kind.JOB, job)
    world.pod(our_pod("j", 0, node="n1", owner=job.uid, phase="Succeeded"))
    world.pod(our_pod("j", 1, node="n2", owner=job.uid, phase="Running"))
    assert where(world) == [("n2", 1)]


def test_a_gang_keeps_its_nodes_though_its_queue_and_its_priority_class_are_gone(world: World) -> None:
    job = placed(a_job(queue="gone", priority_class="gone", gang={"queue": "gone"}), "n1", "n2")
    world.put(Kind.JOB, job)
    one = running(world)["default/j"]
    assert (one.gang.queue, one.gang.priority) == ("gone", 0)


def test_a_gang_belongs_to_the_cluster_of_its_pool_whatever_other_clusters_come(world: World) -> None:
    world.put(Kind.POOL, PoolObject(POOL, "p", 1, "1", 0.0, "east", "nvidia-h100-sxm", GPU, owned=True))
    world.put(Kind.JOB, placed(a_job(), "n1", "n2"))
    world.put(Kind.CLUSTER, Cluster("aaa", "uid-a", 1, "1", 5.0))
    found = {one.cluster: [each.gang.key for each in one.running] for one in world.live.view()}
    assert found == {"aaa": [], "east": ["default/j"]}


def test_a_node_that_is_gone_is_not_held(world: World) -> None:
    world.put(Kind.JOB, placed(a_job(), "n1", "elsewhere"))
    assert where(world) == [("n1", 1)]


def test_rows_follow_the_layout(world: World) -> None:
    world.put(Kind.JOB, placed(a_job(), "n1", "n2"))
    before = running(world)["default/j"]
    world.node("a0")
    assert where(world) == [("n1", 1), ("n2", 1)]
    assert running(world)["default/j"].rows.tolist() == [row + 1 for row in before.rows.tolist()]


def test_queues_of_other_clusters_are_left_out(world: World) -> None:
    world.put(Kind.QUEUE, Queue("ours", "u1", 1, "1", 0.0, "east"))
    world.put(Kind.QUEUE, Queue("theirs", "u2", 1, "1", 0.0, "west"))
    assert [queue.name for queue in world.east.queues] == ["default", "ours"]


def test_a_limit_that_an_admin_changes_is_in_the_next_snapshot(world: World) -> None:
    queue = Queue("ours", "u1", 1, "1", 0.0, "east")
    world.put(Kind.QUEUE, queue)
    assert world.east.queues[1].quotas == ()
    quotas = (Quota("*", limit=8),)
    world.put(Kind.QUEUE, replace(queue, generation=2, resource_version="2", quotas=quotas))
    assert world.east.queues[1].quotas == quotas


def test_the_last_checkpoint_that_a_job_or_a_pod_reports_is_when_its_work_is_safe(world: World) -> None:
    since = to_rfc3339(100.0)
    found = placed(a_job(), "n0", "n1")
    conditions = ({"type": "Placed", "status": "True", "lastTransitionTime": since},)
    found = replace(found, progress=replace(found.progress, conditions=conditions))
    world.put(Kind.JOB, found)
    assert running(world)["default/j"].saved == 100.0
    told = Checkpoint(reported=to_rfc3339(600.0), restart_cost=90.0)
    world.put(Kind.JOB, replace(found, resource_version="5", checkpoint=told))
    assert (running(world)["default/j"].saved, running(world)["default/j"].restart_cost) == (600.0, 90.0)
    annotations = {"annotations": {"crosstree.dev/checkpointed-at": to_rfc3339(700.0)}}
    world.pod(our_pod("j", 0, node="n0", metadata=annotations))
    assert running(world)["default/j"].saved == 700.0


def test_the_status_of_a_queue_changes_no_snapshot(world: World) -> None:
    queue = Queue("ours", "u1", 1, "1", 0.0, "east")
    world.put(Kind.QUEUE, queue)
    before = world.east
    world.put(Kind.QUEUE, replace(queue, resource_version="2", observed={"running": 3}))
    assert world.east is before


def test_what_happens_to_one_gang_leaves_all_others_the_same_objects(world: World) -> None:
    for number in range(4):
        world.put(Kind.JOB, placed(a_job(f"j{number}", workers=1), f"n{number}"))
    for number in range(4, 50):
        world.put(Kind.JOB, a_job(f"j{number:02d}"))
    before = world.east
    world.put(Kind.JOB, told_to_stop(placed(a_job("j0", workers=1), "n0"), 990.0))
    after = world.east
    assert after.gangs is before.gangs
    assert after.masks is before.masks
    assert [one is other for one, other in zip(before.running, after.running, strict=True)] == [
        False,
        True,
        True,
        True,
    ]


def test_a_queue_that_bounds_its_runs_tells_when_an_unknown_one_has_ended(world: World) -> None:
    bounded = Queue("default", "uid-q", 2, "2", 0.0, max_run_time=7200.0)
    world.put(Kind.QUEUE, bounded)
    job = a_job()
    world.put(Kind.JOB, job)
    (gang,) = world.east.gangs
    assert gang.expected == Expectation(7200.0, Source.BOUND, DECLARED_CONFIDENCE, 7200.0)
    world.live.apply(plan(place(job, "n1", "n2")))
    assert running(world)["default/j"].ends == world.clock.now() + 7200


def test_another_bound_is_told_to_those_that_run(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, placed(job, "n1", "n2"))
    world.heard.marks.clear()
    world.put(Kind.QUEUE, Queue("default", "uid-q", 2, "2", 0.0, max_run_time=7200.0))
    assert (Kind.JOB, "default/j") in world.heard.marks
