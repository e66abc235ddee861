"""The nodes of a simulated cluster: names, accelerators and fabric, made into pools once.

One pool for each accelerator model, as the operator's discovery makes them. Accelerators are the only resource.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from crosstree.base.errors import SpecError
from crosstree.catalog.load import Catalog, load
from crosstree.core.accelerator import Profile
from crosstree.core.arrays import Int64
from crosstree.core.snapshot import Pool
from crosstree.core.topology import LevelSpec, build

RESOURCE = "accelerator"
"""The one resource that simulated nodes offer and simulated jobs ask for."""

ANY = "accelerator"
"""Model of nodes whose inventory names none: every job runs on them."""

LEVELS = ("core", "spine", "leaf")
"""Columns of an inventory that are levels of the fabric, widest first."""


@dataclass(frozen=True, slots=True)
class NodeFact:
    """One node as an inventory lists it; a level it is silent about is empty."""

    name: str
    model: str
    devices: int
    leaf: str = ""
    spine: str = ""
    core: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """The static half of a simulated cluster.

    Attributes:
        names: Node names by row.
        devices: Accelerators per node, int64 (N,).
        pools: One per model, in order of name.
        row: Row of each node name.
    """

    names: tuple[str, ...]
    devices: Int64
    pools: tuple[Pool, ...]
    row: dict[str, int]

    @property
    def total(self) -> int:
        """Accelerators of all nodes."""
        return int(self.devices.sum())

    @property
    def models(self) -> tuple[str, ...]:
        """Models of the pools."""
        return tuple(pool.profile.id for pool in self.pools)

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels that some pool's fabric has, the node level aside, widest first."""
        return tuple(
            level for level in LEVELS if any(pool.fabric.depth(level) is not None for pool in self.pools)
        )


def inventory(nodes: Sequence[NodeFact]) -> Inventory:
    """Make pools of nodes.

    A level whose column is empty for every node of a pool, or that puts each of them in the same domain as the level
    above, is left out: it could decide nothing.

    Raises:
        SpecError: there is no node, two have one name, or one has no accelerator.
    """
    if not nodes:
        raise SpecError("a simulated cluster needs at least one node; the inventory lists none.")
    names = tuple(node.name for node in nodes)
    row = {name: index for index, name in enumerate(names)}
    if len(row) != len(names):
        twice = next(name for index, name in enumerate(names) if row[name] != index)
        raise SpecError(f"node {twice!r} is listed twice; give every node a name of its own.")
    devices = np.array([node.devices for node in nodes], np.int64)
    if (devices < 1).any():
        bare = nodes[int(np.flatnonzero(devices < 1)[0])]
        raise SpecError(f"node {bare.name!r} has {bare.devices} accelerators; list nodes that have some.")
    models = sorted({node.model or ANY for node in nodes})
    pools = tuple(_pool(model, nodes, row) for model in models)
    return Inventory(names, devices, pools, row)


def _pool(model: str, nodes: Sequence[NodeFact], row: dict[str, int]) -> Pool:
    members = [node for node in nodes if (node.model or ANY) == model]
    columns = {level: [getattr(node, level) for node in members] for level in LEVELS}
    kept = [level for level in LEVELS if any(columns[level])]
    order, fabric = build(
        [node.name for node in members],
        [LevelSpec(level, level) for level in kept],
        [columns[level] for level in kept],
    )
    rows = np.array([row[members[int(i)].name] for i in order], np.int32)
    rows.flags.writeable = False
    return Pool(model, _profile(model, max(node.devices for node in members)), RESOURCE, 0, rows, fabric)


def _profile(model: str, per_node: int) -> Profile:
    """Return the catalog's row of that name, or a plain accelerator whose devices all reach each other."""
    known = _catalog().profile(model)
    return known or Profile(model, "simulated", title=model, devices_per_node=per_node)


@lru_cache(maxsize=1)
def _catalog() -> Catalog:
    return load()
