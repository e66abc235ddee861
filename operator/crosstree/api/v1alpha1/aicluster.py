"""AICluster: a set of nodes with accelerators, the fabric between them, and how Crosstree treats it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from crosstree.api.v1alpha1.aicluster_status import AIClusterStatus
from crosstree.api.v1alpha1.common import (
    AGE,
    ATOMIC,
    Column,
    Duration,
    LabelKey,
    LabelSelector,
    LabelValue,
    LevelName,
    ModelId,
    Object,
    ResourceName,
    VendorName,
    Wire,
    short_name,
)
from crosstree.api.v1alpha1.health import Health
from crosstree.api.v1alpha1.rules import MapBy, Rule

NODE_LEVEL = "node"
DOMAIN_LEVEL = "domain"
RESERVED_LEVELS = (NODE_LEVEL, DOMAIN_LEVEL)
"""Levels every fabric has by itself: the node, and the accelerator domain between the last level and the node."""


class FabricLevel(Wire):
    """One level of the fabric."""

    name: LevelName
    """Name that jobs use, for example leaf."""
    node_label: LabelKey
    """Node label whose value is the domain a node belongs to."""

    RULES = (
        Rule(
            holds=f"!(self.name in {list(RESERVED_LEVELS)})",
            says="spec.fabric.levels names a level {name}, which every fabric has by itself; choose another name.",
            shows={"name": "self.name"},
            breaks=lambda level: {"name": level.name} if level.name in RESERVED_LEVELS else None,
            path="name",
        ),
    )


class AcceleratorDomain(Wire):
    """Nodes whose accelerators share a link of their own, as NVLink racks and super pods."""

    node_label: LabelKey
    """Node label whose value is the domain."""


def _twice(values: list[str]) -> str | None:
    """Return the first value that stands there a second time."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _distinct(attribute: str, wire: str, why: str) -> Rule:
    """Demand that no two levels agree in a field."""

    def breaks(fabric: Fabric) -> Mapping[str, object] | None:
        value = _twice([getattr(level, attribute) for level in fabric.levels])
        return None if value is None else {"value": value}

    repeated = f"self.levels.filter(l, !self.levels.exists_one(m, m.{wire} == l.{wire}))"
    return Rule(
        holds=f"!has(self.levels) || self.levels.all(l, self.levels.exists_one(m, m.{wire} == l.{wire}))",
        says=f"spec.fabric.levels has {wire} {{value}} twice; {why}",
        shows={"value": f"{repeated}[0].{wire}"},
        breaks=breaks,
        path="levels",
    )


class Fabric(Wire):
    """The network between the nodes, as a tree: levels from labels of the nodes."""

    preset: (
        Literal["Auto", "Topograph", "TopographLegacy", "GKE", "EKS", "OCI", "Ascend", "Zone", "None"] | None
    ) = None
    """Well-known labels. Auto, which is also the default without levels, takes what most nodes carry."""
    levels: Annotated[list[FabricLevel], Field(max_length=8, json_schema_extra=ATOMIC)] = []
    """Levels, widest first, instead of a preset."""
    accelerator_domain: AcceleratorDomain | None = None
    """Further level between the last one and the node, named domain."""

    RULES = (
        Rule(
            holds="!(has(self.preset) && has(self.levels) && self.levels.size() > 0)",
            says="spec.fabric has both preset {preset} and levels; keep one of them.",
            shows={"preset": "self.preset"},
            breaks=lambda f: {"preset": f.preset} if f.preset is not None and f.levels else None,
            path="preset",
        ),
        _distinct("name", "name", "give each level a name of its own."),
        _distinct("node_label", "nodeLabel", "two levels on one label are one level: remove one."),
        Rule(
            holds="!has(self.acceleratorDomain) || !has(self.levels)"
            " || !self.levels.exists(l, l.nodeLabel == self.acceleratorDomain.nodeLabel)",
            says="spec.fabric.acceleratorDomain.nodeLabel is {label}, which is also the label of a level;"
            " remove one of them.",
            shows={"label": "self.acceleratorDomain.nodeLabel"},
            breaks=lambda f: (
                {"label": f.accelerator_domain.node_label}
                if f.accelerator_domain is not None
                and f.accelerator_domain.node_label in [level.node_label for level in f.levels]
                else None
            ),
            path="acceleratorDomain.nodeLabel",
        ),
    )


class Backfill(Wire):
    """Who may start while a job before it in the line waits."""

    mode: Literal["None", "EASY", "Conservative"] = "Conservative"
    """Which waiting jobs get a reservation, that is nodes and a time that no job behind them delays. Conservative:
    every one. EASY: the first alone, so that more small jobs slip in. None: no job, and a large one may wait for
    as long as small ones keep coming."""


class Preemption(Wire):
    """Who may be stopped to make room for whom."""

    mode: Literal["Never", "LowerPriority"] = "LowerPriority"
    """Never: no running job is stopped for another. LowerPriority: a job of lower priority is stopped for one of
    higher, and what a queue borrowed is taken back for the queue it was guaranteed to."""
    min_runtime: Duration = "10m"
    """A job that has started is not stopped for another before it has run this long."""


class Scheduling(Wire):
    """Who starts when, and how decisions become running pods."""

    binding: Literal["Scheduler", "Direct"] = "Scheduler"
    """Scheduler: pods are pinned to their node and bound by kube-scheduler, which has the last word.
    Direct: the node is set when the pod is created, which is faster."""
    backfill: Backfill = Backfill()
    """Who may start while a job before it in the line waits."""
    preemption: Preemption = Preemption()
    """Who may be stopped to make room for whom."""


