"""AICluster, AcceleratorPool and JobQueue as the domain sees them. Made by `translate`; no wire model below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from crosstree.core.accelerator import IntraNode
from crosstree.core.budgets import Charged
from crosstree.core.calendar import Booking
from crosstree.core.durations import Lesson
from crosstree.core.health import AS_ITS_CLUSTER, HealthOverrides, HealthPolicy, HealthRule
from crosstree.core.ledger import NodeFailures
from crosstree.core.manners import Manners
from crosstree.core.queues import Budget, QueueSpec, Quota
from crosstree.core.snapshot import SpareRule
from crosstree.core.topology import LevelSpec
from crosstree.core.workload import Requirement


class Binding(Enum):
    """Who binds a pod to the node that was decided."""

    SCHEDULER = "Scheduler"
    """Pods are pinned by node affinity; kube-scheduler binds them and has the last word."""
    DIRECT = "Direct"
    """`spec.nodeName` is set at creation: faster, and kube-scheduler never sees the pod."""


class Preset(Enum):
    """Well-known sets of node labels that describe a fabric."""

    AUTO = "Auto"
    TOPOGRAPH = "Topograph"
    TOPOGRAPH_LEGACY = "TopographLegacy"
    GKE = "GKE"
    EKS = "EKS"
    OCI = "OCI"
    ASCEND = "Ascend"
    ZONE = "Zone"
    NONE = "None"


@dataclass(frozen=True, slots=True)
class DeclaredProfile:
    """An accelerator the catalog does not know, declared by the admin in the AICluster."""

    model: str
    vendor: str
    resource: str
    node_labels: tuple[tuple[str, str], ...] = ()
    intra: IntraNode = field(default_factory=IntraNode)
    memory_gib: int = 0


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: every pair and every expression must match. Empty matches everything."""

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[Requirement, ...] = ()

    @property
    def empty(self) -> bool:
        """True when nothing is demanded."""
        return not self.labels and not self.expressions


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """One AICluster. `preset` counts only while `levels` is empty.

    `grace`, `settle` and `unreachable_timeout` are the times of `spec.health` in seconds, `health_rules` its rules.
    """

    name: str
    uid: str
    generation: int
    resource_version: str
    created: float
    selector: Selector = Selector()
    auto_pools: bool = True
    preset: Preset = Preset.AUTO
    levels: tuple[LevelSpec, ...] = ()
    domain_label: str = ""
    binding: Binding = Binding.SCHEDULER
    grace: float = 30.0
    settle: float = 30.0
    unreachable_timeout: float = 300.0
    health_rules: tuple[HealthRule, ...] = ()
    declared: tuple[DeclaredProfile, ...] = ()
    spares: SpareRule | None = None
    manners: Manners = field(default_factory=Manners)
    """Who starts when: `spec.scheduling` but for the binding."""
    failures: tuple[NodeFailures, ...] = ()
    """Which nodes failed gangs, as its status says."""
    deleting: bool = False
    observed: Mapping[str, Any] = field(default_factory=dict)
    """The status exactly as stored."""

    @property
    def health(self) -> HealthPolicy:
        """How signals of its nodes are taken, where their pool does not want it otherwise."""
        return HealthPolicy(self.grace, self.settle, self.unreachable_timeout, self.health_rules)


@dataclass(frozen=True, slots=True, eq=False)
class PoolObject:
    """One AcceleratorPool object. `owned` is True when its AICluster made it."""

    name: str
    uid: str
    generation: int
    resource_version: str
    created: float
    cluster: str
    model: str
    resource: str
    selector: Selector = Selector()
    schedulable: bool = True
    health: HealthOverrides = AS_ITS_CLUSTER
    owned: bool = False
    deleting: bool = False
    observed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admission:
    """Which jobs a JobQueue takes: see `Queue`, whose fields these are."""

    namespaces: Selector = Selector()
    priority: int = 0
    max_priority: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Queue:
    """One JobQueue. An empty `cluster` serves jobs of every AICluster, or of that of its parent (`queuetree.serves`).

    `namespaces` are those whose jobs may wait in it; `priority` is that of jobs without a class, `max_priority` the
    highest it takes.
    """

    name: str
    uid: str
    generation: int
    resource_version: str
    created: float
    cluster: str = ""
    deleting: bool = False
    observed: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    weight: float = 1.0
    quotas: tuple[Quota, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()
    namespaces: Selector = Selector()
    priority: int = 0
    max_priority: int | None = None
    lessons: tuple[Lesson, ...] = ()
    """How long its jobs ran, as its status says."""
    calendar: tuple[Booking, ...] = ()
    budgets: tuple[Budget, ...] = ()
    max_run_time: float | None = None
    """Seconds that a run may last in it and below; None for any."""
    charged: tuple[Charged, ...] = ()
    """What its budgets have been charged, as its status says."""

    @property
    def spec(self) -> QueueSpec:
        """Its place in the tree, its quotas, what it has booked, its budgets, and how long runs may last."""
        return QueueSpec(
            self.name,
            self.parent,
            self.weight,
            self.quotas,
            self.rates,
            calendar=self.calendar,
            budgets=self.budgets,
            max_run_time=self.max_run_time,
        )

    @property
    def admission(self) -> Admission:
        """Which jobs it takes."""
        return Admission(self.namespaces, self.priority, self.max_priority)
