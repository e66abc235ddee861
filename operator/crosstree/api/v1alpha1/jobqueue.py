"""JobQueue: where jobs wait, and a node of the tree that shares the accelerators out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crosstree.api.v1alpha1.budgets import Budget, BudgetUse, RunTime
from crosstree.api.v1alpha1.calendar import WITHIN_LIMITS, BookingState, QueueBooking
from crosstree.api.v1alpha1.common import (
    AGE,
    ATOMIC,
    MAP_BY_NAME,
    Column,
    Conditions,
    Count,
    LabelSelector,
    ModelId,
    Object,
    ObjectName,
    Time,
    Wire,
    short_name,
)
from crosstree.api.v1alpha1.rules import Check, MapBy, Rule, matches
from crosstree.core.queues import ANY_MODEL

_LARGEST_FACTOR = 1_000_000
_LEAST_FACTOR = 0.000001
"""Sums and quotients of factors stay numbers, and accelerators of a model always count for something."""

QuotaModel = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^([*]|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$",
        f"'{{value}}' is not an accelerator model; write one as nvidia-h100-sxm, or {ANY_MODEL} for all together.",
    ),
]
Factor = Annotated[
    float,
    Field(le=_LARGEST_FACTOR),
    Check(
        f"self >= {_LEAST_FACTOR:.6f}",
        f"{{value}} is less than {_LEAST_FACTOR:.6f}; write a positive number, for example 1 or 0.5.",
        lambda n: n >= _LEAST_FACTOR,
    ),
]
Priority = Annotated[int, Field(ge=-2_147_483_648, le=1_000_000_000)]
"""A value as PriorityClasses give it."""


class QueueQuota(Wire):
    """What the queue, with all queues below it, may have of one accelerator model."""

    model: QuotaModel
    """Accelerator model, or * for all models together, in accelerators times their exchange rates."""
    guaranteed: Count = 0
    """Accelerators it can always get back. Others may borrow them while it does not use them."""
    limit: Count | None = None
    """Accelerators it never exceeds; left out, there is no limit."""

    RULES = (
        Rule(
            holds="!has(self.limit) || self.guaranteed <= self.limit",
            says="spec.quotas for {model} guarantees {guaranteed} and limits to {limit}; guarantee at most the limit.",
            shows={"model": "self.model", "guaranteed": "self.guaranteed", "limit": "self.limit"},
            breaks=lambda q: (
                {"model": q.model, "guaranteed": q.guaranteed, "limit": q.limit}
                if q.limit is not None and q.guaranteed > q.limit
                else None
            ),
            path="guaranteed",
        ),
    )


class ExchangeRate(Wire):
    """What one accelerator of a model counts for beside others."""

    model: ModelId
    """Accelerator model."""
    rate: Factor
    """How many accelerators of rate 1 it is worth."""


class QueuePriority(Wire):
    """Priorities of the jobs of this queue."""

    default: Priority | None = None
    """Of jobs that name no PriorityClass; left out, 0, or `max` if that is less."""
    max: Priority | None = None
    """The highest that a job may have here; one with a higher PriorityClass is not taken. Left out, any."""

    RULES = (
        Rule(
            holds="!has(self.default) || !has(self.max) || self.default <= self.max",
            says="spec.priority.default is {default}, above spec.priority.max {max}; lower it, or raise max.",
            shows={"default": "self.default", "max": "self.max"},
            breaks=lambda p: (
                {"default": p.default, "max": p.max}
                if p.default is not None and p.max is not None and p.default > p.max
                else None
            ),
            path="default",
        ),
    )


class JobQueueSpec(Wire):
    """Whom the queue serves, and with how much."""

    parent: ObjectName | None = None
    """JobQueue above this one, whose quotas hold for both; left out, the queue stands at the top."""
    cluster: ObjectName | None = None
    """AICluster whose jobs may wait here; left out, that of the parent, else every AICluster, with the quotas counted
    in each of them apart."""
    weight: Factor = 1
    """Share of what guarantees leave, beside the other queues of the same parent."""
    quotas: Annotated[list[QueueQuota], Field(max_length=64), MapBy(("model",), ("model",))] = []
    """Guarantees and limits, by accelerator model; none means no guarantee and no limit."""
    exchange_rates: Annotated[list[ExchangeRate], Field(max_length=64), MapBy(("model",), ("model",))] = []
    """What accelerators of different models count for where they are added up, in quotas of model *, and how much
    faster one is than another for a job that takes both; those of the parent where none are given for a model, else 1.
    Fair shares look at each model by itself."""
    namespace_selector: LabelSelector = Field(default_factory=LabelSelector)
    """Namespaces whose jobs may wait here, by their labels; left out, all."""
    priority: QueuePriority = QueuePriority()
    """Priorities of its jobs."""
    calendar: Annotated[list[QueueBooking], Field(max_length=32), MAP_BY_NAME] = []
    """Accelerators booked for a time, once or again and again: meanwhile they are guaranteed to the queue, and before
    that no job of another queue starts on them that is expected to be there still."""
    budgets: Annotated[list[Budget], Field(max_length=64), MapBy(("model",), ("model",))] = []
    """Accelerator-hours that it, with all queues below it, may use in a stretch of time, by accelerator model; none
    means no such bound."""
    max_run_time: RunTime | None = None
    """How long a run of a job may last here and in all queues below, from when it gets its place; of several queues
    above one another, the least counts. A job that declares a longer `expectedDuration` is not taken; one that runs
    longer is told to save its work, as if it made room for another, and has failed. Left out, there is no such
    bound."""

    RULES = (WITHIN_LIMITS,)


class ModelUsage(Wire):
    """What jobs of the queue and of those below it hold of one model, against its quota."""

    model: Annotated[str, Field(max_length=63)]
    """Accelerator model, or * for all together, in accelerators times their exchange rates, rounded up."""
    allocated: Count
    """Accelerators of running jobs."""
    guaranteed: Count = 0
    """What it can always get back: its own quota, or the sum of those below it if that is more."""
    borrowed: Count = 0
    """What it holds above its guarantees and would have to give back to their owners."""
    limit: Count | None = None
    """What it never exceeds."""


class Durations(Wire):
    """How long jobs of one kind ran: by that those are judged that don't declare it, and those that do."""

    pattern: Annotated[str, Field(max_length=253)]
    """Their names, with # for numbers and hashes."""
    accelerators: Count
    """Their size: so many accelerators at most, and more than half as many."""
    count: Count
    """Jobs that succeeded so far."""
    recent_seconds: Annotated[list[Count], Field(max_length=16, json_schema_extra=ATOMIC)] = []
    """Seconds that the last of them ran, the newest last."""
    percent_of_declared: Annotated[list[Count], Field(max_length=16, json_schema_extra=ATOMIC)] = []
    """How long those of them ran that declared an `expectedDuration`, in percent of it, the newest last: 50 ended after
    half of it. Where jobs agree, by that much the next declaration is corrected."""
    last_at: Time
    """When the last one ended."""


