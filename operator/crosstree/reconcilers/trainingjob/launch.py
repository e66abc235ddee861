"""From a placement to a whole gang of pods: status first, then the pods all at once, then their Service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from crosstree.base.errors import FORBIDDEN, AlreadyExists, ApiError, NotFound, Refused, SpecError
from crosstree.base.names import pod_name
from crosstree.core.admission import cluster_of
from crosstree.core.cluster import Binding, Cluster
from crosstree.core.lifecycle import JobFacts, StorePlacement, Trouble, Withdraw, after_creation, was_ready
from crosstree.engine.work import Again, Outcome
from crosstree.manifests.pods import GangPods
from crosstree.manifests.services import service
from crosstree.reconcilers.ports import Facts, Writer
from crosstree.reconcilers.trainingjob.expectations import SEEN_WITHIN, Expectations
from crosstree.reconcilers.trainingjob.record import Recorder

SOON = 0.1
"""Seconds until the pods of a launch that was given up are looked for, to be deleted."""

RETRY = 1.0
"""Seconds until pods are tried again that a struggling API server did not make."""

TAKEN = (
    "a pod of that name exists already and belongs to another object. Delete it, or rename this TrainingJob."
)


class Launcher:
    """Stores placements and makes the pods they call for."""

    def __init__(self, live: Facts, writer: Writer, recorder: Recorder, expectations: Expectations) -> None:
        self._live = live
        self._writer = writer
        self._recorder = recorder
        self._expectations = expectations

    async def place(self, facts: JobFacts, move: StorePlacement) -> JobFacts:
        """Store a placement; the facts returned want their pods launched.

        Raises:
            Conflict: the job was changed since it was read, maybe by a write of ours whose answer was lost. The
                accelerators stay reserved until the job is seen again: the next look says whether it has the
                place, still wants it, or gives it back.
            ApiError: the API server did not take it. Where it may have done so all the same, likewise, and where
                it refused for want of rights, which come back: deciding anew would not bring them sooner.
        """
        key, uid = facts.job.key, facts.job.uid
        try:
            placed = await self._recorder.write(facts, move)
        except (NotFound, Refused) as error:
            if error.status != FORBIDDEN:
                self._live.give_back(key, uid)
            raise
        self._live.carried_out(key, uid)
        return placed

    async def create(self, facts: JobFacts, missing: Sequence[int]) -> Outcome:
        """Create the pods of `missing`, all concurrently, and the Service.

        Nothing more is decided in this look, for `facts` do not know the new pods.

        Raises:
            ApiError: the status could not be written.
        """
        job, key = facts.job, facts.job.key
        try:
            gang = self._gang(facts)
        except SpecError as error:
            await self._recorder.write(facts, Withdraw(str(error)))
            return Again(SOON)
        names = [pod_name(job.name, index) for index in missing]
        self._expectations.come(key, names)
        with self._live.launching(key):
            answers = await asyncio.gather(
                *(self._writer.create_pod(job.namespace, gang.body(index)) for index in missing),
                return_exceptions=True,
            )
        troubles: list[Trouble] = []
        for name, answer in zip(names, answers, strict=True):
            trouble = _trouble(f"Pod {name}", answer)
            if isinstance(answer, AlreadyExists) and self._expectations.taken(key, name, facts.now):
                trouble = Trouble(f"Pod {name}", TAKEN, final=True)
            if trouble is not None:
                troubles.append(trouble)
                self._expectations.forgo(key, name)
        if not troubles:
            # After the pods: its endpoints are then worked out for the gang, not for each pod that appears.
            return await self.serve(facts)
        if verdict := after_creation(facts, troubles):
            await self._recorder.write(facts, verdict)
            return Again(SOON)
        return Again(RETRY)

    async def serve(self, facts: JobFacts) -> Again:
        """Create the job's Service, unless that was done a moment ago and is still to be seen.

        Raises:
            ApiError: the status could not be written; or the Service of a gang that has been whole could not be made
                anew, for whatever reason: its processes have found each other, and are not stopped for that.
        """
        job = facts.job
        if facts.served or not self._expectations.serve(job.uid, facts.now):
            return Again(SEEN_WITHIN)
        try:
            await self._writer.create_service(job.namespace, json.dumps(service(job)).encode())
            return Again(SEEN_WITHIN)
        except ApiError as error:
            trouble = _trouble(f"Service {job.name}", error)
            if trouble is None:
                return Again(SEEN_WITHIN)
            self._expectations.unserve(job.uid)
            if was_ready(job.progress):
                raise
        if verdict := after_creation(facts, [trouble]):
            await self._recorder.write(facts, verdict)
            return Again(SOON)
        return Again(RETRY)

    def _gang(self, facts: JobFacts) -> GangPods:
        job = facts.job
        placement = job.progress.placement
        if placement is None:
            raise SpecError(f"TrainingJob {job.key}: there is no placement to launch.")
        cluster = cluster_of(job, self._live.store.clusters)
        binding = cluster.binding if isinstance(cluster, Cluster) else Binding.SCHEDULER
        return GangPods(job, placement, attempt=job.progress.attempt, binding=binding)


def _trouble(what: str, answer: object) -> Trouble | None:
    """Read the answer to one creation; None if the object exists now, as far as anybody can tell."""
    match answer:
        case AlreadyExists():
            return None  # ours, made before a crash or a lost answer, and about to be seen
        case Refused() | NotFound():
            return Trouble(what, str(answer), final=True)
        case ApiError():
            return Trouble(what, str(answer), final=False)
        case BaseException():
            raise answer
        case _:
            return None
