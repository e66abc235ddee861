"""The configuration files of one real node. Pure: from a plan to texts."""

from __future__ import annotations

import json
from pathlib import Path

from localcluster.realnode.plan import Plan
from localcluster.realnode.requirements import CNI_PLUGINS

PAUSE = "localcluster.local/pause:1"
HELLO = "localcluster.local/hello:1"
DNS_READY = 8181  # port on the bridge's address where DNS says whether it knows the cluster's names


def containerd(plan: Plan, name: str) -> str:
    """Configure containerd 1.6 or newer (2.x reads the same file): CRI with runc, overlayfs, our pause image."""
    home = plan.home(name)
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{home}/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{plan.socket(name)}"
[{cri}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
[{cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[{cri}.cni]
  bin_dir = "{CNI_PLUGINS}"
  conf_dir = "/etc/cni/net.d"
"""


def cni(plan: Plan, name: str) -> str:
    """Configure the network of a node's pods: a bridge of the node's own, addresses from its range, no masquerading."""
    addresses = {"type": "host-local", "dataDir": "/run/cni-ipam", "ranges": [[{"subnet": plan.pods(name)}]]}
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "isDefaultGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "localcluster", "plugins": [bridge]}, indent=2)


def kubelet(plan: Plan, name: str, resolv_conf: Path) -> str:
    """Configure kubelet for a machine shared by several: no eviction, nothing of the machine's own changed."""
    nothing = dict.fromkeys(("memory.available", "nodefs.available", "nodefs.inodesFree"), "0%")
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/",  # of the node's control group namespace
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": ["pods"],
        "failSwapOn": False,
        "oomScoreAdj": 0,  # lowering it takes a capability that a virtual machine may lack
        "containerRuntimeEndpoint": f"unix://{plan.socket(name)}",
        # It listens on this machine's own bridge only; the API server is given no certificate to show it.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [plan.gateway],
        "clusterDomain": "cluster.local",
        "resolvConf": str(resolv_conf),
        "evictionHard": {**nothing, "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "2s",  # allocatable follows a device's health in about a second
        "nodeStatusReportFrequency": "30s",
        "nodeLeaseDurationSeconds": 4,
        "serializeImagePulls": False,
        "makeIPTablesUtilChains": False,
        "maxPods": 100,
    }
    return json.dumps(config, indent=2)


def corefile(plan: Plan, kubeconfig: Path) -> str:
    """Configure DNS: names of this cluster and nothing else, answered on the bridge's address."""
    return f"""\
.:53 {{
  bind {plan.gateway}
  errors
  ready {plan.gateway}:{DNS_READY}
  cache 1 {{
    denial 1000 1
  }}
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig}
    pods insecure
    ttl 0
  }}
}}
"""
