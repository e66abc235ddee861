"""Break simulated nodes, devices and pods, and mend them, so that the break persists under kwok.

All of it is written through the API, so it works on any cluster with kwok and our stages. What happens next is done
by the real controllers: taints, pods marked not ready, eviction.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import assert_never
from urllib.parse import quote

from localcluster.api import STRATEGIC, Api, Json
from localcluster.errors import ApiError, FleetError, LocalClusterError
from localcluster.nodes import MANAGED

FAILED = "localcluster.dev/failed"  # annotation of nodes; our node stages leave such a node alone
FROZEN = "localcluster.dev/frozen"  # annotation of pods; our pod stages leave such a pod alone


class NodeFailure(Enum):
    """How a node may fail; the value is what the annotation says."""

    UNREACHABLE = "unreachable"
    """The machine is off or cut off: Ready is Unknown, its pods are not ready, its lease is no longer renewed, and
    deleted pods hang in Terminating until the node heals or somebody forces them away."""

    NOT_READY = "not-ready"
    """The kubelet is there and says it is not ready: Ready is False; its pods stay as they are, deleted ones end."""


def fail_node(api: Api, name: str, how: NodeFailure = NodeFailure.UNREACHABLE) -> None:
    """Make a simulated node fail now. The controller manager then taints it and, in its own time, evicts its pods.

    Raises:
        ApiError: no such node.
    """
    api.patch(_node(name), {"metadata": {"annotations": {FAILED: how.value}}})
    match how:
        case NodeFailure.UNREACHABLE:
            _each_pod(api, name, frozen="true", ready="False")
            api.patch(_node(name), {"metadata": {"labels": {MANAGED: "kwok-lost"}}})
            ready = _condition(
                "Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."
            )
        case NodeFailure.NOT_READY:
            ready = _condition("Ready", "False", "KubeletNotReady", "container runtime is down (simulated)")
        case _:
            assert_never(how)
    _patch_status(api, _node(name), {"conditions": [ready]})


def heal_node(api: Api, name: str) -> None:
    """Bring a failed node back: it is Ready, and so are the pods that still run on it; what was due to them happens.

    Raises:
        ApiError: no such node.
    """
    healthy = _condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
    _patch_status(api, _node(name), {"conditions": [healthy]})
    api.patch(_node(name), {"metadata": {"annotations": {FAILED: None}, "labels": {MANAGED: "kwok"}}})
    _each_pod(api, name, frozen=None, ready="True")


def _each_pod(api: Api, node: str, *, frozen: str | None, ready: str) -> None:
    """Freeze or thaw a node's pods, and say whether the running ones are ready.

    The controller manager marks pods not ready only on nodes it finds silent itself; ours was silenced by hand.
    """
    for pod in pods_on(api, node):
        path = _pod(pod["metadata"]["namespace"], pod["metadata"]["name"])
        try:
            if pod["status"].get("phase") == "Running":
                condition = _condition("Ready", ready, "", "", heartbeat=False)
                _patch_status(api, path, {"conditions": [condition]})
            api.patch(path, {"metadata": {"annotations": {FROZEN: frozen}}})
        except ApiError as error:
            if error.status != 404:  # gone since it was listed
                raise


def fail_devices(api: Api, name: str, resource: str, count: int) -> None:
    """Make so many devices of a node unhealthy: allocatable drops, capacity stays, as a device plugin does it.

    Args:
        api: The cluster.
        name: The node.
        resource: Extended resource, for example "nvidia.com/gpu".
        count: Unhealthy devices from now on; 0 heals all.

    Raises:
        FleetError: the node has no such resource, or fewer devices.
        ApiError: no such node.
    """
    capacity = api.get(_node(name))["status"].get("capacity", {})
    if resource not in capacity:
        offered = ", ".join(sorted(key for key in capacity if "/" in key)) or "no extended resources"
        raise FleetError(f"node {name} has no resource {resource!r}; it has {offered}.")
    total = int(capacity[resource])
    if not 0 <= count <= total:
        raise FleetError(f"node {name} has {total} x {resource}; {count} of them cannot be unhealthy.")
    _patch_status(api, _node(name), {"allocatable": {resource: str(total - count)}})


def set_condition(
    api: Api, name: str, kind: str, status: str, reason: str = "Simulated", message: str = ""
) -> None:
    """Set any condition of a node, as a node problem detector would ("GpuNvlinkWatch", "True")."""
    _patch_status(api, _node(name), {"conditions": [_condition(kind, status, reason, message)]})


def fail_pod(api: Api, namespace: str, name: str, exit_code: int = 1, reason: str = "Error") -> None:
    """End a running pod now, as Failed with this exit code (0: Succeeded)."""
    pod = api.get(_pod(namespace, name))
    now = _now()
    statuses: list[Json] = []
    for container in pod["spec"]["containers"]:
        ended = {"exitCode": exit_code, "reason": reason, "startedAt": now, "finishedAt": now}
        if exit_code == 0:
            ended["reason"] = "Completed"
        status = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
        statuses.append({**status, "ready": False, "started": False, "state": {"terminated": ended}})
    why = "PodFailed" if exit_code else "PodCompleted"
    conditions = [
        _condition(kind, "False", why, "", heartbeat=False) for kind in ("Ready", "ContainersReady")
    ]
    phase = "Failed" if exit_code else "Succeeded"
    _patch_status(
        api, _pod(namespace, name), {"phase": phase, "containerStatuses": statuses, "conditions": conditions}
    )


def fail_pod_device(
    api: Api, namespace: str, name: str, resource: str, device: str, health: str = "Unhealthy"
) -> None:
    """Report the health of a device a pod holds, as kubelets since 1.36 do (`allocatedResourcesStatus`).

    Raises:
        LocalClusterError: no container of the pod asks for the resource.
    """
    pod = api.get(_pod(namespace, name))
    holders = {
        container["name"]
        for container in pod["spec"]["containers"]
        if resource in container.get("resources", {}).get("limits", {})
    }
    if not holders:
        raise LocalClusterError(f"pod {namespace}/{name} does not ask for {resource!r}.")
    statuses: list[Json] = pod["status"].get("containerStatuses", [])
    for status in statuses:
        if status["name"] in holders:
            devices = [{"resourceID": device, "health": health}]
            status["allocatedResourcesStatus"] = [{"name": resource, "resources": devices}]
    _patch_status(api, _pod(namespace, name), {"containerStatuses": statuses})


def pods_on(api: Api, node: str) -> list[Json]:
    """List the pods bound to a node."""
    found: list[Json] = api.get(f"/api/v1/pods?fieldSelector={quote(f'spec.nodeName={node}')}")["items"]
    return found


def _node(name: str) -> str:
    return f"/api/v1/nodes/{name}"


def _pod(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def _patch_status(api: Api, path: str, status: Json) -> None:
    # Strategic: conditions merge by type.
    api.patch(f"{path}/status", {"status": status}, STRATEGIC)


def _condition(kind: str, status: str, reason: str, message: str, *, heartbeat: bool = True) -> Json:
    made = {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": _now(),
    }
    return {**made, "lastHeartbeatTime": _now()} if heartbeat else made


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
