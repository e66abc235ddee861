"""JobQueue: where jobs wait."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crosstree.api.v1alpha1.common import (
    AGE,
    Column,
    Conditions,
    Count,
    Object,
    ObjectName,
    Wire,
    short_name,
)
from crosstree.api.v1alpha1.rules import MapBy


class JobQueueSpec(Wire):
    """Whom the queue serves."""

    cluster: ObjectName | None = None
    """AICluster whose jobs may wait here; left out, of every AICluster."""


class ModelUsage(Wire):
    """What the jobs of the queue hold of one model."""

    model: Annotated[str, Field(max_length=63)]
    """Accelerator model."""
    allocated: Count
    """Accelerators of running jobs."""


class JobQueueStatus(Wire):
    """The queue as observed."""

    conditions: Conditions = []
    """Ready."""
    usage: Annotated[list[ModelUsage], Field(max_length=256), MapBy(("model",), ("model",))] = []
    """Accelerators held, by model."""
    running: Count | None = None
    """TrainingJobs that run."""
    waiting: Count | None = None
    """TrainingJobs that wait."""
    observed_generation: Count | None = None
    """Generation of the spec this status was made from."""


class JobQueue(Object):
    """A queue of TrainingJobs. Jobs that name none wait in the queue `default`."""

    KIND = "JobQueue"
    PLURAL = "jobqueues"
    SHORT = "jq"
    COLUMNS = (
        Column("Cluster", ".spec.cluster", description="AICluster it serves; all if empty"),
        Column("Running", ".status.running", "integer", "TrainingJobs that run"),
        Column("Waiting", ".status.waiting", "integer", "TrainingJobs that wait"),
        AGE,
    )

    spec: JobQueueSpec = JobQueueSpec()
    """Whom the queue serves."""
    status: JobQueueStatus | None = None
    """The queue as observed. Written by the operator."""

    RULES = (short_name(63, ", because jobs name it"),)
