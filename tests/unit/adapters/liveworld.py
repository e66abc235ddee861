"""A live cluster without an API server: fed by hand, asked by tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from crosstree.adapters import wire
from crosstree.adapters.livecluster import LiveCluster
from crosstree.adapters.resources import Kind
from crosstree.base.clock import VirtualClock
from crosstree.base.errors import SpecError
from crosstree.catalog.load import load, load_fabrics
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.job import Job, Placement, Progress
from crosstree.core.plan import Decision, NodeShare, Place, Plan
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from tests.unit.adapters.objects import GPU, a_node

H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}


class Ready:
    """Reads raw objects that carry their domain object."""

    def _of(self, raw: Mapping[str, Any]) -> Any:
        if isinstance(raw["object"], SpecError):
            raise raw["object"]
        return raw["object"]

    cluster = pool = queue = job = _of


@dataclass
class Heard:
    marks: list[tuple[str, str]] = field(default_factory=list)
    woken: int = 0

    def mark(self, kind: Kind, key: str) -> None:
        self.marks.append((kind, key))

    def wake(self) -> None:
        self.woken += 1

    def wake_lazily(self) -> None:
        self.woken += 1


class World:
    """A live cluster of four nodes with eight devices, an AICluster `east` and the default queue."""

    def __init__(self, nodes: int = 4) -> None:
        self.clock = VirtualClock(1000.0)
        self.heard = Heard()
        self.live = LiveCluster(load(), load_fabrics(), Ready(), self.clock, self.heard)
        for at in range(nodes):
            self.node(f"n{at}")
        self.put(Kind.CLUSTER, Cluster("east", "uid-east", 1, "1", 0.0))
        self.put(Kind.QUEUE, Queue("default", "uid-q", 1, "1", 0.0))

    def node(self, name: str, **changes: Any) -> None:
        raw = a_node(name, **{"labels": H100, **changes})
        self.live.node_sink.put(msgspec.json.decode(msgspec.json.encode(raw), type=wire.Node))

    def pod(self, raw: dict[str, Any]) -> None:
        self.live.pod_sink.put(msgspec.json.decode(msgspec.json.encode(raw), type=wire.Pod))

    def put(self, kind: Kind, one: Any, error: SpecError | None = None) -> None:
        namespace = getattr(one, "namespace", "")
        meta = {"name": one.name, "uid": one.uid, "resourceVersion": one.resource_version}
        raw = {"metadata": meta | ({"namespace": namespace} if namespace else {}), "object": error or one}
        self.live.store.put(kind, raw)

    def drop(self, kind: Kind, one: Any) -> None:
        meta = {"name": one.name, "uid": one.uid}
        self.live.store.drop(
            kind, {"metadata": meta | ({"namespace": one.namespace} if kind is Kind.JOB else {})}
        )

    @property
    def east(self) -> Snapshot:
        (snapshot,) = self.live.view()
        return snapshot

    def free(self, name: str) -> int:
        snapshot = self.east
        return int(snapshot.free[snapshot.names.index(name), snapshot.resources.index(GPU)])

    def waiting(self) -> list[str]:
        return [gang.key for gang in self.east.gangs]


def a_job(name: str = "j", version: int = 1, **changes: Any) -> Job:
    key = f"default/{name}"
    workers = changes.pop("workers", 2)
    asked = {"requests": (("cpu", 500),)} | changes.pop("gang", {})
    gang = Gang(key, f"uid-{name}", workers, 8, **asked)
    made = Job(
        key, "default", name, f"uid-{name}", 1, str(version), 0.0, "", "default", "", "pytorch", gang, {}
    )
    return replace(made, **changes)


def place(job: Job, *nodes: str) -> Place:
    shares = tuple(NodeShare(name, at, 1) for at, name in enumerate(nodes))
    return Place(job.key, job.uid, "east-nvidia-h100-sxm", "nvidia-h100-sxm", GPU, shares, ())


def placed(job: Job, *nodes: str, version: int = 2, attempt: int = 1, **changes: Any) -> Job:
    decision = place(job, *nodes)
    where = Placement(decision.pool, decision.model, decision.resource, decision.nodes)
    conditions = ({"type": "Placed", "status": "True"},)
    progress = Progress(attempt=attempt, placement=where, conditions=conditions, **changes)
    return replace(job, resource_version=str(version), progress=progress)


def plan(*decisions: Decision) -> Plan:
    return Plan("east", 1, decisions)


def pinned(node: str = "") -> dict[str, Any]:
    """The spec of a worker as it is counted: what `a_job` asks for."""
    return {"nodeName": node, "containers": [{"resources": {"requests": {"cpu": "500m", GPU: "8"}}}]}
