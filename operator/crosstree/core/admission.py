"""May this job take part in scheduling at all? Answers what only the whole cluster's objects can tell.

What one object can violate alone is refused by the API server; what depends on others (no such queue, two
AIClusters and none named) ends here, as a Wait with the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from crosstree.base import duration
from crosstree.base.words import listed
from crosstree.core import queuetree
from crosstree.core.cluster import Cluster, Queue, Selector
from crosstree.core.eligibility import selects
from crosstree.core.job import Job
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.runbound import run_bound
from crosstree.core.workload import Gang, Requirement

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Label that the API server puts on every namespace."""

_NONE_KNOWN: Mapping[str, Mapping[str, str]] = MappingProxyType({})

SHOWN = 5
"""Alternatives named in a message; more would bury the sentence."""


def admit(
    job: Job,
    clusters: Mapping[str, Cluster],
    queues: Mapping[str, Queue],
    priorities: Mapping[str, int],
    namespaces: Mapping[str, Mapping[str, str]] = _NONE_KNOWN,
) -> Gang | Wait:
    """Return the gang with its priority filled in, or why it can't be considered.

    Args:
        job: A job that wants a placement.
        clusters: AIClusters by name.
        queues: JobQueues by name.
        priorities: Value of each PriorityClass by name.
        namespaces: Labels of each namespace by name.
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
    serves = queuetree.serves(queue, queues)
    if serves not in ("", cluster.name):
        return _wait(
            job,
            WaitReason.QUEUE_NOT_FOUND,
            f"spec.queue is {job.queue!r}, which serves AICluster {serves}, not {cluster.name}. "
            f"Name another queue, or set spec.cluster: {serves}.",
        )
    labels = {NAMESPACE_NAME: job.namespace, **namespaces.get(job.namespace, {})}
    if not selects(queue.namespaces, "", labels):
        takes = {
            name: one
            for name, one in queues.items()
            if queuetree.serves(one, queues) in ("", cluster.name) and selects(one.namespaces, "", labels)
        }
        return _wait(
            job,
            WaitReason.QUEUE_NOT_ALLOWED,
            f"spec.queue is {job.queue!r}, which takes only jobs of namespaces with {_written(queue.namespaces)}, "
            f"and {job.namespace} is none. Queues that take its jobs: {_some(takes)}.",
        )
    if job.priority_class and job.priority_class not in priorities:
        return _wait(
            job,
            WaitReason.PRIORITY_CLASS_NOT_FOUND,
            f"spec.priorityClassName is {job.priority_class!r}, and there is no such PriorityClass. "
            f"Classes here: {_some(priorities)}.",
        )
    priority = priority_of(job, queues, priorities)
    if queue.max_priority is not None and priority > queue.max_priority:
        allowed = {name: value for name, value in priorities.items() if value <= queue.max_priority}
        return _wait(
            job,
            WaitReason.QUEUE_NOT_ALLOWED,
            f"spec.priorityClassName is {job.priority_class!r} of value {priority}, and JobQueue {job.queue} takes "
            f"at most {queue.max_priority}. Classes it takes: {_some(allowed)}; or name none.",
        )
    bound, declared = run_bound(job.queue, queues), job.gang.expected
    if bound is not None and declared is not None and declared.seconds > bound.seconds:
        whose = bound.queue if bound.queue == job.queue else f"{bound.queue} above {job.queue}"
        return _wait(
            job,
            WaitReason.QUEUE_NOT_ALLOWED,
            f"spec.expectedDuration is {duration.text(declared.seconds)}, and JobQueue {whose} lets no run last longer "
            f"than {duration.text(bound.seconds)}. Declare at most that, or name a queue that allows more.",
        )
    return replace(job.gang, priority=priority)


def priority_of(job: Job, queues: Mapping[str, Queue], priorities: Mapping[str, int]) -> int:
    """Return the priority of a job: that of its class, else that of its queue; 0 where the class is not known."""
    if job.priority_class:
        return priorities.get(job.priority_class, 0)
    queue = queues.get(job.queue)
    return queue.priority if queue is not None else 0


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


def _written(selector: Selector) -> str:
    """Write a label selector as `kubectl -l` takes it."""
    pairs = [f"{key}={value}" for key, value in selector.labels]
    return ",".join((*pairs, *(_demand(one) for one in selector.expressions)))


def _demand(one: Requirement) -> str:
    match one.operator:
        case "In" | "NotIn":
            return f"{one.key} {one.operator.lower()} ({', '.join(one.values)})"
        case "DoesNotExist":
            return f"!{one.key}"
        case _:
            return one.key


def _some(names: Mapping[str, object]) -> str:
    """List the first few names in order; an empty mapping reads `none`."""
    return listed(sorted(names), SHOWN) or "none"
