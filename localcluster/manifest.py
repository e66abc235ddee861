"""The manifest of one simulated node, with the status a kubelet and a device plugin would report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from localcluster.api import Json
from localcluster.profiles import Profile
from localcluster.versions import KUBERNETES

_HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def node_manifest(
    *,
    name: str,
    profile: Profile,
    address: int,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    taints: Sequence[Mapping[str, str]] = (),
    cordoned: bool = False,
    cpu: int | None = None,
    memory: str | None = None,
    resources: Mapping[str, int] | None = None,
) -> Json:
    """Describe one node.

    Args:
        name: Node name.
        profile: The kind of machine.
        address: Number of the node in its cluster, from which its IP address is made.
        labels: Added to the profile's; they win.
        annotations: Added to the profile's; they win.
        taints: Added to the profile's.
        cordoned: Unschedulable.
        cpu: Cores, in place of the profile's.
        memory: In place of the profile's.
        resources: Extended resources in whole devices, in place of the profile's.

    Returns:
        A v1 Node that is Ready from its creation (the API server keeps the status of a node it creates).
    """
    amounts = {
        "cpu": str(cpu or profile.cpu),
        "memory": memory or profile.memory,
        "ephemeral-storage": "2Ti",
        "pods": "110",
        **{key: str(count) for key, count in (resources or profile.resources).items()},
    }
    spec: Json = {"taints": [dict(taint) for taint in (*profile.taints, *taints)]}
    if cordoned:
        spec["unschedulable"] = True
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": profile.arch,
                "beta.kubernetes.io/os": "linux",  # else the controller manager adds these two, one write per node
                "beta.kubernetes.io/arch": profile.arch,
                "node-role.kubernetes.io/worker": "",
                "type": "kwok",
                "localcluster.dev/profile": profile.name,
                **profile.labels,
                **labels,
            },
            "annotations": {
                "kwok.x-k8s.io/node": "fake",
                **profile.annotations,
                **annotations,
            },
        },
        "spec": spec,
        "status": {
            "phase": "Running",
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [
                {"type": kind, "status": status, "reason": reason, "message": message}
                for kind, status, reason, message in _HEALTHY
            ],
            "addresses": [
                {
                    "type": "InternalIP",
                    "address": f"10.{64 + address // 62500}.{address // 250 % 250}.{address % 250 + 1}",
                },
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {
                "architecture": profile.arch,
                "operatingSystem": "linux",
                "osImage": "simulated",
                "kernelVersion": "simulated",
                "containerRuntimeVersion": "simulated://1",
                "kubeletVersion": f"v{KUBERNETES}",
                "kubeProxyVersion": "",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        },
    }
