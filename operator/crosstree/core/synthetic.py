"""Fleets and gangs made by rule from a seed: what benches and properties are measured on.

One pool of identical nodes on a spine and leaf fabric, filled to a wanted share, and gangs in the size mix
of a real cluster. Equal arguments give equal values in any process: positions come from a hash of the
seed, not from a generator with state. Nothing here decides anything about real objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from crosstree.base.errors import SpecError
from crosstree.core.accelerator import Profile
from crosstree.core.arrays import Int64
from crosstree.core.plan import Place, Plan
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.topology import Fabric, LevelSpec, build
from crosstree.core.workload import Gang

NODES_PER_LEAF = 16
LEAVES_PER_SPINE = 16

SPLIT = 5
"""Of the free devices of a filled fleet, one in this many lies on nodes that are half used."""

RESOURCE = "nvidia.com/gpu"
LEVELS = ("spine", "leaf")

HELIOS_SIZES: tuple[tuple[int, int], ...] = (
    (1, 5939), (8, 2382), (4, 647), (16, 579), (2, 544), (32, 246), (24, 112), (48, 104), (40, 59), (80, 42),
    (56, 24), (7, 19), (3, 14), (128, 12), (72, 11), (6, 9), (88, 7), (64, 4), (112, 4), (96, 3), (5, 2),
    (120, 2), (104, 1),
)  # fmt: skip
"""Accelerators of a job and how many jobs asked for that many: GPU jobs of up to 128 GPUs of the Helios
cluster Venus, 20 days of 2020 (S-Lab-System-Group/HeliosData, CC-BY-4.0)."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What to build: `nodes` nodes of `per_node` accelerators, of which the share `fill` is in use."""

    nodes: int
    per_node: int = 8
    fill: float = 0.0
    seed: int = 1