class JobQueueStatus(Wire):
    """The queue as observed."""

    conditions: Conditions = []
    """Ready, and BookingsFit where something is booked."""
    usage: Annotated[list[ModelUsage], Field(max_length=256), MapBy(("model",), ("model",))] = []
    """Accelerators held by jobs of the queue and of those below it, by model."""
    fair_share: Annotated[float, Field(ge=0)] | None = None
    """What is held above guarantees, as a part of what the cluster has of that model, the largest of any model, divided
    by the weight. The smaller of two queues of one parent goes first."""
    durations: Annotated[
        list[Durations], Field(max_length=64), MapBy(("pattern", "accelerators"), ("pattern", "accelerators"))
    ] = []
    """How long its jobs ran, by name and size: the 50 kinds that ended last."""
    budgets: Annotated[list[BudgetUse], Field(max_length=64), MapBy(("model",), ("model",))] = []
    """What has been used of each budget in its present period."""
    running: Count | None = None
    """TrainingJobs that run, those of the queues below included."""
    waiting: Count | None = None
    """TrainingJobs that wait in line, those of the queues below included. One that can't start until somebody changes
    something, by its reason, stands in no line."""
    observed_generation: Count | None = None
    """Generation of the spec this status was made from."""
    calendar: Annotated[list[BookingState], Field(max_length=64), MAP_BY_NAME] = []
    """Its bookings, with the times of the window that is open, else of the next, else of the last there was."""


class JobQueue(Object):
    """A queue of TrainingJobs, with its part of the accelerators. Jobs that name none wait in the queue `default`."""

    KIND = "JobQueue"
    PLURAL = "jobqueues"
    SHORT = "jq"
    COLUMNS = (
        Column("Parent", ".spec.parent", description="Queue above it"),
        Column("Cluster", ".spec.cluster", description="AICluster it serves; all if empty"),
        Column(
            "Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether its quotas hold"
        ),
        Column("Weight", ".spec.weight", "number", "Share of what guarantees leave"),
        Column(
            "Share", ".status.fairShare", "number", "Part of the cluster held above guarantees, by weight"
        ),
        Column("Running", ".status.running", "integer", "TrainingJobs that run"),
        Column("Waiting", ".status.waiting", "integer", "TrainingJobs that wait"),
        AGE,
    )

    spec: JobQueueSpec = JobQueueSpec()
    """Whom the queue serves, and with how much."""
    status: JobQueueStatus | None = None
    """The queue as observed. Written by the operator."""

    RULES = (
        short_name(63, ", because jobs name it"),
        Rule(
            holds="!has(self.spec.parent) || self.spec.parent != self.metadata.name",
            says="spec.parent is {parent}, the queue itself; name another queue, or leave it out.",
            shows={"parent": "self.spec.parent"},
            breaks=lambda q: (
                {"parent": q.spec.parent} if q.spec.parent and q.spec.parent == q.metadata.name else None
            ),
            path="spec.parent",
        ),
    )
