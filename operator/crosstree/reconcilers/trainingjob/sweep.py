"""Deleting pods, and waiting until they are gone."""

from __future__ import annotations

import asyncio
import math

from crosstree.base.errors import ApiError, Conflict, NotFound
from crosstree.core.lifecycle import SAVED_SECONDS, JobFacts, Sweep
from crosstree.engine.work import Again, Outcome
from crosstree.reconcilers.ports import Writer
from crosstree.reconcilers.trainingjob.expectations import TOLD_AGAIN, Expectations

AT_ONCE = 0
"""Grace in seconds for pods whose node is gone or given up: no kubelet is there to give them any."""


class Sweeper:
    """Deletes pods of ended attempts."""

    def __init__(self, writer: Writer, expectations: Expectations) -> None:
        self._writer = writer
        self._expectations = expectations

    async def delete(self, facts: JobFacts, move: Sweep) -> Outcome:
        """Tell pods to go, all concurrently; each by its uid, so that never another pod is hit.

        Raises:
            ApiError: the first deletion that the API server did not take; the others are done.
        """
        key, namespace, now = facts.job.key, facts.job.namespace, facts.now
        told = self._expectations.to_tell(key, move.pods, now)
        hurried = self._expectations.to_tell(key, move.hurried, now, anew="hurried")
        grace = None if move.grace is None else math.ceil(move.grace)
        removed = self._expectations.to_tell(key, move.force, now, anew="by force")
        answers = await asyncio.gather(
            *(self._writer.delete_pod(namespace, pod.name, pod.uid, grace) for pod in told),
            *(self._writer.delete_pod(namespace, pod.name, pod.uid, int(SAVED_SECONDS)) for pod in hurried),
            *(self._writer.delete_pod(namespace, pod.name, pod.uid, AT_ONCE) for pod in removed),
            return_exceptions=True,
        )
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        errors = [error for error in failed if not isinstance(error, NotFound | Conflict)]
        if errors:
            self._expectations.settle(key)
            raise next((error for error in errors if not isinstance(error, ApiError)), errors[0])
        return Again(TOLD_AGAIN if move.until is None else min(TOLD_AGAIN, max(move.until - now, 0.0)))
