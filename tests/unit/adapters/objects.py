"""Objects as an API server sends them, short where nobody looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crosstree.adapters.nodehealth import NodeHealths
from crosstree.adapters.nodes import NodeSink
from crosstree.core.columns import Columns

GPU = "nvidia.com/gpu"


def a_pod(name: str = "p", **changes: Any) -> dict[str, Any]:
    """A pod; `labels`, `node`, `gpus`, `phase`, `version`, `uid`, `spec` and `status` may be changed."""
    gpus = changes.get("gpus", 1)
    requests = {"cpu": "500m", "memory": "1Gi"} | ({GPU: str(gpus)} if gpus else {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": changes.get("namespace", "default"),
            "uid": changes.get("uid", f"uid-{name}"),
            "resourceVersion": str(changes.get("version", 1)),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": changes.get("labels", {"app": "x"}),
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:metadata": {}}}],
        }
        | changes.get("metadata", {}),
        "spec": {
            "nodeName": changes.get("node", ""),
            "containers": [{"name": "main", "image": "x", "resources": {"requests": requests}}],
        }
        | changes.get("spec", {}),
        "status": {"phase": changes.get("phase", "Running")} | changes.get("status", {}),
    }


def our_pod(job: str, index: int, **changes: Any) -> dict[str, Any]:
    """A pod of a TrainingJob, attempt 1 unless told otherwise."""
    labels = {
        "crosstree.dev/job": job,
        "crosstree.dev/index": str(index),
        "crosstree.dev/attempt": str(changes.pop("attempt", 1)),
    }
    owner = {
        "kind": "TrainingJob",
        "name": job,
        "uid": changes.pop("owner", f"uid-{job}"),
        "controller": True,
    }
    metadata = {"ownerReferences": [owner]} | changes.pop("metadata", {})
    return a_pod(f"{job}-worker-{index}", labels=labels, metadata=metadata, **changes)


def a_node(name: str = "n1", **changes: Any) -> dict[str, Any]:
    """A ready node; `labels`, `gpus`, `ready`, `conditions`, `taints`, `unschedulable`, `version` may be changed."""
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "110", GPU: str(changes.get("gpus", 8))}
    ready = {
        "type": "Ready",
        "status": changes.get("ready", "True"),
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(changes.get("version", 1)),
            "labels": {"kubernetes.io/hostname": name, **changes.get("labels", {})},
        },
        "spec": {"unschedulable": changes.get("unschedulable", False), "taints": changes.get("taints", [])},
        "status": {
            "allocatable": amounts,
            "capacity": {**amounts, GPU: str(changes.get("capacity", changes.get("gpus", 8)))},
            "conditions": [ready, *changes.get("conditions", [])],
            "images": [{"names": ["x"], "sizeBytes": 1}],
        },
    }


def a_node_sink(columns: Columns, changed: Callable[[str], None] = lambda _: None) -> NodeSink:
    """A sink of nodes that knows no rules."""
    return NodeSink(NodeHealths(columns, (), changed, lambda: 0.0))
