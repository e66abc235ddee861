"""The one status write of a reconcile, and the Events it implies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crosstree.base.errors import ApiError
from crosstree.base.names import API_VERSION
from crosstree.core.job import Job
from crosstree.core.lifecycle import JobFacts, Move, StorePlacement, after, plan_after
from crosstree.reconcilers.ports import Facts, Writer
from crosstree.status import events
from crosstree.status import job as job_status

KIND = "TrainingJob"
PLURAL = "trainingjobs"


class Recorder:
    """Writes statuses of TrainingJobs; nobody else does."""

    def __init__(self, live: Facts, writer: Writer) -> None:
        self._live = live
        self._writer = writer
        self._written: dict[str, tuple[str, str]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    async def write(self, facts: JobFacts, move: Move) -> JobFacts:
        """Store what `move` means for the status, if that differs from what is stored.

        Returns:
            The facts with the job as it is stored now, so that the next step can follow at once.

        Raises:
            Conflict: the job was changed since it was read; look again.
            ApiError: the API server did not take it.
        """
        job = facts.job
        wanted = job_status.build(facts, move)
        difference = job_status.changes(job.progress.observed, wanted)
        if not difference:
            return facts
        stored = await self._writer.patch_status(
            PLURAL,
            job.namespace,
            job.name,
            job.resource_version,
            difference,
            urgent=isinstance(move, StorePlacement),
        )
        version = str(stored["metadata"]["resourceVersion"])
        self._written[job.key] = (job.uid, version)
        self._live.store.update(KIND, stored)
        self._tell(job, job.progress.observed, wanted)
        progress = replace(
            after(job.progress, move, facts.now, job.queue),
            plan=plan_after(facts, move),
            conditions=tuple(wanted["conditions"]),
            observed=wanted,
        )
        if progress.started_at is None and "startedAt" in wanted:
            progress = replace(progress, started_at=facts.now)
        return replace(facts, job=replace(job, resource_version=version, progress=progress))

    async def write_broken(self, key: str, now: float) -> None:
        """Tell the author of a job that can't be understood; what runs of it is not touched.

        Raises:
            Conflict: the job was changed since it was read; look again.
            ApiError: the API server did not take it.
        """
        store = self._live.store
        raw, error = store.broken_raw.get((KIND, key)), store.broken.get((KIND, key))
        if raw is None or error is None or raw["metadata"].get("deletionTimestamp"):
            return
        meta, observed = raw["metadata"], raw.get("status") or {}
        wanted = job_status.broken(observed, str(error), generation=meta.get("generation", 0), now=now)
        if difference := job_status.changes(observed, wanted):
            stored = await self._writer.patch_status(
                PLURAL, meta["namespace"], meta["name"], meta["resourceVersion"], difference
            )
            store.update(KIND, stored)

    def behind(self, job: Job) -> bool:
        """Tell whether a job as read is older than what we wrote last."""
        uid, version = self._written.get(job.key, ("", ""))
        if uid != job.uid or not (version.isdigit() and job.resource_version.isdigit()):
            return False
        return int(job.resource_version) < int(version)

    def forget(self, key: str) -> None:
        """Forget a job that is gone."""
        self._written.pop(key, None)

    async def drain(self) -> None:
        """Wait until every Event on its way has been sent or given up."""
        await asyncio.gather(*self._telling)

    def _tell(self, job: Job, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Send Events without keeping the gang waiting for them."""
        implied = events.implied(old, new)
        if implied:
            task = asyncio.create_task(self._send(job, implied))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _send(self, job: Job, implied: tuple[events.Event, ...]) -> None:
        involved = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": job.namespace,
            "name": job.name,
            "uid": job.uid,
        }
        for event in implied:
            try:
                await self._writer.event(involved, event.type.value, event.reason, event.message)
            except ApiError:  # an Event is a courtesy: the status says the same, and stays
                return
