"""TrainingJob: a gang of workers that start together inside one part of the fabric."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from crosstree.api.v1alpha1 import size_rules, split_rules
from crosstree.api.v1alpha1.checkpoint import Checkpoint
from crosstree.api.v1alpha1.common import (
    AGE,
    ATOMIC,
    Column,
    Duration,
    LevelName,
    ModelId,
    Object,
    ObjectName,
    VendorName,
    Wire,
    short_name,
)
from crosstree.api.v1alpha1.podtemplate import PodTemplate
from crosstree.api.v1alpha1.rules import Frozen, FrozenWhilePlaced, Rule
from crosstree.api.v1alpha1.sizes import Parallelism, Workers
from crosstree.api.v1alpha1.trainingjob_status import MAX_WORKERS, TrainingJobStatus
from crosstree.base.names import DEFAULT_QUEUE, MAX_JOB_NAME

RESERVED_ENV: Mapping[str, tuple[str, ...]] = {
    "pytorch": (
        "PET_NNODES",
        "PET_NPROC_PER_NODE",
        "PET_NODE_RANK",
        "PET_MASTER_ADDR",
        "PET_MASTER_PORT",
        "PET_RDZV_BACKEND",
        "PET_RDZV_ENDPOINT",
        "PET_RDZV_ID",
        "PET_RDZV_CONF",
    ),
    "custom": (),
}
"""Variables that belong to the launch contract of a framework; a test compares them with the plugins."""


class Framework(Wire):
    """How the workers are started and find each other."""

    name: Literal["pytorch", "custom"] = "custom"
    """pytorch: the variables of torchrun are set (PET_*). custom: only CROSSTREE_* are set."""


class Accelerators(Wire):
    """What every worker gets."""

    per_worker: Annotated[int, Field(ge=0, le=1024)]
    """Accelerators of each worker; 0 for work on CPUs."""
    models: Annotated[list[ModelId], Field(max_length=16, json_schema_extra=ATOMIC)] = []
    """Models in order of preference; the whole gang gets one of them. None means any."""
    vendor: VendorName | None = None
    """Any model of this vendor, instead of `models`."""

    RULES = (
        Rule(
            holds="!(has(self.models) && self.models.size() > 0 && has(self.vendor))",
            says="spec.accelerators names both models and vendor {vendor}; keep one:"
            " models is an ordered list, vendor means any model of it.",
            shows={"vendor": "self.vendor"},
            breaks=lambda a: {"vendor": a.vendor} if a.models and a.vendor is not None else None,
            path="vendor",
        ),
        Rule(
            holds="!has(self.models) || self.models.all(m, self.models.exists_one(n, n == m))",
            says="spec.accelerators.models is {models}, with a model named twice; name each once, best first.",
            shows={"models": "self.models"},
            breaks=lambda a: {"models": a.models} if len(set(a.models)) < len(a.models) else None,
            path="models",
        ),
        Rule(
            holds="self.perWorker > 0 || !((has(self.models) && self.models.size() > 0) || has(self.vendor))",
            says="spec.accelerators.perWorker is 0, so no accelerator can be asked for;"
            " raise it, or remove models and vendor.",
            breaks=lambda a: {} if a.per_worker == 0 and (a.models or a.vendor is not None) else None,
            path="perWorker",
        ),
    )


class Groups(Wire):
    """Consecutive workers that stay together, for example the ranks of one pipeline stage."""

    size: Annotated[int, Field(ge=1, le=MAX_WORKERS)]
    """Workers of a group; divides `spec.workers`, and every size of an elastic gang."""
    required: LevelName
    """Level of the fabric that holds each group in one domain."""


class Topology(Wire):
    """Where the workers must or should stand to each other. Levels are those of the AICluster, and `node`."""

    required: LevelName | None = None
    """Level that holds the whole gang in one domain; the job waits until it can."""
    preferred: LevelName | None = None
    """Level of which the gang uses as few domains as possible."""
    groups: Groups | None = None
    """Every `size` consecutive workers stay inside one domain."""

    RULES = (
        Rule(
            holds="!(has(self.required) && has(self.preferred)) || self.required != self.preferred",
            says="spec.topology.preferred is {level}, the same as required, which already keeps the gang in one;"
            " remove preferred, or name a narrower level.",
            shows={"level": "self.preferred"},
            breaks=lambda t: (
                {"level": t.preferred} if t.preferred is not None and t.preferred == t.required else None
            ),
            path="preferred",
        ),
    )


class Restart(Wire):
    """What happens when a worker fails."""

    max_restarts: Annotated[int, Field(ge=0, le=1000)] = 3
    """Restarts that failures of the program may use up. Lost nodes, devices and evictions cost none."""
    scope: Literal["Gang", "Worker"] = "Gang"
    """Gang: the whole gang starts again. Worker: only the worker that failed, on its node, while the others go on;
    for framework custom, if the program can live with it. A fault of the node restarts the gang in either case."""


def _env_rule(framework: str) -> Rule:
    """Refuse the variables that a framework's launch contract sets, in every container of the pod."""
    reserved = RESERVED_ENV[framework]
    # Reserved names outside, containers inside: the cost of the other nesting can't be bounded by the server.
    taken = (
        f"{list(reserved)}.{{}}(n, self.template.spec.containers.exists("
        "c, has(c.env) && c.env.exists(e, e.name == n)))"
    )

    def breaks(spec: TrainingJobSpec) -> Mapping[str, object] | None:
        if spec.framework.name != framework:
            return None
        set_here = {
            variable.name for container in spec.template.spec.containers for variable in container.env
        }
        names = [name for name in reserved if name in set_here]
        return {"names": names} if names else None

    return Rule(
        holds=f"self.framework.name != '{framework}' || !{taken.format('exists')}",
        says=f"spec.template sets {{names}}, which framework {framework} sets itself from the placement;"
        " remove it, or use framework custom.",
        shows={"names": taken.format("filter")},
        breaks=breaks,
        path="template.spec.containers",
    )


