"""The ways in which `bench recovery` breaks a running gang, each with what mends it again.

Every one is a single write, so that there is one moment from which recovery is timed: `strike` is called right
after that moment was noted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from localcluster import faults
from localcluster.api import Api, Json

KILLED = 137
"""Exit code of a program that was killed from outside, as when the machine takes its memory away."""

CONDITION = "GpuNvlinkWatch"
"""A condition of NVSentinel that means a broken NVLink; the catalog names it as a fault."""


class Break(Enum):
    """What happens to one worker of the gang, or to its node."""

    WORKER_KILLED = "worker-killed"
    """Its pod fails with exit code 137."""
    POD_DELETED = "pod-deleted"
    """Somebody deletes its pod."""
    NODE_DELETED = "node-deleted"
    """The Node object goes, as when a cloud takes a machine back."""
    NODE_FAULT = "node-fault"
    """The node reports a hardware fault, with a grace period of none."""
    DEVICE_LOST = "device-lost"
    """The device plugin takes one accelerator of the node out of service, with a grace period of none."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One break, prepared. Both calls block on the API server."""

    strike: Callable[[], object]
    mend: Callable[[], object]


def prepare(api: Api, how: Break, *, namespace: str, pod: str, node: str, resource: str) -> Stroke:
    """Make a break ready, so that striking is one write."""
    match how:
        case Break.WORKER_KILLED:
            return Stroke(lambda: faults.fail_pod(api, namespace, pod, KILLED), _nothing)
        case Break.POD_DELETED:
            return Stroke(lambda: api.delete(f"/api/v1/namespaces/{namespace}/pods/{pod}"), _nothing)
        case Break.NODE_DELETED:
            again = _fresh(api.get(f"/api/v1/nodes/{node}"))
            return Stroke(
                lambda: api.delete(f"/api/v1/nodes/{node}"), lambda: api.post("/api/v1/nodes", again)
            )
        case Break.NODE_FAULT:
            return Stroke(
                lambda: faults.set_condition(api, node, CONDITION, "True"),
                lambda: faults.set_condition(api, node, CONDITION, "False"),
            )
        case Break.DEVICE_LOST:
            return Stroke(
                lambda: faults.fail_devices(api, node, resource, 1),
                lambda: faults.fail_devices(api, node, resource, 0),
            )


def _fresh(node: Json) -> Json:
    """Return a node as it could be created again."""
    meta = node["metadata"]
    kept = {key: meta[key] for key in ("name", "labels", "annotations") if key in meta}
    spec = {key: value for key, value in node.get("spec", {}).items() if key != "taints"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": kept, "spec": spec, "status": node["status"]}


def _nothing() -> None:
    """Nothing stays broken."""
