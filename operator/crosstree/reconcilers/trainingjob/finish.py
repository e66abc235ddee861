"""The end of a TrainingJob's object: its time to live after the job has ended."""

from __future__ import annotations

from crosstree.base.errors import Conflict, NotFound
from crosstree.core.job import Job
from crosstree.engine.work import Done, Outcome
from crosstree.reconcilers.ports import Writer
from crosstree.reconcilers.trainingjob.record import PLURAL


async def expire(writer: Writer, job: Job) -> Outcome:
    """Delete the job; Service and pods follow it through their owner references.

    Raises:
        ApiError: the API server did not take it.
    """
    try:
        await writer.delete_object(PLURAL, job.namespace, job.name, job.uid)
    except (NotFound, Conflict):  # gone, or another object by now
        return Done()
    return Done()
