"""Whether a job may take part at all: its cluster, its queue, its priority class."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.admission import admit
from crosstree.core.cluster import Cluster, Queue, Selector
from crosstree.core.job import Job
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.workload import Gang, Requirement
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


# who may use a queue ------------------------------------------------------------------------------------------

TEAM = Queue(
    "team",
    "t",
    1,
    "1",
    0.0,
    namespaces=Selector(
        (("team", "a"),), (Requirement("env", "In", ("dev", "test")), Requirement("gone", "DoesNotExist"))
    ),
)


def asking(queue: Queue, labels: dict[str, str] | None = None, **changes) -> Gang | Wait:
    queues = {**QUEUES, queue.name: queue}
    namespaces = {} if labels is None else {"default": labels}
    return admit(
        a_job(queue=queue.name, **changes), {"east": EAST}, queues, {"high": 100, "low": -5}, namespaces
    )


def test_a_queue_takes_jobs_of_the_namespaces_it_selects():
    assert isinstance(asking(TEAM, {"team": "a", "env": "dev"}), Gang)


def test_a_job_of_another_namespace_is_told_who_may_and_where_it_could_go():
    wait = asking(TEAM, {"team": "b", "env": "dev"})
    assert isinstance(wait, Wait)
    assert (wait.reason, wait.message) == (
        WaitReason.QUEUE_NOT_ALLOWED,
        "spec.queue is 'team', which takes only jobs of namespaces with team=a,env in (dev, test),!gone, and default is"
        " none. Queues that take its jobs: default.",
    )


def test_a_namespace_that_was_not_heard_of_yet_has_its_name_at_least():
    named = replace(TEAM, namespaces=Selector((("kubernetes.io/metadata.name", "default"),)))
    assert isinstance(asking(named), Gang)
    assert isinstance(asking(TEAM), Wait)


def test_a_job_without_a_class_has_the_priority_of_its_queue():
    gang = asking(replace(TEAM, namespaces=Selector(), priority=7))
    assert isinstance(gang, Gang)
    assert gang.priority == 7


def test_a_job_of_too_high_a_priority_is_told_which_classes_are_not():
    wait = asking(replace(TEAM, namespaces=Selector(), max_priority=50), priority_class="high")
    assert isinstance(wait, Wait)
    assert (wait.reason, wait.message) == (
        WaitReason.QUEUE_NOT_ALLOWED,
        "spec.priorityClassName is 'high' of value 100, and JobQueue team takes at most 50. Classes it takes: low; or"
        " name none.",
    )


def test_a_queue_serves_the_cluster_its_parent_names():
    below = Queue("below", "b", 1, "1", 0.0, parent="west-only")
    wait = asking(below)
    assert isinstance(wait, Wait)
    assert "which serves AICluster west, not east" in wait.message