def hashed(count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return `count` well mixed 64-bit numbers, shape (count,): splitmix64 of the index and the seed."""
    with np.errstate(over="ignore"):
        z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed) * np.uint64(1_000_003)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def used(fleet: Fleet) -> Int64:
    """Return the accelerators in use per node, int64 (nodes,), adding up to the wanted fill as nearly as can be.

    Nodes are full, half used or empty, at places that the seed chooses: what gangs of whole nodes and small
    jobs leave behind.

    Raises:
        SpecError: the fleet asks for what can't be: no nodes, no devices, or a fill outside 0 to 1.
    """
    if fleet.nodes < 1 or fleet.per_node < 1 or not 0 <= fleet.fill <= 1:
        raise SpecError(
            f"a fleet of {fleet.nodes} nodes x {fleet.per_node} at fill {fleet.fill} can't be built; "
            "give at least one node, at least one accelerator per node and a fill between 0 and 1."
        )
    taken = np.zeros(fleet.nodes, np.int64)
    if fleet.fill == 0:
        return taken
    free = round(fleet.nodes * fleet.per_node * (1 - fleet.fill))
    half = fleet.per_node // 2
    split = 0 if half == 0 else free // SPLIT // (fleet.per_node - half)
    empty = (free - split * (fleet.per_node - half)) // fleet.per_node
    if empty + split > fleet.nodes:  # so little is in use that all of it is on half used nodes
        split = (fleet.nodes * fleet.per_node - free) // half
        empty = fleet.nodes - split
    order = np.argsort(hashed(fleet.nodes, fleet.seed), kind="stable")
    taken[:] = fleet.per_node
    taken[order[:empty]] = 0
    taken[order[empty : empty + split]] = half
    return taken


@lru_cache(maxsize=4)
def _fabric(nodes: int) -> tuple[tuple[str, ...], Fabric]:
    """Build names and tree once per size: the only part that costs seconds at 100,000 nodes."""
    names = tuple(f"node-{i}" for i in range(nodes))
    leaf = [f"leaf-{i // NODES_PER_LEAF}" for i in range(nodes)]
    spine = [f"spine-{i // (NODES_PER_LEAF * LEAVES_PER_SPINE)}" for i in range(nodes)]
    order, fabric = build(names, [LevelSpec(level, level) for level in LEVELS], [spine, leaf])
    return tuple(names[i] for i in order), fabric


def snapshot(fleet: Fleet, gangs: Sequence[Gang] = (), *, generation: int = 1) -> Snapshot:
    """Build the snapshot of a fleet with these gangs waiting.

    Cost: the fabric is built once per size and shared; the rest is O(nodes) array work.
    """
    names, fabric = _fabric(fleet.nodes)
    taken = used(fleet)
    resources = (RESOURCE, "cpu", "memory", "pods")
    each = np.array([fleet.per_node, 192_000, 2 << 40, 110], np.int64)
    allocatable = np.tile(each, (fleet.nodes, 1))
    free = allocatable.copy()
    free[:, 0] -= taken
    free[:, 3] -= taken > 0
    profile = Profile("nvidia-h100-sxm", "nvidia", title="NVIDIA H100 SXM", devices_per_node=fleet.per_node)
    rows = np.arange(fleet.nodes, dtype=np.int32)
    pool = Pool("bench-h100", profile, RESOURCE, 0, rows, fabric)
    return Snapshot(
        cluster="bench",
        generation=generation,
        names=names,
        resources=resources,
        allocatable=allocatable,
        free=free,
        state=np.full(fleet.nodes, NodeState.USABLE, np.int8),
        grain=_grain(taken),
        pools=(pool,),
        gangs=tuple(gangs),
    )


def _grain(taken: Int64) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """log2 of the largest power of two dividing what is used on each node; 7 where nothing is."""
    lowest = taken & -taken
    return np.where(taken == 0, 7, np.log2(np.maximum(lowest, 1))).astype(np.int8)


def gang(
    name: str, workers: int, devices: int, *, preferred: str = "", required: str = "", at: float = 0
) -> Gang:
    """Make a gang of `workers` equal workers of `devices` accelerators, created at second `at`."""
    return Gang(
        key=f"bench/{name}",
        uid=name,
        workers=workers,
        devices=devices,
        created=at,
        preferred=preferred,
        required=required,
    )


def helios_gangs(devices: int, per_worker: int, seed: int, *, preferred: str = "leaf") -> tuple[Gang, ...]:
    """Draw gangs of the Helios mix until they ask for `devices` accelerators or just under.

    A size above `per_worker` becomes workers of that many accelerators, rounded down to whole workers.
    """
    sizes = np.array([size for size, _ in HELIOS_SIZES], np.int64)
    edges = np.cumsum([count for _, count in HELIOS_SIZES]).astype(np.uint64)
    chosen: list[Gang] = []
    left, offset, block = devices, seed, 8192
    while left > 0:
        draws = sizes[np.searchsorted(edges, hashed(block, offset) % edges[-1], side="right")]
        for size in draws.tolist():
            each = min(size, per_worker)
            workers = max(1, size // per_worker)
            if workers * each > left:
                return tuple(chosen)
            left -= workers * each
            index = len(chosen)
            level = preferred if workers > 1 else ""
            chosen.append(gang(f"g{index}", workers, each, preferred=level, at=float(index)))
        offset += 7919
    return tuple(chosen)


def carried_out(before: Snapshot, plan: Plan, gangs: Mapping[str, Gang]) -> Snapshot:
    """Return the snapshot after the placements of a plan have started; no gang waits in it.

    Independent of the core's own books: it counts the plan's nodes one by one. Other requests than
    accelerators and pods are not counted, because the gangs made here carry none.
    """
    free = before.free.copy()
    rows = _rows(before.names)
    for decision in plan.decisions:
        if isinstance(decision, Place):
            need = gangs[decision.key].devices
            for share in decision.nodes:
                row = rows[share.name]
                free[row, 0] -= share.count * need
                free[row, 3] -= share.count
    taken = before.allocatable[:, 0] - free[:, 0]
    return replace(
        before, generation=before.generation + 1, free=free, grain=_grain(taken), gangs=(), masks={}
    )


@lru_cache(maxsize=4)
def _rows(names: tuple[str, ...]) -> Mapping[str, int]:
    return {name: row for row, name in enumerate(names)}


def spans(before: Snapshot, place: Place, gang: Gang) -> dict[str, tuple[int, int]]:
    """Count domains used and the fewest possible, per level, without looking at what the core says.

    The bound of a level is the least k for which the k roomiest domains hold the gang (performance
    reference, section 4.7); each level is bounded on its own, so two bounds may not be reachable together.
    """
    pool = before.pools[0]
    rows = _rows(before.names)
    position = np.full(len(before.names), -1, np.int64)
    position[pool.nodes] = np.arange(len(pool.nodes))
    held = np.array([position[rows[share.name]] for share in place.nodes], np.int64)
    slots = np.minimum(before.free[pool.nodes, 0] // max(gang.devices, 1), before.free[pool.nodes, 3])
    slots = np.maximum(slots, 0)
    found: dict[str, tuple[int, int]] = {}
    for level in pool.fabric.levels:
        room = np.sort(level.total(slots))[::-1]
        bound = int(np.searchsorted(np.cumsum(room), gang.workers) + 1)
        found[level.name] = (len(np.unique(level.domain[held])), bound)
    return found
