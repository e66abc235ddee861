"""The bridge of a cluster with real nodes, and the cables of its nodes. Addresses are this machine's own business."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from localcluster.errors import StartError
from localcluster.realnode.plan import API_SERVICE, Plan

PREFIX = "lc"  # of every link made here; lc7 is a bridge, lc7n0 the cable of its first node
_RANGE = IPv4Network("172.16.0.0/12")


def run(*command: str, check: bool = True) -> str:
    """Run a command and give what it prints.

    Raises:
        StartError: it failed, and `check` is set; the message holds what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise StartError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def candidates(used: Sequence[IPv4Network]) -> Iterator[tuple[str, str]]:
    """Give names of bridges with their block of addresses, those that overlap nothing in use."""
    for number, block in enumerate(_RANGE.subnets(new_prefix=19)):
        if not any(block.overlaps(other) for other in used):
            yield f"{PREFIX}{number}", str(block)


def used() -> list[IPv4Network]:
    """List the networks this machine has a route to, other than the default one."""
    routes = json.loads(run("ip", "-4", "-json", "route", "show", "table", "all") or "[]")
    return [IPv4Network(route["dst"], strict=False) for route in routes if route["dst"] != "default"]


def claim(folder: Path) -> tuple[str, str]:
    """Make a bridge for the cluster of this folder. The kernel lets one of two rivals have a name, and its block.

    Returns:
        Name of the bridge and its block of addresses.

    Raises:
        StartError: no block is free, or the kernel refuses bridges.
    """
    for name, block in candidates(used()):
        made = subprocess.run(["ip", "link", "add", name, "type", "bridge"], capture_output=True, text=True)
        if made.returncode == 0:
            run("ip", "link", "set", name, "alias", str(folder))
            return name, block
        if "File exists" not in made.stderr:
            raise StartError(f"no bridge can be made for real nodes: {made.stderr.strip()}")
    raise StartError(f"no block of addresses in {_RANGE} is free for real nodes.")


def raise_bridge(plan: Plan) -> None:
    """Give the bridge its address, and this machine the way to every node's pods.

    Raises:
        StartError: the kernel refuses.
    """
    run("ip", "address", "add", f"{plan.gateway}/24", "dev", plan.bridge)
    run("ip", "link", "set", plan.bridge, "up")
    for node in plan.nodes:
        run("ip", "route", "add", plan.pods(node.name), "via", plan.address(node.name), "dev", plan.bridge)


def connect(plan: Plan, name: str, outside: int) -> None:
    """From inside a new network namespace: lay the cable to the bridge, set routes and the way to the API server.

    Args:
        plan: The cluster's plan.
        name: The node.
        outside: Pid of a process in the namespace of the bridge.

    Raises:
        StartError: the kernel refuses.
    """
    out = ("nsenter", "--target", str(outside), "--net")
    run(
        *out, "ip", "link", "delete", plan.link(name), check=False
    )  # of the node's former life, if it lingers
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", plan.link(name), "netns", str(outside))
    run(*out, "ip", "link", "set", plan.link(name), "master", plan.bridge, "up")
    run("ip", "address", "add", f"{plan.address(name)}/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    run("ip", "route", "add", "default", "via", plan.gateway)
    for other in plan.nodes:
        if other.name != name:
            run("ip", "route", "add", plan.pods(other.name), "via", plan.address(other.name))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")  # of this namespace only
    for chain in ("PREROUTING", "OUTPUT"):  # pods, and pods on the node's own network
        run(
            "iptables", "--wait", "--table", "nat", "--append", chain, "--destination", API_SERVICE,
            "--protocol", "tcp", "--dport", "443",
            "--jump", "DNAT", "--to-destination", f"{plan.gateway}:{plan.api_port}",
        )  # fmt: skip


def plug(plan: Plan, name: str, *, in_: bool) -> None:
    """Pull a node's cable or put it back.

    Raises:
        StartError: the node has no cable: it does not run.
    """
    run("ip", "link", "set", plan.link(name), "up" if in_ else "down")


def remove(folder: Path) -> None:
    """Remove the bridge of a folder, and nobody else's; its routes and cables go with it."""
    for link in json.loads(run("ip", "-json", "link", "show", "type", "bridge", check=False) or "[]"):
        if link.get("ifalias") == str(folder):
            bridge = link["ifname"]
            for cable in json.loads(
                run("ip", "-json", "link", "show", "master", bridge, check=False) or "[]"
            ):
                run("ip", "link", "delete", cable["ifname"], check=False)
            run("ip", "link", "delete", bridge, check=False)
