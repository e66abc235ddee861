"""Topology labels as each source in the field writes them. Pure: from a node's place to its labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from localcluster.errors import FleetError


@dataclass(frozen=True)
class Fabric:
    """How the nodes of one group hang together; in YAML the names are written leafSize, leavesPerSpine, ….

    Attributes:
        style: Whose labels the nodes carry; a key of `STYLES`.
        leaf_size: Nodes under one leaf switch (or in one rack, one block).
        leaves_per_spine: Leaves under one spine.
        spines_per_core: Spines under one core switch.
        unlabelled: How many nodes, the last ones, carry no topology labels, as when discovery has not seen them.
    """

    style: str = "none"
    leaf_size: int = 16
    leaves_per_spine: int = 8
    spines_per_core: int = 8
    unlabelled: int = 0

    @classmethod
    def parse(cls, where: str, found: Mapping[str, Any]) -> Fabric:
        """Read the `fabric` of a fleet group.

        Raises:
            FleetError: an unknown field or style, or a size below 1.
        """
        known = {_camel(f.name): f.name for f in fields(cls)}
        if unknown := sorted(set(found) - set(known)):
            raise FleetError(
                f"{where}.fabric has unknown {', '.join(unknown)}; known are {', '.join(known)}."
            )
        fabric = cls(**{known[key]: value for key, value in found.items()})
        if fabric.style not in STYLES:
            raise FleetError(f"{where}.fabric.style is {fabric.style!r}; known are {', '.join(STYLES)}.")
        for key in ("leafSize", "leavesPerSpine", "spinesPerCore"):
            if not isinstance(size := getattr(fabric, known[key]), int) or size < 1:
                raise FleetError(f"{where}.fabric.{key} is {size!r}; it must be a whole number above 0.")
        return fabric

    def place(self, group: str, index: int) -> Place:
        """Find where the node with this index of its group hangs; nodes fill leaves, leaves fill spines."""
        leaf = index // self.leaf_size
        spine = leaf // self.leaves_per_spine
        core = spine // self.spines_per_core
        return Place(
            group, index, f"{group}-leaf-{leaf:03d}", f"{group}-spine-{spine:02d}", f"{group}-core-{core}"
        )

    def labels(self, group: str, index: int, count: int) -> dict[str, str]:
        """Give the topology labels of one node of a group of `count`."""
        if index >= count - self.unlabelled:
            return {}
        return STYLES[self.style](self.place(group, index))


@dataclass(frozen=True)
class Place:
    """A node's place: names of its leaf, spine and core, unique in the cluster."""

    group: str
    index: int
    leaf: str
    spine: str
    core: str


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _topograph(at: Place) -> dict[str, str]:
    prefix = "fabric.topograph.run/tier-"
    return {f"{prefix}0": at.leaf, f"{prefix}1": at.spine, f"{prefix}2": at.core}


def _topograph_legacy(at: Place) -> dict[str, str]:
    prefix = "network.topology.nvidia.com/"
    return {f"{prefix}leaf": at.leaf, f"{prefix}spine": at.spine, f"{prefix}core": at.core}


def _gke(at: Place) -> dict[str, str]:
    prefix = "cloud.google.com/gce-topology-"
    host = f"{at.group}-host-{at.index:04d}"
    return {f"{prefix}block": at.spine, f"{prefix}subblock": at.leaf, f"{prefix}host": host}


def _eks(at: Place) -> dict[str, str]:
    prefix = "topology.k8s.aws/network-node-layer-"  # layer 1 is the farthest
    return {f"{prefix}1": at.core, f"{prefix}2": at.spine, f"{prefix}3": at.leaf}


def _oci(at: Place) -> dict[str, str]:
    prefix = "oci.oraclecloud.com/rdma."
    return {
        f"{prefix}hpc_island_id": at.core,
        f"{prefix}network_block_id": at.spine,
        f"{prefix}local_block_id": at.leaf,
        f"{prefix}host_id": f"{at.group}-host-{at.index:04d}",
    }


def _ascend(at: Place) -> dict[str, str]:
    prefix = "huawei.com/topotree"
    return {
        prefix: "default",
        f"{prefix}.superpodid": at.spine,
        f"{prefix}.rackid": at.leaf,
        f"{prefix}.serverid": f"{at.group}-server-{at.index:04d}",
    }


def _zone(at: Place) -> dict[str, str]:
    return {"topology.kubernetes.io/region": at.spine, "topology.kubernetes.io/zone": at.leaf}


def _none(at: Place) -> dict[str, str]:
    return {}


STYLES: dict[str, Callable[[Place], dict[str, str]]] = {
    "topograph": _topograph,
    "topograph-legacy": _topograph_legacy,
    "gke": _gke,
    "eks": _eks,
    "oci": _oci,
    "ascend": _ascend,
    "zone": _zone,
    "none": _none,
}
"""Styles by name, as fleet files write them. Keys and their order in the field: see each vendor's documents."""