_LASTING = re.compile("[1-9]|^[^0-9]*$")
"""A duration in which no digit is more than 0 is none. What has no digit at all is refused as no duration."""

_AGAIN = "delete the job and create it again."


class TrainingJobSpec(Wire):
    """What to run, on what, and where."""

    cluster: ObjectName | None = None
    """AICluster to run in; may be left out where there is only one."""
    queue: ObjectName = DEFAULT_QUEUE
    """JobQueue to wait in."""
    priority_class_name: ObjectName | None = None
    """Kubernetes PriorityClass: higher values start first. Also given to the pods."""
    framework: Framework = Framework()
    """How the workers are started."""
    workers: Workers
    """Pods of the gang, which all start together or none: a number, or `{min, max, step}` for an elastic gang, which
    starts with what fits, grows into idle capacity and shrinks for others, from its last checkpoint."""
    accelerators: Accelerators
    """Accelerators of each worker."""
    topology: Topology | None = None
    """Where the workers must or should stand to each other; left out, as close as possible."""
    parallelism: Parallelism | None = None
    """How the program splits its model; from it come the legal sizes and what stays together."""
    template: PodTemplate
    """Pod of a worker."""
    suspend: bool = False
    """True ends the pods and keeps the job waiting; false lets it start (again)."""
    restart: Restart = Restart()
    """How often the gang may start again."""
    checkpoint: Checkpoint = Checkpoint()
    """How the job saves its work. Annotation crosstree.dev/checkpointed-at of the job or of a pod says up to when."""
    expected_duration: Duration | None = None
    """How long the whole job will run, for example 6h: a hint, from which starts are foretold and small jobs are let
    in before large ones. Nothing is stopped for running longer. Where earlier jobs agree on how far off their hints
    were, this one is corrected by that. Left out, it is learned from them."""
    ttl_after_finished: Duration | None = None
    """Delete the job this long after it ended, for example 24h; left out, it is kept."""

    RULES = (
        *size_rules.RULES,
        *split_rules.RULES,
        _env_rule("pytorch"),
        Rule(
            holds=f"!has(self.expectedDuration) || self.expectedDuration.matches('{_LASTING.pattern}')",
            says="spec.expectedDuration is {duration}, but every job takes time; give more than 0s, or leave it out.",
            shows={"duration": "self.expectedDuration"},
            breaks=lambda spec: (
                {"duration": spec.expected_duration}
                if spec.expected_duration is not None and not _LASTING.search(spec.expected_duration)
                else None
            ),
            path="expectedDuration",
        ),
        Rule(
            holds="self.framework.name == 'custom' || !has(self.restart) || !has(self.restart.scope)"
            " || self.restart.scope != 'Worker'",
            says="spec.restart.scope is Worker, but with framework {framework} a worker can't join again alone;"
            " use scope Gang, or framework custom.",
            shows={"framework": "self.framework.name"},
            breaks=lambda spec: (
                {"framework": spec.framework.name}
                if spec.restart.scope == "Worker" and spec.framework.name != "custom"
                else None
            ),
            path="restart.scope",
        ),
    )
    FROZEN = (
        *(
            Frozen(field, _AGAIN)
            for field in ("cluster", "framework", "accelerators", "topology", "template")
        ),
        *size_rules.FROZEN,
        *split_rules.FROZEN,
    )


_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


class TrainingJob(Object):
    """A distributed training job: a gang of workers, placed as one, started, watched and restarted as one."""

    KIND = "TrainingJob"
    PLURAL = "trainingjobs"
    SHORT = "tj"
    NAMESPACED = True
    CATEGORIES = ("crosstree", "all")
    COLUMNS = (
        Column("Queue", ".spec.queue", description="JobQueue it waits in"),
        Column("Framework", ".spec.framework.name", description="How it is started"),
        Column("Workers", ".status.workers", description="Pods of the gang"),
        Column("Accelerators", ".status.accelerators", "integer", "Accelerators of the whole gang"),
        Column("Model", ".status.placement.model", description="Accelerator it runs on"),
        Column("Phase", ".status.phase", description="What it is doing"),
        Column("Reason", ".status.waiting.reason", description="Why it waits"),
        Column("Span", ".status.span", description="Domains it uses"),
        Column("Position", ".status.queuePosition", "integer", "Place in the line of its queue", priority=1),
        Column("Starts", ".status.expectedStart", description="When it is expected to start", priority=1),
        AGE,
    )

    spec: TrainingJobSpec
    """What to run, on what, and where."""
    status: TrainingJobStatus | None = None
    """What has become of it. Written by the operator."""

    RULES = (
        short_name(MAX_JOB_NAME, ", so that the names of its pods fit"),
        Rule(
            holds="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            says="metadata.name is {name}; use lower-case letters, digits and '-', and begin with a letter:"
            " it becomes the name of a Service.",
            shows={"name": "self.metadata.name"},
            breaks=lambda job: (
                None if _SERVICE_NAME.fullmatch(job.metadata.name) else {"name": job.metadata.name}
            ),
            path="metadata.name",
        ),
    )
    FROZEN = tuple(
        FrozenWhilePlaced(field, "suspend it first, or wait until it has ended.")
        for field in ("queue", "priorityClassName")
    )
