"""What the TrainingJob reconciler needs from the outside: facts to read and writes to ask for.

`adapters.livecluster.LiveCluster` and `adapters.writer.Writer` are the real ones; tests bring their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from crosstree.base.errors import SpecError
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.job import Job
from crosstree.core.plan import Decision
from crosstree.core.pods import NodeHealth, PodFact


class JobStore(Protocol):
    """Objects of our kinds as last seen."""

    @property
    def jobs(self) -> Mapping[str, Job]:
        """TrainingJobs by `namespace/name`."""
        ...

    @property
    def clusters(self) -> Mapping[str, Cluster]:
        """AIClusters by name."""
        ...

    @property
    def queues(self) -> Mapping[str, Queue]:
        """JobQueues by name."""
        ...

    @property
    def broken(self) -> Mapping[tuple[str, str], SpecError]:
        """Why an object can't be understood, by kind and key."""
        ...

    @property
    def broken_raw(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """The same objects as they came."""
        ...

    def update(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Remember an object as a write returned it, unless it is gone by now."""
        ...


class Facts(Protocol):
    """What is true now."""

    @property
    def store(self) -> JobStore:
        """Objects of our kinds."""
        ...

    def pods_of(self, namespace: str, job_name: str) -> tuple[PodFact, ...]:
        """Return every pod labelled with a job's name, whoever owns it."""
        ...

    def health_of(self, job: Job) -> tuple[NodeHealth, ...]:
        """Return the health of the nodes of a job's placement."""
        ...

    def served(self, job: Job) -> bool:
        """Tell whether the job has its Service."""
        ...

    def decision_for(self, key: str, uid: str) -> Decision | None:
        """Return what the scheduler last decided, unless it was carried out or given back."""
        ...

    def carried_out(self, key: str, uid: str) -> None:
        """Say that the placement decided is in the status now."""
        ...

    def launching(self, key: str) -> AbstractContextManager[None]:
        """Hold the job's places while its pods are being created, whatever becomes of the job meanwhile."""
        ...

    def give_back(self, key: str, uid: str) -> None:
        """Say that the placement decided will not be used."""
        ...


class Writer(Protocol):
    """Writes to the API server, and asks it past every cache; every method raises `base.errors.ApiError`."""

    async def pods_now(self, namespace: str, job_name: str, job_uid: str) -> frozenset[str]:
        """Return the names of the pods of this very job that exist now, whatever the watch has shown."""
        ...

    async def create_pod(self, namespace: str, body: bytes) -> object:
        """Create a pod."""
        ...

    async def create_service(self, namespace: str, body: bytes) -> object:
        """Create a Service."""
        ...

    async def delete_pod(self, namespace: str, name: str, uid: str, grace: int | None = None) -> object:
        """Delete this very pod; `grace` in seconds overrides its own."""
        ...

    async def patch_status(
        self,
        plural: str,
        namespace: str | None,
        name: str,
        resource_version: str,
        status: Mapping[str, Any],
        *,
        urgent: bool = False,
    ) -> Mapping[str, Any]:
        """Merge into the status of an object that nobody has written since; return the object.

        An `urgent` one goes out with the pods that wait for it.
        """
        ...

    async def delete_object(self, plural: str, namespace: str | None, name: str, uid: str) -> object:
        """Delete an object of our kinds; its children follow in the background."""
        ...

    async def event(self, involved: Mapping[str, Any], type: str, reason: str, message: str) -> object:
        """Record an Event about an object."""
        ...
