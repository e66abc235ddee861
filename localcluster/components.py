"""The command line of every component. Pure: from a layout to argument lists; nothing is started here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_ORDER = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")

IN_TREE_GANG = {"GenericWorkload": True, "TopologyAwareWorkloadScheduling": True}
"""Feature gates of kube-scheduler's own gang scheduling (PodGroup, topology-aware), beta in 1.37."""

_RUNTIME_CONFIG = {"GenericWorkload": "scheduling.k8s.io/v1beta1=true"}  # APIs a gate is useless without


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one run."""

    etcd: int
    etcd_peer: int
    apiserver: int
    controller_manager: int
    scheduler: int
    kwok: int


@dataclass(frozen=True)
class Layout:
    """Everything the command lines depend on.

    Attributes:
        bin: Folder of the binaries.
        data: etcd's data, keys and tokens; gone at the end.
        state: kubeconfig, generated configuration and logs; kept after the end.
        lease_seconds: Lifetime of a simulated node's lease, renewed every quarter of it; a node whose lease runs
            out is declared unreachable.
        features: Feature gates, handed to apiserver, controller manager and scheduler alike.
        audit: Write an audit log of every write (metadata only).
        real_nodes: Some nodes are real: a silent one is unreachable after `lease_seconds`, looked at each second.
        extra: Further arguments per component; they win over the ones chosen here.
    """

    bin: Path
    data: Path
    state: Path
    ports: Ports
    bind_address: str = "127.0.0.1"
    lease_seconds: int = 40
    features: Mapping[str, bool] = field(default_factory=dict)
    audit: bool = False
    real_nodes: bool = False
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{self.bind_address}:{self.ports.apiserver}"

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def ca(self) -> Path:
        """The certificate authority, alone."""
        return self.state / "ca.crt"

    @property
    def audit_log(self) -> Path:
        """Where audit events go, one JSON object a line."""
        return self.state / "audit.log"

    def log(self, component: str) -> Path:
        """The log file of a component."""
        return self.state / "logs" / f"{component}.log"


def commands(layout: Layout) -> dict[str, list[str]]:
    """Give the argument list of every component, in the order they are started."""
    made = {
        "etcd": _etcd(layout),
        "kube-apiserver": _apiserver(layout),
        "kube-controller-manager": _controller_manager(layout),
        "kube-scheduler": _scheduler(layout),
        "kwok": _kwok(layout),
    }
    return {
        name: [str(layout.bin / name), *arguments, *layout.extra.get(name, ())]
        for name, arguments in made.items()
    }


def _etcd(at: Layout) -> list[str]:
    client, peer = (f"http://127.0.0.1:{port}" for port in (at.ports.etcd, at.ports.etcd_peer))
    return [
        f"--data-dir={at.data / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # the data does not outlive the run anyway
        "--quota-backend-bytes=8589934592",
        "--auto-compaction-retention=0",  # the API server compacts
        "--log-level=warn",
    ]


def _apiserver(at: Layout) -> list[str]:
    arguments = [
        f"--etcd-servers=http://127.0.0.1:{at.ports.etcd}",
        f"--secure-port={at.ports.apiserver}",
        f"--bind-address={at.bind_address}",
        f"--advertise-address={at.bind_address}",
        f"--cert-dir={at.data / 'pki'}",
        f"--service-account-key-file={at.data / 'sa.pub'}",
        f"--service-account-signing-key-file={at.data / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={at.data / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        "--max-mutating-requests-inflight=1000",
        "--max-requests-inflight=2000",
        *_gates(at),
    ]
    if at.bind_address.startswith(
        "127."
    ):  # loopback may not be published as the `kubernetes` service's endpoint
        arguments.append("--endpoint-reconciler-type=none")
    if apis := sorted(
        {_RUNTIME_CONFIG[gate] for gate, on in at.features.items() if on and gate in _RUNTIME_CONFIG}
    ):
        arguments.append(f"--runtime-config={','.join(apis)}")
    if at.audit:
        arguments += [
            f"--audit-policy-file={at.state / 'audit-policy.json'}",
            f"--audit-log-path={at.audit_log}",
            "--audit-log-maxsize=2000",  # megabytes; a rotated log would be counted in part only
            "--audit-log-mode=batch",
        ]
    return arguments


def _controller_manager(at: Layout) -> list[str]:
    return [
        f"--kubeconfig={at.kubeconfig}",
        f"--service-account-private-key-file={at.data / 'sa.key'}",
        f"--root-ca-file={at.ca}",
        "--use-service-account-credentials=false",
        # ttl-controller only writes a hint for kubelets' caches, to every node anew whenever the cluster grows.
        "--controllers=*,-node-ipam-controller,-ttl-controller",
        f"--secure-port={at.ports.controller_manager}",
        "--bind-address=127.0.0.1",
        f"--cert-dir={at.data / 'pki-controller-manager'}",
        "--leader-elect=false",
        "--kube-api-qps=2000",
        "--kube-api-burst=4000",
        *_node_monitor(at),
        *_gates(at),
    ]


def _node_monitor(at: Layout) -> list[str]:
    if at.real_nodes:  # whoever pulls a cable wants to see what happens, soon
        return [f"--node-monitor-grace-period={at.lease_seconds}s", "--node-monitor-period=1s"]
    return [f"--node-monitor-grace-period={max(40, at.lease_seconds)}s"]


def _scheduler(at: Layout) -> list[str]:
    return [
        f"--config={at.state / 'scheduler.json'}",
        f"--secure-port={at.ports.scheduler}",
        "--bind-address=127.0.0.1",
        f"--cert-dir={at.data / 'pki-scheduler'}",
        *_gates(at),
    ]


def _kwok(at: Layout) -> list[str]:
    return [
        f"--kubeconfig={at.kubeconfig}",
        f"--config={at.state / 'kwok.yaml'}",
        # By label: it notices when a label goes away, and lets go of the node; an annotation it does not.
        "--manage-nodes-with-label-selector=type=kwok",
        f"--node-lease-duration-seconds={at.lease_seconds}",
        "--cidr=10.128.0.0/9",
        f"--server-address=127.0.0.1:{at.ports.kwok}",
    ]


def _gates(at: Layout) -> list[str]:
    if not at.features:
        return []
    return [
        "--feature-gates=" + ",".join(f"{gate}={str(on).lower()}" for gate, on in sorted(at.features.items()))
    ]


def scheduler_config(at: Layout) -> str:
    """The scheduler's configuration file: no leader election, no client-side throttling."""
    config = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {"kubeconfig": str(at.kubeconfig), "qps": 2000, "burst": 4000},
    }
    return json.dumps(config, indent=2)


def audit_policy() -> str:
    """Count writes only: who, which verb, which object; no bodies, no reads, no lease renewals of Kubernetes itself."""
    reads = ["get", "list", "watch"]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [
            {"level": "None", "verbs": reads},
            {
                "level": "None",
                "namespaces": ["kube-system", "kube-node-lease"],
                "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
            },
            {"level": "Metadata"},
        ],
    }
    return json.dumps(policy, indent=2)
