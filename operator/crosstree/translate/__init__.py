"""The only bridge between wire models and the domain: raw objects of the API in, values of the core out.

A spec that can't be read raises SpecError for its author. A status is read in `stored`, a pod template is
reduced to its needs in `needs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crosstree.api.v1alpha1.acceleratorpool import AcceleratorPool
from crosstree.api.v1alpha1.aicluster import AICluster, DeclaredAccelerator, Scheduling
from crosstree.api.v1alpha1.checkpoint import Checkpoint as CheckpointSpec
from crosstree.api.v1alpha1.common import LabelSelector, Meta
from crosstree.api.v1alpha1.health import PoolHealth
from crosstree.api.v1alpha1.jobqueue import JobQueue, QueuePriority
from crosstree.api.v1alpha1.parse import parse
from crosstree.api.v1alpha1.sizes import legal_sizes
from crosstree.api.v1alpha1.trainingjob import TrainingJob, TrainingJobSpec
from crosstree.base import duration
from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.base.names import ANNOTATION_CHECKPOINT
from crosstree.core.accelerator import IntraNode, Rule
from crosstree.core.checkpoint import Checkpoint
from crosstree.core.cluster import Binding, Cluster, DeclaredProfile, PoolObject, Preset, Queue, Selector
from crosstree.core.expect import DECLARED_CONFIDENCE
from crosstree.core.health import Action, HealthOverrides, HealthRule
from crosstree.core.job import Job
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.queues import Quota
from crosstree.core.snapshot import SpareRule
from crosstree.core.topology import LevelSpec
from crosstree.core.workload import NARROWEST, Expectation, Gang, Groups, Requirement, Source
from crosstree.translate.budgets import budgets
from crosstree.translate.calendar import calendar
from crosstree.translate.needs import constraint, requests
from crosstree.translate.stored import charged, failures, lessons, mapping, progress

Json = Mapping[str, Any]
_RULES = {
    "AllToAll": Rule.ALL_TO_ALL,
    "None": Rule.NONE,
    "Groups": Rule.GROUPS,
    "FullNode": Rule.FULL_NODE,
}


def job(raw: Json) -> Job:
    """Read a TrainingJob. The gang's priority is left 0: only the caller knows PriorityClasses.

    Raises:
        SpecError: the spec can't be read or asks for something impossible.
    """
    wire = parse(TrainingJob, raw)
    spec, meta = wire.spec, wire.metadata
    created = _time(meta.creation_timestamp)
    try:
        needs = requests(spec)
    except SpecError as error:
        raise SpecError(f"TrainingJob {wire.key}: {error}") from error
    topology, sizes = spec.topology, legal_sizes(spec)
    gang = Gang(
        key=wire.key,
        uid=meta.uid,
        workers=sizes[0],
        devices=spec.accelerators.per_worker,
        models=tuple(spec.accelerators.models),
        vendor=spec.accelerators.vendor or "",
        requests=needs,
        required=(topology.required or "") if topology else "",
        preferred=(topology.preferred or "") if topology else "",
        groups=_groups(spec),
        constraint=constraint(spec.template.spec),
        created=created,
        queue=spec.queue,
        expected=_declared_duration(spec.expected_duration),
        sizes=sizes if len(sizes) > 1 else (),
    )
    ttl = spec.ttl_after_finished
    return Job(
        key=wire.key,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        resource_version=meta.resource_version,
        created=created,
        cluster=spec.cluster or "",
        queue=spec.queue,
        priority_class=spec.priority_class_name or "",
        framework=spec.framework.name,
        gang=gang,
        template=raw["spec"]["template"],
        suspend=spec.suspend,
        alone=spec.restart.scope == "Worker",
        max_restarts=spec.restart.max_restarts,
        ttl_after_finished=None if ttl is None else duration.parse(ttl),
        deleting=meta.deletion_timestamp is not None,
        checkpoint=_checkpoint(spec.checkpoint, meta.annotations),
        progress=progress(raw.get("status")),
    )


def _groups(spec: TrainingJobSpec) -> Groups | None:
    """Return the workers that stay together: as the author says, else those that hold one tensor group."""
    if spec.topology is not None and spec.topology.groups is not None:
        return Groups(spec.topology.groups.size, spec.topology.groups.required)
    if spec.parallelism is None or not spec.accelerators.per_worker:
        return None
    together = spec.parallelism.tensor // spec.accelerators.per_worker
    return Groups(together, NARROWEST) if together > 1 else None


def cluster(raw: Json) -> Cluster:
    """Read an AICluster.

    Raises:
        SpecError: the spec can't be read.
    """
    wire = parse(AICluster, raw)
    spec, meta = wire.spec, wire.metadata
    domain = spec.fabric.accelerator_domain
    return Cluster(
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        resource_version=meta.resource_version,
        created=_time(meta.creation_timestamp),
        selector=_selector(spec.node_selector),
        auto_pools=spec.pool_discovery == "Auto",
        preset=Preset(spec.fabric.preset) if spec.fabric.preset else Preset.AUTO,
        levels=tuple(LevelSpec(level.name, level.node_label) for level in spec.fabric.levels),
        domain_label=domain.node_label if domain else "",
        binding=Binding(spec.scheduling.binding),
        grace=duration.parse(spec.health.grace_period),
        settle=duration.parse(spec.health.settle_period),
        unreachable_timeout=duration.parse(spec.health.unreachable_timeout),
        health_rules=_health_rules(spec.health),
        declared=tuple(_declared(accelerator) for accelerator in spec.accelerators),
        manners=_manners(spec.scheduling),
        spares=SpareRule(spec.spares.per_domain, spec.spares.level) if spec.spares else None,
        failures=failures(raw.get("status")),
        deleting=meta.deletion_timestamp is not None,
        observed=mapping(raw.get("status")),
    )


def pool(raw: Json) -> PoolObject:
    """Read an AcceleratorPool.

    Raises:
        SpecError: the spec can't be read.
    """
    wire = parse(AcceleratorPool, raw)
    spec, meta = wire.spec, wire.metadata
    return PoolObject(
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        resource_version=meta.resource_version,
        created=_time(meta.creation_timestamp),
        cluster=spec.cluster,
        model=spec.accelerator.model,
        resource=spec.accelerator.resource_name,
        selector=_selector(spec.node_selector),
        schedulable=spec.schedulable,
        health=HealthOverrides(
            grace=_seconds(spec.health.grace_period),
            settle=_seconds(spec.health.settle_period),
            unreachable_timeout=_seconds(spec.health.unreachable_timeout),
            rules=_health_rules(spec.health),
        ),
        owned=_owned(meta),
        deleting=meta.deletion_timestamp is not None,
        observed=mapping(raw.get("status")),
    )


def queue(raw: Json) -> Queue:
    """Read a JobQueue.

    Raises:
        SpecError: the spec can't be read.
    """
    wire = parse(JobQueue, raw)
    spec, meta = wire.spec, wire.metadata
    return Queue(
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        resource_version=meta.resource_version,
        created=_time(meta.creation_timestamp),
        cluster=spec.cluster or "",
        deleting=meta.deletion_timestamp is not None,
        observed=mapping(raw.get("status")),
        parent=spec.parent or "",
        weight=spec.weight,
        quotas=tuple(
            Quota(one.model, one.guaranteed, one.limit)
            for one in sorted(spec.quotas, key=lambda one: one.model)
        ),
        rates=tuple(sorted((one.model, one.rate) for one in spec.exchange_rates)),
        namespaces=_selector(spec.namespace_selector),
        lessons=lessons(raw.get("status")),
        priority=_ordinary(spec.priority),
        max_priority=spec.priority.max,
        calendar=calendar(spec.calendar),
        budgets=budgets(spec.budgets, _time(meta.creation_timestamp)),
        max_run_time=_seconds(spec.max_run_time),
        charged=charged(meta.name, raw.get("status")),
    )


def _checkpoint(wire: CheckpointSpec, annotations: Json) -> Checkpoint:
    return Checkpoint(
        grace=duration.parse(wire.grace),
        restart_cost=duration.parse(wire.restart_cost),
        reported=str(annotations.get(ANNOTATION_CHECKPOINT, "")),
    )


def _declared_duration(text: str | None) -> Expectation | None:
    return None if text is None else Expectation(duration.parse(text), Source.DECLARED, DECLARED_CONFIDENCE)


def _manners(wire: Scheduling) -> Manners:
    return Manners(
        backfill=Backfill(wire.backfill.mode),
        preemption=Preemption(wire.preemption.mode),
        min_runtime=duration.parse(wire.preemption.min_runtime),
    )


def _ordinary(wire: QueuePriority) -> int:
    """Return the priority of jobs without a class: 0, unless the queue says otherwise or takes none so high."""
    if wire.default is not None:
        return wire.default
    return 0 if wire.max is None else min(0, wire.max)


def _owned(meta: Meta) -> bool:
    return any(
        owner.get("kind") == AICluster.KIND and owner.get("controller") for owner in meta.owner_references
    )


def _time(text: str | None) -> float:
    """Read `creationTimestamp`; an object that is not stored yet has none."""
    return from_rfc3339(text) if text else 0.0


def _seconds(text: str | None) -> float | None:
    return None if text is None else duration.parse(text)


def _health_rules(wire: PoolHealth) -> tuple[HealthRule, ...]:
    """Return the rules in the order in which they are asked: those for one reason before those for any."""
    rules = [
        HealthRule(r.condition, r.status, Action(r.action), r.reason, _seconds(r.grace_period))
        for r in wire.rules
    ]
    return tuple(sorted(rules, key=lambda rule: not rule.reason))


def _selector(wire: LabelSelector) -> Selector:
    return Selector(
        labels=tuple(sorted(wire.match_labels.items())),
        expressions=tuple(
            sorted(Requirement(e.key, e.operator, tuple(sorted(e.values))) for e in wire.match_expressions)
        ),
    )


def _declared(wire: DeclaredAccelerator) -> DeclaredProfile:
    return DeclaredProfile(
        model=wire.model,
        vendor=wire.vendor,
        resource=wire.resource_name,
        node_labels=tuple(sorted(wire.node_labels.items())),
        intra=IntraNode(_RULES[wire.rule], size=wire.group_size or 0, legal=tuple(wire.legal_counts)),
    )
