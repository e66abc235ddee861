"""What a JobQueue says about itself, and how jobs are counted."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.cluster import Queue
from crosstree.core.job import Job, Placement, Progress
from crosstree.core.workload import Gang
from crosstree.status.queue import JobCounts, build, count

QUEUE = Queue("default", "u", 1, "3", 0.0)
PLACED = Placement("p", "h100", "nvidia.com/gpu", ())


def a_job(**progress) -> Job:
    gang = Gang("ml/a", "1", workers=4, devices=8)
    return Job(
        "ml/a",
        "ml",
        "a",
        "1",
        1,
        "1",
        0.0,
        "",
        "default",
        "",
        "pytorch",
        gang,
        {},
        progress=Progress(**progress),
    )


def test_placed_jobs_run_and_hold_their_accelerators():
    assert count([a_job(placement=PLACED), a_job(placement=PLACED)]) == JobCounts(2, 0, (("h100", 64),))


def test_finished_suspended_and_ending_jobs_neither_run_nor_wait():
    jobs = [
        a_job(placement=PLACED, finished_at=1.0),
        replace(a_job(), suspend=True),
        replace(a_job(), deleting=True),
    ]
    assert count(jobs) == JobCounts()


def test_a_job_without_placement_waits():
    assert count([a_job()]) == JobCounts(0, 1)


def test_usage_is_told_per_model():
    status = build(QUEUE, JobCounts(1, 2, (("h100", 32),)), cluster_exists=True, now=0.0)
    assert status["usage"] == [{"model": "h100", "allocated": 32}]
    assert (status["running"], status["waiting"]) == (1, 2)


def test_a_queue_of_no_cluster_is_not_ready():
    (condition,) = build(replace(QUEUE, cluster="west"), JobCounts(), cluster_exists=False, now=0.0)[
        "conditions"
    ]
    assert (condition["status"], condition["reason"]) == ("False", "ClusterNotFound")
    assert "'west'" in condition["message"]
