"""The end of a run that lasts longer than its queue allows.

It has failed at once and is not started again. Its pods are told to end, with the time to save their work that they
would have to make room for another (`making_room.time_to_save`), and the job stays until they have.
"""

from __future__ import annotations

from crosstree.base import duration
from crosstree.core.lifecycle.facts import JobFacts, held_since
from crosstree.core.lifecycle.moves import Cause, Finish


def over_at(facts: JobFacts) -> float | None:
    """Return when the time of the run is over, seconds since the epoch; None if it never is."""
    began = held_since(facts.job.progress)
    return None if facts.bound is None or began is None else began + facts.bound.seconds


def run_over(facts: JobFacts) -> Finish | None:
    """Return the end of a job whose run has lasted as long as it may."""
    end, bound = over_at(facts), facts.bound
    if end is None or bound is None or facts.now < end:
        return None
    own = facts.job.queue
    whose = bound.queue if bound.queue == own else f"{bound.queue} above {own}"
    return Finish(
        Cause.RUN_TIME_EXCEEDED,
        f"The run has lasted {duration.text(bound.seconds)}, the longest that JobQueue {whose} allows "
        "(spec.maxRunTime). Its work is where its last checkpoint left it: go on from that in a new job, or in a queue "
        "that allows more.",
    )
