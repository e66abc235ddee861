"""What a machine must offer for real nodes, checked before anything starts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from localcluster.errors import StartError

CNI_PLUGINS = Path("/usr/lib/cni")
PACKAGES = "containerd runc containernetworking-plugins iproute2"
_COMMANDS = (
    "containerd", "containerd-shim-runc-v2", "ctr", "runc", "ip", "iptables", "mount", "nsenter",
    "setpriv",
)  # fmt: skip
_CNI = ("bridge", "host-local", "loopback")
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}


def missing() -> str:
    """Say in one sentence what this machine lacks to run real nodes, and what helps; "" when nothing is missing."""
    if os.geteuid() != 0:
        return "real nodes need root (namespaces, mounts, a bridge); run the same command with sudo."
    if lost := [name for name, bit in _CAPABILITIES.items() if not _capable(bit)]:
        return (
            f"real nodes need {' and '.join(lost)}, which root does not have here: this looks like an unprivileged "
            "container. Run it on a machine, a virtual machine or in a privileged container."
        )
    absent = [name for name in _COMMANDS if shutil.which(name) is None]
    absent += [f"{CNI_PLUGINS / name}" for name in _CNI if not (CNI_PLUGINS / name).exists()]
    if absent:
        return (
            f"real nodes need {', '.join(absent)}, not found here. "
            f"Install: apt-get install --no-install-recommends {PACKAGES}"
        )
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        return "real nodes need the kernel's overlay file system, which is not loaded. Run: modprobe overlay"
    return ""


def need() -> None:
    """Refuse what `missing` finds.

    Raises:
        StartError: something is missing; the message is that of `missing`.
    """
    if found := missing():
        raise StartError(found)


def _capable(bit: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> bit & 1)
    return False
