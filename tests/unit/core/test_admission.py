"""Whether a job may take part at all: its cluster, its queue, its priority class."""

from __future__ import annotations

import pytest

from crosstree.core.admission import admit
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.job import Job
from crosstree.core.plan import Wait
from crosstree.core.workload import Gang
from tests.support.builders.core import a_gang


def a_job(**changes) -> Job:
    gang = a_gang()
    values = {
        "key": gang.key, "namespace": "default", "name": "train", "uid": gang.uid, "generation": 1,
        "resource_version": "1", "created": 0.0, "cluster": "", "queue": "default", "priority_class": "",
        "framework": "pytorch", "gang": gang, "template": {},
    }  # fmt: skip
    return Job(**{**values, **changes})


EAST = Cluster("east", "u1", 1, "1", 0.0)
WEST = Cluster("west", "u2", 1, "1", 0.0)
QUEUES = {
    "default": Queue("default", "q", 1, "1", 0.0),
    "west-only": Queue("west-only", "w", 1, "1", 0.0, "west"),
}


def test_priority_of_its_class_goes_into_the_gang():
    gang = admit(a_job(priority_class="high"), {"east": EAST}, QUEUES, {"high": 100})
    assert isinstance(gang, Gang)
    assert gang.priority == 100


@pytest.mark.parametrize(
    ("job", "clusters", "message"),
    [
        (a_job(), {}, "There is no AICluster yet. An admin makes one with kubectl apply -f aicluster.yaml."),
        (
            a_job(),
            {"west": WEST, "east": EAST},
            "spec.cluster is not set and there are 2 AIClusters. Name one of: east, west.",
        ),
        (
            a_job(cluster="north"),
            {"east": EAST},
            "spec.cluster is 'north', and there is no such AICluster. Clusters here: east.",
        ),
        (
            a_job(queue="team-a"),
            {"east": EAST},
            "spec.queue is 'team-a', and there is no such JobQueue. Queues here: default, west-only.",
        ),
        (
            a_job(queue="west-only"),
            {"east": EAST},
            "spec.queue is 'west-only', which serves AICluster west, not east. "
            "Name another queue, or set spec.cluster: west.",
        ),
        (
            a_job(priority_class="urgent"),
            {"east": EAST},
            "spec.priorityClassName is 'urgent', and there is no such PriorityClass. Classes here: high.",
        ),
    ],
    ids=[
        "no cluster",
        "two clusters",
        "unknown cluster",
        "unknown queue",
        "queue of another",
        "unknown class",
    ],
)
def test_job_that_can_not_take_part_says_why_and_what_would_do(job, clusters, message):
    wait = admit(job, clusters, QUEUES, {"high": 100})
    assert isinstance(wait, Wait)
    assert wait.message == message
