"""What real objects carry besides what anybody here reads: most of their bytes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any

from crosstree.base.clock import to_rfc3339

Json = dict[str, Any]

EPOCH = 1_760_000_000.0
"""When everything began, seconds since the epoch."""


def daemon(name: str) -> Json:
    """A pod of a DaemonSet, with marks where they differ."""
    mounts = [{"name": f"host-{i}", "mountPath": f"/host/{name}/{i}", "readOnly": True} for i in range(4)]
    container = {
        "name": name,
        "image": f"registry.example/platform/{name}@sha256:{'3f9c' * 16}",
        "args": [f"--{name}-option-{i}=value" for i in range(6)],
        "env": [
            {
                "name": "NODE_NAME",
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}},
            }
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": mounts,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }
    meta = meta_of("@name@", "kube-system") | {
        "uid": "@uid@",
        "generateName": f"{name}-",
        "labels": {"app": name, "controller-revision-hash": "5d8f9c7b6", "pod-template-generation": "3"},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "name": name,
                "uid": uid(name),
                "controller": True,
            }
        ],
    }
    spec = {
        "nodeName": "@node@",
        "containers": [container],
        "volumes": [
            {"name": f"host-{i}", "hostPath": {"path": f"/var/lib/{name}/{i}", "type": ""}} for i in range(4)
        ],
        **defaults(),
    }
    meta["managedFields"] = pod_fields("kube-controller-manager", [container])
    return {"metadata": meta, "spec": spec, "status": running_status(name)}


def pod_fields(manager: str, containers: list[Json]) -> list[Json]:
    """Return `managedFields` of a pod that `manager` made and a kubelet runs."""
    status = {"conditions": running_status("any")["conditions"]}
    return [_managed(manager, {"containers": containers}), _managed("kubelet", status)]


@cache
def defaults() -> Json:
    """Return the fields of a pod's spec that the API server fills in."""
    keys = ("not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    tolerations = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"} for key in keys
    ]
    return {
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "serviceAccountName": "default",
        "securityContext": {},
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "tolerations": tolerations,
    }


@cache
def running_status(container: str) -> Json:
    """Return the status of a pod that runs and is ready."""
    at = to_rfc3339(EPOCH + 10)
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": at} for kind in kinds
        ],
        "hostIP": "10.64.0.7",
        "podIP": "10.128.3.9",
        "podIPs": [{"ip": "10.128.3.9"}],
        "qosClass": "Burstable",
        "startTime": at,
        "containerStatuses": [
            {
                "name": container, "ready": True, "started": True, "restartCount": 0,
                "state": {"running": {"startedAt": at}},
                "lastState": {}, "image": f"registry.example/{container}:1",
                "imageID": f"registry.example/{container}@sha256:0a",
                "containerID": f"containerd://{'9be1' * 16}",
            }
        ],
    }  # fmt: skip


def whole_node(node: Json, number: int) -> Json:
    """Add what a kubelet tells of a real machine: images, above all."""
    node = stored(node)
    at = to_rfc3339(EPOCH + number % 60)
    for one in node["status"]["conditions"]:
        one |= {"lastHeartbeatTime": at, "lastTransitionTime": at}
    node["status"]["images"] = _images()
    node["metadata"]["managedFields"] = _node_fields()
    return node


@cache
def _images() -> list[Json]:
    images = [f"registry.example/library/image-{i}" for i in range(25)]
    return [
        {"names": [f"{name}@sha256:{'c0de' * 16}", f"{name}:v{i}"], "sizeBytes": 10**9 + i}
        for i, name in enumerate(images)
    ]


@cache
def _node_fields() -> list[Json]:
    kinds = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    told = [
        {"type": kind, "status": "", "reason": "", "message": "", "lastHeartbeatTime": ""} for kind in kinds
    ]
    return [_managed("kubelet", {"conditions": told})]


def stored(one: Json) -> Json:
    """Return an object with the metadata that the API server gives it."""
    meta = one["metadata"]
    return {**one, "metadata": {**meta_of(meta["name"], meta.get("namespace", "")), **meta}}


def meta_of(name: str, namespace: str) -> Json:
    """Return the metadata of a stored object; without a namespace of a cluster-scoped one."""
    made = {
        "name": name, "uid": uid(f"{namespace}/{name}"), "resourceVersion": "1000", "generation": 1,
        "creationTimestamp": to_rfc3339(EPOCH - 5),
    }  # fmt: skip
    return {**made, "namespace": namespace} if namespace else made


def _managed(manager: str, part: object) -> Json:
    """Return an entry of `managedFields` for a part of an object."""
    return {
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": to_rfc3339(EPOCH),
        "fieldsType": "FieldsV1", "fieldsV1": _fields(part),
    }  # fmt: skip


def _fields(part: object) -> Json:
    """Return the paths of a part as `managedFields` tells them."""
    if isinstance(part, Mapping):
        return {f"f:{key}": _fields(value) for key, value in part.items()}
    if isinstance(part, list):
        named = [one for one in part if isinstance(one, Mapping)]
        return {f"k:{json.dumps(_label(one))}": {".": {}, **_fields(one)} for one in named}
    return {}


def _label(one: Mapping[str, Any]) -> Json:
    key = next((key for key in ("name", "type", "key") if key in one), "")
    return {key: one.get(key)}


def uid(text: str) -> str:
    """Return the uid that belongs to a text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))
