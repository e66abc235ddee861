"""What real nodes a cluster has and where everything of theirs lies. Pure but for reading and writing the plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from localcluster.errors import FleetError

FILE = "plan.json"
LABEL = "localcluster.dev/real"  # every real node carries it, with the value "true"
MOST = 30
API_SERVICE = "10.96.0.1"  # cluster IP of the Service default/kubernetes: first of the service range


@dataclass(frozen=True)
class RealNode:
    """One real node as the caller wants it.

    Attributes:
        name: Node name.
        devices: Fake devices its plugin offers, per extended resource.
        labels: Labels of the node, beside `plan.LABEL`.
        taints: Taints it is created with, as in the API.
    """

    name: str
    devices: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Plan:
    """Everything the processes of the real nodes need to know, as it is written to the folder they share.

    Attributes:
        folder: The folder: one sub-folder per node, and this plan.
        block: Addresses of this cluster, a /19: the first /24 is the bridge's, the next ones are the nodes' pods'.
        bridge: Name of the bridge; also of the control groups.
        cgroups: The folders, one per hierarchy, below which each node has its own.
        nodes: In their order, which decides their addresses.
        bin: Folder of kubelet.
        node_bin: Folder of the device plugin, DNS and the images' programs.
        api_port: The API server's port on the bridge's address.
    """

    folder: Path
    block: str
    bridge: str
    cgroups: tuple[Path, ...]
    nodes: tuple[RealNode, ...]
    bin: Path
    node_bin: Path
    api_port: int

    @property
    def gateway(self) -> str:
        """The bridge's own address: API server and DNS listen there."""
        return str(self._addresses[1])

    @property
    def _addresses(self) -> IPv4Network:
        return next(IPv4Network(self.block).subnets(new_prefix=24))

    def index(self, name: str) -> int:
        """Find a node's place.

        Raises:
            FleetError: there is no such real node.
        """
        for index, node in enumerate(self.nodes):
            if node.name == name:
                return index
        known = ", ".join(node.name for node in self.nodes) or "none"
        raise FleetError(f"there is no real node {name!r}; real nodes are {known}.")

    def address(self, name: str) -> str:
        """Give a node's address on the bridge."""
        return str(IPv4Address(int(self._addresses[10]) + self.index(name)))

    def pods(self, name: str) -> str:
        """Give the range of a node's pods."""
        return str(list(IPv4Network(self.block).subnets(new_prefix=24))[1 + self.index(name)])

    def link(self, name: str) -> str:
        """Name the host's end of a node's cable."""
        return f"{self.bridge}n{self.index(name)}"

    def home(self, name: str) -> Path:
        """Give a node's folder."""
        return self.folder / name

    def socket(self, name: str) -> Path:
        """Give the socket of a node's containerd."""
        return self.home(name) / "containerd.sock"

    def node_cgroups(self, name: str) -> list[Path]:
        """Give a node's control groups, one per hierarchy."""
        return [root / self.bridge / name for root in self.cgroups]

    def save(self) -> None:
        """Write the plan where `load` finds it."""
        text = json.dumps(asdict(self), indent=2, default=str)
        draft = self.folder / f"{FILE}.new"
        draft.write_text(text)
        draft.replace(self.folder / FILE)


def load(folder: Path) -> Plan:
    """Read the plan of a folder.

    Raises:
        OSError, ValueError, TypeError: there is none that can be read.
    """
    found = json.loads((folder / FILE).read_text())
    nodes = tuple(RealNode(**{**node, "taints": tuple(node["taints"])}) for node in found.pop("nodes"))
    for key in ("folder", "bin", "node_bin"):
        found[key] = Path(found[key])
    cgroups = tuple(Path(root) for root in found.pop("cgroups"))
    return Plan(**found, nodes=nodes, cgroups=cgroups)


def nodes_of(wanted: int | Sequence[RealNode], devices: Mapping[str, int]) -> tuple[RealNode, ...]:
    """Name the wanted nodes: a number gives real-0, real-1, … with the same devices each.

    Raises:
        FleetError: too many, a negative number, or a name twice.
    """
    if isinstance(wanted, int):
        if wanted < 0:
            raise FleetError(f"{wanted} real nodes: the number may not be negative.")
        wanted = [RealNode(f"real-{index}", devices) for index in range(wanted)]
    names = {node.name for node in wanted}
    if len(names) != len(wanted):
        raise FleetError("two real nodes have the same name.")
    if len(wanted) > MOST:
        raise FleetError(f"{len(wanted)} real nodes are more than the {MOST} one cluster has addresses for.")
    return tuple(wanted)


def device_id(resource: str, index: int) -> str:
    """Name one fake device: "nvidia-com-gpu-0"."""
    return f"{resource.replace('/', '-').replace('.', '-')}-{index}"
