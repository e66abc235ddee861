"""The few fields of Node and Pod that we read, as structs that msgspec decodes straight from bytes.

Everything else in an object is skipped without becoming a Python object: with 100,000 pods that is the
difference between a second and a minute and a half. What only our own pods need stays raw until asked for.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from crosstree.adapters import mindcluster
from crosstree.base import names

T = TypeVar("T")

Quantities = dict[str, str | int | float]


class Wire(msgspec.Struct, rename="camel", gc=False):
    """Base: camelCase on the wire, unknown fields ignored."""


class Requests(Wire):
    """`resources` of a container or a pod. The API server fills requests from limits, so limits say nothing new."""

    requests: Quantities | None = None


class Container(Wire):
    """A container's share of the pod's request; `restart_policy` Always marks a sidecar."""

    resources: Requests | None = None
    restart_policy: str | None = None


class Owner(Wire):
    """One ownerReference."""

    uid: str = ""
    controller: bool | None = None


class PodLabels(msgspec.Struct, gc=False):
    """Only the labels we set ourselves; on a foreign pod all are empty."""

    job: str = msgspec.field(default="", name=names.LABEL_JOB)
    index: str = msgspec.field(default="", name=names.LABEL_INDEX)
    attempt: str = msgspec.field(default="", name=names.LABEL_ATTEMPT)


class PodAnnotations(msgspec.Struct, gc=False):
    """Which devices a pod got, as its device plugin says; and up to when its work is saved, as it says itself."""

    ascend_real: str = msgspec.field(default="", name="huawei.com/AscendReal")
    checkpointed: str = msgspec.field(default="", name=names.ANNOTATION_CHECKPOINT)


class PodMeta(Wire):
    """Metadata of a pod."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: PodLabels | None = None
    annotations: PodAnnotations | None = None
    owner_references: msgspec.Raw = msgspec.Raw()
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int = 0


class PodSpec(Wire):
    """What a pod asks for and where it is bound."""

    node_name: str = ""
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    overhead: Quantities | None = None
    resources: Requests | None = None


class PodStatus(Wire):
    """How a pod is; details stay raw for foreign pods."""

    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: msgspec.Raw = msgspec.Raw()
    container_statuses: msgspec.Raw = msgspec.Raw()
    init_container_statuses: msgspec.Raw = msgspec.Raw()


class Pod(Wire):
    """A pod."""

    metadata: PodMeta = msgspec.field(default_factory=PodMeta)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class Condition(Wire):
    """A condition of a node or a pod."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class Waiting(Wire):
    """Why a container has not started."""

    reason: str | None = None
    message: str | None = None


class Terminated(Wire):
    """How a container ended."""

    exit_code: int = 0
    reason: str | None = None
    message: str | None = None
    finished_at: str | None = None


class ContainerState(Wire):
    """Exactly one of these is there."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class DeviceHealth(Wire):
    """Health of one allocated device (KEP-4680)."""

    resource_id: str = msgspec.field(default="", name="resourceID")
    health: str = ""


class AllocatedResource(Wire):
    """Allocated devices of one resource."""

    resources: list[DeviceHealth] | None = None


class ContainerStatus(Wire):
    """Status of one container."""

    name: str = ""
    state: ContainerState | None = None
    allocated_resources_status: list[AllocatedResource] | None = None


class NodeMeta(Wire):
    """Metadata of a node, or of any object without a namespace."""

    name: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None


class NodeTaint(Wire):
    """A taint."""

    key: str
    effect: str
    value: str | None = None
    time_added: str | None = None


class NodeSpec(Wire):
    """Cordon and taints."""

    unschedulable: bool = False
    taints: list[NodeTaint] | None = None


class NodeStatus(Wire):
    """Amounts and conditions; images and volumes, most of a Node's bytes, are skipped."""

    allocatable: Quantities | None = None
    capacity: Quantities | None = None
    conditions: list[Condition] | None = None


class Node(Wire):
    """A node."""

    metadata: NodeMeta = msgspec.field(default_factory=NodeMeta)
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class Namespace(Wire):
    """A namespace."""

    metadata: NodeMeta = msgspec.field(default_factory=NodeMeta)


class PriorityClass(Wire):
    """A PriorityClass."""

    metadata: NodeMeta = msgspec.field(default_factory=NodeMeta)
    value: int = 0


class ServiceMeta(Wire):
    """Metadata of a Service."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    owner_references: msgspec.Raw = msgspec.Raw()
    deletion_timestamp: str | None = None


class Service(Wire):
    """A Service of one of our jobs."""

    metadata: ServiceMeta = msgspec.field(default_factory=ServiceMeta)


class ConfigMap(Wire):
    """A ConfigMap in which MindCluster reports on a node."""

    metadata: NodeMeta = msgspec.field(default_factory=NodeMeta)
    data: mindcluster.Reports | None = None


class ListMeta(Wire):
    """Where a list stands and how it goes on; `continue` is the token of the next page."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(Wire, Generic[T]):
    """One page of a list."""

    metadata: ListMeta
    items: list[T] | None = None


class Event(Wire, Generic[T]):
    """One line of a watch."""

    type: str
    object: T


class Version(Wire):
    """Metadata of anything that has a resource version."""

    resource_version: str = ""


class Versioned(Wire):
    """Any object, read for its resource version alone (bookmarks)."""

    metadata: Version = msgspec.field(default_factory=Version)


class ApiStatus(Wire):
    """The Status body that comes with every refusal."""

    code: int = 0
    reason: str = ""
    message: str = ""
