"""The command lines of everything that runs for real nodes, by the name the supervisor knows it under. Pure."""

from __future__ import annotations

import sys

from localcluster.realnode.plan import Plan

DNS = "dns"
PARTS = ("containerd", "kubelet", "plugin")  # of one node, in the order of their start


def part(name: str, what: str) -> str:
    """Name a node's part as the supervisor knows it: "real-0-kubelet"."""
    return f"{name}-{what}"


def names(plan: Plan) -> list[str]:
    """List every name `commands` gives a command line."""
    return [DNS, *(entry for node in plan.nodes for entry in _names(node.name))]


def _names(name: str) -> list[str]:
    return [name, *(part(name, what) for what in PARTS)]


def commands(plan: Plan) -> dict[str, list[str]]:
    """Give the command line of DNS, of each node's machine, and of what runs on it."""
    made = {DNS: [str(plan.node_bin / "dns"), "-conf", str(plan.folder / "Corefile")]}
    for node in plan.nodes:
        name, home = node.name, plan.home(node.name)
        made[name] = [sys.executable, "-m", "localcluster.realnode.machine", str(plan.folder), name]
        enter = [sys.executable, "-m", "localcluster.realnode.enter", str(plan.folder), name]
        made[part(name, "containerd")] = [*enter, "containerd", "--config", str(home / "containerd.toml")]
        made[part(name, "kubelet")] = [
            *enter,
            str(plan.bin / "kubelet"),
            f"--config={home / 'kubelet.json'}",
            f"--kubeconfig={home / 'kubeconfig'}",
            f"--hostname-override={name}",
            f"--node-ip={plan.address(name)}",
        ]
        plugin = str(plan.node_bin / "deviceplugin")
        made[part(name, "plugin")] = [
            *enter, plugin, str(home / "devices.json"), "/var/lib/kubelet/device-plugins",
        ]  # fmt: skip
    return made


def cleanup(plan: Plan) -> list[str]:
    """Give the command that removes what outlives processes; the supervisor runs it at its end."""
    return [sys.executable, "-m", "localcluster.realnode.cleanup", str(plan.folder)]
