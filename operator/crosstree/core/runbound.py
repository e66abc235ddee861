"""How long a run may last: the least that its queue, or one above it, allows. Nobody is expected to run longer."""

from __future__ import annotations

from collections.abc import Mapping

from crosstree.core.cluster import Queue
from crosstree.core.expect import DECLARED_CONFIDENCE, capped, expected, left, work_done
from crosstree.core.job import Job
from crosstree.core.queues import QueueSpec, RunBound
from crosstree.core.queuetree import upwards
from crosstree.core.workload import Expectation, Source


def run_bound(name: str, queues: Mapping[str, Queue | QueueSpec]) -> RunBound | None:
    """Return the least bound of a queue and those above it, the nearest of equal ones; None if there is none."""
    queue = queues.get(name)
    found = [
        RunBound(one.name, one.max_run_time)
        for one in (upwards(queue, queues) if queue is not None else ())
        if one.max_run_time is not None
    ]
    return min(found, key=lambda one: one.seconds, default=None)


def bounded(known: Expectation, bound: RunBound | None) -> Expectation:
    """Return how long a run will last at most: whatever is expected, it is over when its time is."""
    if bound is None:
        return known
    if known.confidence <= 0:
        return Expectation(
            bound.seconds, Source.BOUND, DECLARED_CONFIDENCE, bound.seconds, known.percent_of_declared
        )
    return capped(known, bound.seconds)


def expected_in(queues: Mapping[str, Queue], job: Job) -> Expectation:
    """Return how long a job runs from its next start on, or from its last: for all work that was not safe then.

    Args:
        queues: JobQueues by name, with what they have learned.
        job: The job, with what its author declares.
    """
    return bounded(unbounded_in(queues, job), run_bound(job.queue, queues))


def unbounded_in(queues: Mapping[str, Queue], job: Job) -> Expectation:
    """Return the same as if no queue bounded how long it runs."""
    queue, gang = queues.get(job.queue), job.gang
    lessons = queue.lessons if queue is not None else ()
    whole = expected(gang.expected, job.name, gang.workers * gang.devices, lessons)
    return left(whole, work_done(job))
