"""What is built, in which version, and the key under which the result is cached."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

KUBERNETES = "1.37.1"
ETCD = "3.7.0"
KWOK = "0.8.0"
COREDNS = "1.15.0"  # real nodes only

HERE = Path(__file__).resolve().parent
GO_PARTS = HERE / "go"
NODE_PARTS = HERE / "realnode" / "go"
CLIENT_TOOLS = HERE / "tools" / "requirements.txt"

BINARIES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kwok",
    "kubectl",
    "helm",
)
NODE_BINARIES = ("dns", "deviceplugin", "pause", "hello")
"""What real nodes need beside kubelet; built only when they are asked for."""


def kubernetes_ldflags() -> str:
    """Linker flags for the Kubernetes binaries; without them clients are told v0.0.0."""
    major, minor, _ = KUBERNETES.split(".")
    package = "k8s.io/component-base/version"
    values = {
        "gitVersion": f"v{KUBERNETES}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    return "-s -w " + " ".join(f"-X {package}.{name}={value}" for name, value in values.items())


def build_key() -> str:
    """Name the cache folder of this set of binaries.

    It changes with any version, any go.mod, go.sum or tools.go, the linker flags, or the kind of machine.
    """
    digest = hashlib.sha256(kubernetes_ldflags().encode())
    for part in sorted(GO_PARTS.glob("*/*")):
        digest.update(part.name.encode() + part.read_bytes())
    digest.update(CLIENT_TOOLS.read_bytes())
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return f"kubernetes-{KUBERNETES}-etcd-{ETCD}-kwok-{KWOK}-{machine}-{digest.hexdigest()[:10]}"


def node_build_key() -> str:
    """Name the cache folder of what only real nodes need; it changes with any of its sources."""
    digest = hashlib.sha256()
    for file in sorted(path for path in NODE_PARTS.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(NODE_PARTS)).encode() + file.read_bytes())
    machine = f"{platform.system()}-{platform.machine()}".lower()
    return f"realnode-coredns-{COREDNS}-{machine}-{digest.hexdigest()[:10]}"
