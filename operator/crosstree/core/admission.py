"""May this job take part in scheduling at all? Answers what only the whole cluster's objects can tell.

What one object can violate alone is refused by the API server; what depends on others (no such queue, two
AIClusters and none named) ends here, as a Wait with the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from crosstree.base.words import listed
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.job import Job
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.workload import Gang

SHOWN = 5
"""Alternatives named in a message; more would bury the sentence."""


def admit(
    job: Job, clusters: Mapping[str, Cluster], queues: Mapping[str, Queue], priorities: Mapping[str, int]
) -> Gang | Wait:
    """Return the gang with its priority filled in, or why it can't be considered.

    Args:
        job: A job that wants a placement.
        clusters: AIClusters by name.
        queues: JobQueues by name.
        priorities: Value of each PriorityClass by name.
    """
    cluster = cluster_of(job, clusters)
    if isinstance(cluster, Wait):
        return cluster
    queue = queues.get(job.queue)
    if queue is None:
        return _wait(
            job,
            WaitReason.QUEUE_NOT_FOUND,
            f"spec.queue is {job.queue!r}, and there is no such JobQueue. Queues here: {_some(queues)}.",
        )
    if queue.cluster and queue.cluster != cluster.name:
        return _wait(
            job,
            WaitReason.QUEUE_NOT_FOUND,
            f"spec.queue is {job.queue!r}, which serves AICluster {queue.cluster}, not {cluster.name}. "
            f"Name another queue, or set spec.cluster: {queue.cluster}.",
        )
    if job.priority_class and job.priority_class not in priorities:
        return _wait(
            job,
            WaitReason.PRIORITY_CLASS_NOT_FOUND,
            f"spec.priorityClassName is {job.priority_class!r}, and there is no such PriorityClass. "
            f"Classes here: {_some(priorities)}.",
        )
    return replace(job.gang, priority=priorities.get(job.priority_class, 0))


def cluster_of(job: Job, clusters: Mapping[str, Cluster]) -> Cluster | Wait:
    """Return the AICluster a job belongs to: the one it names, or the only one there is."""
    if job.cluster:
        named = clusters.get(job.cluster)
        return named or _wait(
            job,
            WaitReason.CLUSTER_NOT_FOUND,
            f"spec.cluster is {job.cluster!r}, and there is no such AICluster. Clusters here: {_some(clusters)}.",
        )
    match list(clusters.values()):
        case [only]:
            return only
        case []:
            return _wait(
                job,
                WaitReason.CLUSTER_NOT_FOUND,
                "There is no AICluster yet. An admin makes one with kubectl apply -f aicluster.yaml.",
            )
        case _:
            return _wait(
                job,
                WaitReason.CLUSTER_NOT_FOUND,
                f"spec.cluster is not set and there are {len(clusters)} AIClusters. Name one of: {_some(clusters)}.",
            )


def _wait(job: Job, reason: WaitReason, message: str) -> Wait:
    return Wait(job.key, job.uid, reason, message)


def _some(names: Mapping[str, object]) -> str:
    """List the first few names in order; an empty mapping reads `none`."""
    return listed(sorted(names), SHOWN) or "none"