class DeclaredAccelerator(Wire):
    """An accelerator that the catalog does not know, or knows otherwise: this declaration wins."""

    model: ModelId
    """Name that jobs use, for example acme-npu-2."""
    vendor: VendorName
    """Vendor, for example acme."""
    resource_name: ResourceName
    """Extended resource its device plugin advertises."""
    node_labels: Annotated[dict[str, LabelValue], Field(max_length=16)] = {}
    """Labels that tell its nodes from others with the same resource; none means every node with the resource."""
    legal_counts: Annotated[
        list[Annotated[int, Field(ge=1, le=1024)]], Field(max_length=64, json_schema_extra=ATOMIC)
    ] = []
    """Numbers of devices one pod may take, ascending; none means any."""
    rule: Literal["AllToAll", "None", "Groups", "FullNode"] = "AllToAll"
    """How the devices of one node are linked. AllToAll: each with each. None: not at all. Groups: islands of
    `groupSize`, and a pod stays inside one or takes whole ones. FullNode: a pod takes every device of its node."""
    group_size: Annotated[int, Field(ge=2, le=1024)] | None = None
    """Devices of one island, for rule Groups."""

    RULES = (
        Rule(
            holds="self.rule != 'Groups' || has(self.groupSize)",
            says="spec.accelerators model {model} has rule Groups without groupSize;"
            " add how many devices an island has.",
            shows={"model": "self.model"},
            breaks=lambda a: {"model": a.model} if a.rule == "Groups" and a.group_size is None else None,
            path="rule",
        ),
        Rule(
            holds="self.rule == 'Groups' || !has(self.groupSize)",
            says="spec.accelerators model {model} has groupSize {size} with rule {rule};"
            " remove groupSize, or use rule Groups.",
            shows={"model": "self.model", "size": "self.groupSize", "rule": "self.rule"},
            breaks=lambda a: (
                {"model": a.model, "size": a.group_size, "rule": a.rule}
                if a.rule != "Groups" and a.group_size is not None
                else None
            ),
            path="groupSize",
        ),
        Rule(
            holds="!has(self.legalCounts) || self.legalCounts.size() < 2 || (self.legalCounts.isSorted()"
            " && self.legalCounts.all(c, self.legalCounts.exists_one(d, d == c)))",
            says="spec.accelerators model {model} has legalCounts {counts}; list each count once, ascending.",
            shows={"model": "self.model", "counts": "self.legalCounts"},
            breaks=lambda a: (
                {"model": a.model, "counts": a.legal_counts}
                if a.legal_counts != sorted(set(a.legal_counts))
                else None
            ),
            path="legalCounts",
        ),
        Rule(
            holds="self.rule != 'FullNode' || !has(self.legalCounts) || self.legalCounts.size() == 0",
            says="spec.accelerators model {model} has legalCounts with rule FullNode, where a pod takes the"
            " whole node; remove one of them.",
            shows={"model": "self.model"},
            breaks=lambda a: {"model": a.model} if a.rule == "FullNode" and a.legal_counts else None,
            path="legalCounts",
        ),
    )


class Spares(Wire):
    """Free nodes kept for jobs that recover from a failure, so that they need not wait.

    Until then jobs of negative priority may borrow them; they are stopped when the spare is needed.
    """

    per_domain: Annotated[int, Field(ge=1, le=64)]
    """Whole free nodes kept in every domain of the level."""
    level: LevelName
    """Level of the fabric, for example leaf: one that the jobs' `required` names, or a narrower one."""


class AIClusterSpec(Wire):
    """Which nodes, which fabric, which manners."""

    node_selector: LabelSelector = Field(default_factory=LabelSelector)
    """Nodes of this cluster; left out, every node with a known accelerator."""
    pool_discovery: Literal["Auto", "Explicit"] = "Auto"
    """Auto: one AcceleratorPool per accelerator model found. Explicit: only the pools made by hand."""
    fabric: Fabric = Field(default_factory=Fabric)
    """The network between the nodes."""
    scheduling: Scheduling = Scheduling()
    """Who starts when, and how decisions become running pods."""
    health: Health = Health()
    """How signals of nodes and devices are taken."""
    spares: Spares | None = None
    """Free nodes kept for jobs that recover, idle until then: not lent to other work. Left out, none are kept."""
    accelerators: Annotated[
        list[DeclaredAccelerator],
        Field(max_length=32),
        MapBy(("model", "resourceName"), ("model", "resource_name")),
    ] = []
    """Accelerators that the catalog does not know."""


class AICluster(Object):
    """An AI cluster: nodes with accelerators of any vendor and the fabric between them."""

    KIND = "AICluster"
    PLURAL = "aiclusters"
    SHORT = "aic"
    COLUMNS = (
        Column(
            "Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether jobs can start"
        ),
        Column("Nodes", ".status.nodes.total", "integer", "Nodes"),
        Column("Accelerators", ".status.accelerators.total", "integer", "All accelerators"),
        Column("Allocated", ".status.accelerators.allocated", "integer", "Held by pods"),
        Column("Free", ".status.accelerators.free", "integer", "Usable now"),
        Column("Unhealthy", ".status.accelerators.unhealthy", "integer", "Broken, or on a broken node"),
        Column("Running", ".status.jobs.running", "integer", "TrainingJobs that run"),
        Column("Waiting", ".status.jobs.waiting", "integer", "TrainingJobs that wait"),
        AGE,
    )

    spec: AIClusterSpec = AIClusterSpec()
    """Which nodes, which fabric, which manners."""
    status: AIClusterStatus | None = None
    """The cluster as observed. Written by the operator."""

    RULES = (short_name(63, ", because it labels the pods of its jobs"),)
