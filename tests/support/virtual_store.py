"""The one job of a virtual world, as the object store would hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from crosstree.base.errors import SpecError
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.job import Job


class World(Protocol):
    """Where the job lives."""

    job: Job
    exists: bool
    broken_raw: Mapping[str, Any] | None


@dataclass
class VirtualStore:
    """The part of the object store that the reconciler reads."""

    world: World
    clusters: dict[str, Cluster]
    queues: dict[str, Queue] = field(default_factory=dict)

    @property
    def jobs(self) -> Mapping[str, Job]:
        """The one job, if it is still there."""
        known = self.world.exists and self.world.broken_raw is None
        return {self.world.job.key: self.world.job} if known else {}

    @property
    def broken(self) -> Mapping[tuple[str, str], SpecError]:
        """Why the job can't be understood, if it is broken."""
        return {key: SpecError("spec.workers is 'x'; write a number.") for key in self.broken_raw}

    @property
    def broken_raw(self) -> Mapping[tuple[str, str], Mapping[str, Any]]:
        """The broken job as it stands."""
        if self.world.broken_raw is None:
            return {}
        job = self.world.job
        meta = {**self.world.broken_raw["metadata"], "resourceVersion": job.resource_version}
        raw = {**self.world.broken_raw, "metadata": meta, "status": job.progress.observed}
        return {("TrainingJob", job.key): raw}

    def update(self, kind: str, raw: Mapping[str, Any]) -> None:
        """The store is the truth here; there is nothing to remember."""
