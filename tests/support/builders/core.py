"""Small snapshots for tests of the core: `a_pool(...)`, `a_gang(...)`, `a_snapshot(...)`.

A test shows only what it is about; everything else has a good default. Nodes have 8 devices, plenty of CPU and
memory, and stand in leaves under spines named `s0`, `s0l0`, with nodes `n000`, `n001`, ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crosstree.core.accelerator import IntraNode, Profile
from crosstree.core.shapes import grain_of
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.topology import Fabric, LevelSpec, build
from crosstree.core.workload import Gang, Groups, NodeConstraint

H100 = "nvidia-h100-sxm"
GPU = "nvidia.com/gpu"
ANY_COUNT = IntraNode()
RESOURCES = (GPU, "amd.com/gpu", "cpu", "memory", "pods")


@dataclass(frozen=True)
class PoolSpec:
    """A pool to build: leaves of the given numbers of nodes, per spine."""

    spines: tuple[tuple[int, ...], ...]
    name: str = "pool-h100"
    model: str = H100
    vendor: str = "nvidia"
    resource: str = GPU
    devices: int = 8
    intra: IntraNode = ANY_COUNT
    gang: bool = True
    slice_label: str = ""
    schedulable: bool = True


def a_pool(spines: int = 1, leaves: int = 2, nodes: int = 4, **changes: object) -> PoolSpec:
    """Describe a regular pool."""
    return PoolSpec(spines=((nodes,) * leaves,) * spines, **changes)  # type: ignore[arg-type]


def a_gang(
    workers: int = 4,
    devices: int = 8,
    *,
    name: str = "train",
    models: Sequence[str] = (),
    groups: tuple[int, str] | None = None,
    **changes: object,
) -> Gang:
    """Describe a gang of `workers` x `devices`."""
    return Gang(
        key=f"default/{name}",
        uid=f"uid-{name}",
        workers=workers,
        devices=devices,
        models=tuple(models),
        requests=changes.pop("requests", (("cpu", 1000), ("memory", 1 << 30), ("pods", 1))),  # type: ignore[arg-type]
        groups=Groups(*groups) if groups else None,
        **changes,  # type: ignore[arg-type]
    )


def a_fabric(spec: PoolSpec, prefix: str = "n") -> tuple[list[str], Fabric]:
    """Build names and fabric of one pool."""
    names: list[str] = []
    spine_of: list[str] = []
    leaf_of: list[str] = []
    for s, leaves in enumerate(spec.spines):
        for leaf, count in enumerate(leaves):
            for _ in range(count):
                names.append(f"{prefix}{len(names):03d}")
                spine_of.append(f"s{s}")
                leaf_of.append(f"s{s}l{leaf}")
    levels = [LevelSpec("spine", "spine"), LevelSpec("leaf", spec.slice_label or "leaf")]
    order, fabric = build(names, levels, [spine_of, leaf_of])
    return [names[i] for i in order], fabric


def a_snapshot(
    *pools: PoolSpec,
    gangs: Sequence[Gang] = (),
    used: Mapping[str, int] | None = None,
    states: Mapping[str, NodeState] | None = None,
    masks: Mapping[NodeConstraint, np.ndarray] | None = None,
    generation: int = 1,
) -> Snapshot:
    """Build a snapshot of pools side by side.

    Args:
        pools: Pools; the first one's nodes are n000.., the next one's o000.., p000...
        gangs: Waiting gangs.
        used: Accelerators in use per node, as one pod each.
        states: State of nodes that are not usable.
        masks: Nodes admitted per constraint.
        generation: Of the snapshot.
    """
    pools = pools or (a_pool(),)
    names: list[str] = []
    built: list[Pool] = []
    rows_of: list[tuple[int, int, PoolSpec]] = []
    for position, spec in enumerate(pools):
        own, fabric = a_fabric(spec, prefix=chr(ord("n") + position))
        rows = np.arange(len(names), len(names) + len(own), dtype=np.int32)
        rows_of.append((len(names), len(names) + len(own), spec))
        names += own
        profile = Profile(
            spec.model,
            spec.vendor,
            intra=spec.intra,
            gang=spec.gang,
            slice_label=spec.slice_label,
            devices_per_node=spec.devices,
        )
        column = RESOURCES.index(spec.resource)
        built.append(Pool(spec.name, profile, spec.resource, column, rows, fabric, spec.schedulable))
    allocatable = np.zeros((len(names), len(RESOURCES)), np.int64)
    allocatable[:, 2:] = (192_000, 2 << 40, 110)
    for first, last, spec in rows_of:
        allocatable[first:last, RESOURCES.index(spec.resource)] = spec.devices
    free = allocatable.copy()
    grain = np.full(len(names), 7, np.int8)
    state = np.zeros(len(names), np.int8)
    for node, count in (used or {}).items():
        row = names.index(node)
        pool = next(one for one in built if row in one.nodes)
        free[row, pool.column] -= count
        grain[row] = grain_of(count)
    for node, value in (states or {}).items():
        state[names.index(node)] = value
    return Snapshot(
        cluster="east",
        generation=generation,
        names=tuple(names),
        resources=RESOURCES,
        allocatable=allocatable,
        free=free,
        state=state,
        grain=grain,
        pools=tuple(sorted(built, key=lambda one: one.name)),
        gangs=tuple(gangs),
        masks=masks or {},
    )
