"""What the operator writes into a TrainingJob. Only the schema comes from here; reading back is `translate`'s."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crosstree.api.v1alpha1.common import ATOMIC, Conditions, Count, Time, Wire

MAX_WORKERS = 100_000
"""Indices up to 99,999 fit the names of pods, see `base.names.MAX_JOB_NAME`."""


class Waiting(Wire):
    """Why the job does not run now."""

    reason: Annotated[str, Field(max_length=63)]
    """One of a closed list."""
    message: Annotated[str, Field(max_length=4096)]
    """What is missing, how much, where, and what would help."""
    since: Time | None = None
    """Since when for this reason."""
    as_of: Time | None = None
    """When the message was written; its counts are of that moment."""


class PlacedNode(Wire):
    """Consecutive workers on one node."""

    name: Annotated[str, Field(max_length=253)]
    """Node."""
    first: Count
    """Index of the first worker there."""
    count: Count
    """Workers there."""


class Span(Wire):
    """How many domains of a level the gang uses."""

    level: Annotated[str, Field(max_length=63)]
    """Level of the fabric."""
    domains: Count
    """Domains used."""
    lower_bound: Count
    """Fewest that any placement could have used at that time."""


class Placement(Wire):
    """Where the current attempt runs."""

    pool: Annotated[str, Field(max_length=63)]
    """AcceleratorPool; empty for work on CPUs."""
    model: Annotated[str, Field(max_length=63)]
    """Accelerator model."""
    resource: Annotated[str, Field(max_length=317)]
    """Resource its pods ask for."""
    workers: Count
    """Workers placed."""
    since: Time | None = None
    """When it was given."""
    nodes: Annotated[list[PlacedNode], Field(max_length=MAX_WORKERS, json_schema_extra=ATOMIC)] = []
    """Nodes in the order of the workers' indices, which is the order of the fabric."""
    spans: Annotated[list[Span], Field(max_length=16, json_schema_extra=ATOMIC)] = []
    """Domains used at each level, against the fewest possible."""


class PastRun(Wire):
    """A place that was given back: what budgets are charged for."""

    queue: Annotated[str, Field(max_length=63)] = ""
    """JobQueue that answers for it."""
    model: Annotated[str, Field(max_length=63)] = ""
    """Accelerator."""
    workers: Count = 0
    """Workers."""
    since: Time
    """When the place was given."""
    until: Time
    """When it was given back."""


class RestartRecord(Wire):
    """One restart."""

    at: Time
    """When."""
    reason: Annotated[str, Field(max_length=63)]
    """Why, in one word."""
    node: Annotated[str, Field(max_length=253)] = ""
    """Node it is blamed on, if any."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """Why, in one sentence."""
    charged: bool = True
    """Whether it counts against `maxRestarts`."""


class Recovery(Wire):
    """How the last failure is being, or was, recovered from. Kept for the attempt that came of it."""

    rung: Annotated[str, Field(max_length=63)]
    """How far up the ladder: Worker, Stopping, Waiting, SameNodes, Replaced or Moved."""
    cause: Annotated[str, Field(max_length=63)]
    """Why, in one word; `restarts` has the sentence."""
    node: Annotated[str, Field(max_length=253)] = ""
    """Node at fault, if any."""
    since: Time
    """When it began."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """What is being done, or was, in one sentence."""
    pod: Annotated[str, Field(max_length=63)] = ""
    """Uid of the pod that is made again alone, for rung Worker."""
    pool: Annotated[str, Field(max_length=63)] = ""
    """AcceleratorPool of the place that was lost, while there is no new one."""
    nodes: Annotated[list[PlacedNode], Field(max_length=MAX_WORKERS, json_schema_extra=ATOMIC)] = []
    """The place that was lost, while there is no new one: what can be kept of it is."""


class Victim(Wire):
    """A job that makes room."""

    uid: Annotated[str, Field(max_length=63)]
    """Its uid."""
    job: Annotated[str, Field(max_length=63)] = ""
    """Its name, if it is of the same namespace."""
    workers: Count | None = None
    """Workers it goes on with; absent where it stops whole."""


class ClearedPlace(Wire):
    """The place that is being cleared for the job: who stops for it, and where it starts then."""

    pool: Annotated[str, Field(max_length=63)]
    """AcceleratorPool."""
    nodes: Annotated[list[PlacedNode], Field(max_length=MAX_WORKERS, json_schema_extra=ATOMIC)] = []
    """Nodes in the order of the workers' indices."""
    victims: Annotated[list[Victim], Field(max_length=MAX_WORKERS, json_schema_extra=ATOMIC)] = []
    """Jobs that stop, or go on with fewer workers. They are only told to once this is stored."""
    since: Time
    """When it was planned."""
    until: Time
    """When it is given up if it has not come true."""
    begun: bool = False
    """Whether the victims have been told."""


class ExpectedStart(Wire):
    """How good `expectedStart` is, and what was told before."""

    confidence: Annotated[int, Field(ge=0, le=100)]
    """How far the durations it rests on can be trusted, in percent: those of running jobs declared or learned."""
    first: Time | None = None
    """What was told first in this wait: `crosstree_start_forecast_error_seconds` compares it with the truth."""
    first_at: Time | None = None
    """When that was told."""
    as_of: Time
    """When `expectedStart` or `queuePosition` was last written: they are not rewritten for little."""


class TrainingJobStatus(Wire):
    """What has become of the job."""

    conditions: Conditions = []
    """Admitted, Placed, PodsReady, Suspended, Recovering, Preempted, Finished."""
    phase: Annotated[str, Field(max_length=63)] = ""
    """Summary of the conditions: Pending, Starting, Running, Recovering, Resizing, Suspended, Succeeded or Failed."""
    waiting: Waiting | None = None
    """Why the job does not run now; absent while it does."""
    plan: ClearedPlace | None = None
    """The place that is being cleared for it; absent while there is none."""
    queue_position: Count | None = None
    """Place in the line of its JobQueue, 1 for the next; absent while it does not wait in it."""
    expected_start: Time | None = None
    """When it is expected to start; absent where that can't be told."""
    forecast: ExpectedStart | None = None
    """How good `expectedStart` is; absent while it does not wait in a line."""
    placement: Placement | None = None
    """Where it runs; absent while nothing is placed."""
    attempt: Count | None = None
    """Placements so far."""
    runs: Annotated[list[PastRun], Field(max_length=10, json_schema_extra=ATOMIC)] = []
    """The last ten places that it gave back; the one that it has, or had at its end, is `placement`."""
    restarts: Annotated[list[RestartRecord], Field(max_length=10, json_schema_extra=ATOMIC)] = []
    """The last ten restarts."""
    recovery: Recovery | None = None
    """How the last failure is being, or was, recovered from."""
    restarts_charged: Count | None = None
    """Restarts that counted against `maxRestarts`."""
    started_at: Time | None = None
    """When all workers were first ready."""
    finished_at: Time | None = None
    """When it ended."""
    span: Annotated[str, Field(max_length=253)] = ""
    """The span that says most, for example `2 leaf`."""
    workers: Annotated[str, Field(max_length=63)] = ""
    """Pods of the gang: 16; of an elastic one 8..32, and while it is placed 16 (8..32)."""
    accelerators: Count | None = None
    """Accelerators of the whole gang as it is placed, else of its largest size."""
    observed_generation: Count | None = None
    """Generation of the spec this status was made from."""
