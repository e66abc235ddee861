"""What the operator writes into an AICluster. Only the schema comes from here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crosstree.api.v1alpha1.common import ATOMIC, MAP_BY_NAME, Conditions, Count, Time, Wire


class NodeCounts(Wire):
    """Nodes of the cluster."""

    total: Count
    """All."""
    ready: Count
    """Ready and not cordoned."""
    cordoned: Count
    """Closed by an admin."""


class AcceleratorCounts(Wire):
    """Accelerators, whoever uses them."""

    total: Count
    """All that the nodes have."""
    healthy: Count
    """Those that can be used."""
    allocated: Count
    """Held by pods, whoever made them, and not broken."""
    free: Count
    """Usable now."""
    unhealthy: Count
    """Broken, or on a node that is."""


class PoolRow(AcceleratorCounts):
    """One pool of the cluster."""

    name: Annotated[str, Field(max_length=253)]
    """AcceleratorPool."""
    vendor: Annotated[str, Field(max_length=63)]
    """Vendor of the accelerator."""
    model: Annotated[str, Field(max_length=63)]
    """Model of the accelerator."""
    nodes: Count
    """Nodes of the pool."""


class LevelDomains(Wire):
    """One level of the fabric as found."""

    name: Annotated[str, Field(max_length=63)]
    """Level."""
    domains: Count
    """Domains of it."""


class LevelFree(Wire):
    """The largest gang that would start in one domain of a level now; spares are for gangs that recover."""

    level: Annotated[str, Field(max_length=63)]
    """Level."""
    accelerators: Count
    """Free accelerators of the best domain."""


class FabricStatus(Wire):
    """The fabric as found."""

    levels: Annotated[list[LevelDomains], Field(max_length=16, json_schema_extra=ATOMIC)] = []
    """Levels, widest first, the node last."""
    largest_free_gang: Annotated[list[LevelFree], Field(max_length=16, json_schema_extra=ATOMIC)] = []
    """Largest gang that would fit now, by level."""
    fragmentation: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the free accelerators that are on partly used nodes: 0 none, 1 all."""


class JobCounts(Wire):
    """TrainingJobs of the cluster."""

    running: Count
    """Placed."""
    waiting: Count
    """In line for a place. One that can't start until somebody changes something, by its reason, stands in no line."""


class FailingNode(Wire):
    """A node that failed jobs."""

    node: Annotated[str, Field(max_length=253)]
    """Node."""
    count: Count
    """Failures since it is listed; those within five minutes are one."""
    last_cause: Annotated[str, Field(max_length=63)]
    """Reason of the last one."""
    last_at: Time
    """When the last one began. The node is dropped seven days later."""
    previous_at: Time | None = None
    """When the one before began. Less than a day ago: the node is suspect, and used last."""


class AIClusterStatus(Wire):
    """The cluster as observed."""

    conditions: Conditions = []
    """Ready, FabricComplete, Healthy."""
    nodes: NodeCounts | None = None
    """Nodes."""
    accelerators: AcceleratorCounts | None = None
    """Accelerators."""
    pools: Annotated[list[PoolRow], Field(max_length=256), MAP_BY_NAME] = []
    """Pools."""
    fabric: FabricStatus | None = None
    """Fabric."""
    jobs: JobCounts | None = None
    """TrainingJobs."""
    failures: Annotated[list[FailingNode], Field(max_length=50, json_schema_extra=ATOMIC)] = []
    """Nodes whose hardware failed jobs within the last seven days, the newest first."""
    observed_generation: Count | None = None
    """Generation of the spec this status was made from."""
