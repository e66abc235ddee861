"""AcceleratorPool: the nodes of one AICluster that carry the same accelerator."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crosstree.api.v1alpha1.common import (
    AGE,
    ATOMIC,
    Column,
    Conditions,
    Count,
    LabelSelector,
    ModelId,
    Object,
    ObjectName,
    ResourceName,
    Time,
    Wire,
)
from crosstree.api.v1alpha1.health import PoolHealth
from crosstree.api.v1alpha1.rules import Frozen

_AGAIN = "delete the pool and create another."


class PoolAccelerator(Wire):
    """The accelerator of the pool."""

    model: ModelId
    """Model, as the catalog or the AICluster names it."""
    resource_name: ResourceName
    """Extended resource that pods ask for."""


class AcceleratorPoolSpec(Wire):
    """Which nodes, which accelerator."""

    cluster: ObjectName
    """AICluster it belongs to."""
    node_selector: LabelSelector = Field(default_factory=LabelSelector)
    """Nodes of the pool; left out, every node of the cluster with this accelerator."""
    accelerator: PoolAccelerator
    """The accelerator."""
    schedulable: bool = True
    """False lets running jobs end and starts no new ones here."""
    health: PoolHealth = PoolHealth()
    """How signals of its nodes are taken, where that differs from the AICluster."""

    FROZEN = (Frozen("cluster", _AGAIN), Frozen("accelerator.model", _AGAIN))


class PoolDomain(Wire):
    """One domain of a wide level."""

    level: Annotated[str, Field(max_length=63)]
    """Level."""
    name: Annotated[str, Field(max_length=253)]
    """Domain."""
    nodes: Count
    """Nodes of the pool there."""
    total: Count
    """Accelerators there."""
    free: Count
    """Free accelerators there."""


class PoolFault(Wire):
    """One signal of one node, and what is done about it."""

    node: Annotated[str, Field(max_length=253)]
    """Node."""
    signal: Annotated[str, Field(max_length=316)]
    """Node condition, or entry of a report."""
    action: Annotated[str, Field(max_length=32)]
    """What is done: Avoid, RestartPod, DrainDevice or DrainNode."""
    since: Time | None = None
    """When it began, or when it went away, if the node still has to settle. Left out where nobody says."""
    message: Annotated[str, Field(max_length=512)] = ""
    """What the producer says."""


class PoolSpares(Wire):
    """Spare nodes of the pool."""

    wanted: Count
    """As many as `spec.spares` of the AICluster asks for."""
    ready: Count
    """Free and kept now."""


class AcceleratorPoolStatus(Wire):
    """The pool as observed."""

    vendor: Annotated[str, Field(max_length=63)] = ""
    """Vendor of the accelerator."""
    model: Annotated[str, Field(max_length=63)] = ""
    """Model of the accelerator."""
    nodes: Count | None = None
    """Nodes."""
    total: Count | None = None
    """Accelerators of the nodes."""
    healthy: Count | None = None
    """Those that can be used."""
    allocated: Count | None = None
    """Held by pods, whoever made them, and not broken."""
    free: Count | None = None
    """Usable now."""
    unhealthy: Count | None = None
    """Broken, or on a node that is."""
    faulty_nodes: Count | None = None
    """Nodes that report trouble, or have to settle after it."""
    faults: Annotated[list[PoolFault], Field(max_length=20, json_schema_extra=ATOMIC)] = []
    """What they report, the worst first."""
    domains: Annotated[list[PoolDomain], Field(max_length=256, json_schema_extra=ATOMIC)] = []
    """Domains of the widest levels."""
    spares: PoolSpares | None = None
    """Nodes kept for jobs that recover; absent where none are wanted."""
    conditions: Conditions = []
    """Ready."""
    observed_generation: Count | None = None
    """Generation of the spec this status was made from."""


class AcceleratorPool(Object):
    """Nodes of an AICluster with the same accelerator. Made by the AICluster, or by hand."""

    KIND = "AcceleratorPool"
    PLURAL = "acceleratorpools"
    SHORT = "apool"
    COLUMNS = (
        Column("Vendor", ".status.vendor", description="Vendor of the accelerator"),
        Column("Model", ".spec.accelerator.model", description="Model of the accelerator"),
        Column("Nodes", ".status.nodes", "integer", "Nodes"),
        Column("Total", ".status.total", "integer", "Accelerators"),
        Column("Allocated", ".status.allocated", "integer", "Held by pods"),
        Column("Free", ".status.free", "integer", "Usable now"),
        Column("Unhealthy", ".status.unhealthy", "integer", "Broken, or on a broken node"),
        AGE,
    )

    spec: AcceleratorPoolSpec
    """Which nodes, which accelerator."""
    status: AcceleratorPoolStatus | None = None
    """The pool as observed. Written by the operator."""
