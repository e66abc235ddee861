"""How many identical pods a node's free devices still hold, by the wiring of the chip.

The device plugin, not we, picks which devices a pod gets; we only know how many are free. So for islands a
pod must not straddle, the answer is the number of pods that fit *however* the free devices are scattered:
a promise that holds, instead of a pod that the node refuses. What bounds the scatter is the grain: if every
pod on the node holds a multiple of 2^g devices of one island, the free ones of each island are a multiple
of 2^g too. On a node whose pods all have one size that makes the answer exact.

A rule is compiled to a small table once per (rule, node size, request); a cycle only looks numbers up.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from crosstree.core.accelerator import Cross, IntraNode, Rule
from crosstree.core.arrays import Int8, Int64

GRAINS = 8
"""Grains 0..7: device counts are multiples of 2^grain; 7 marks a node with no accelerator pod."""


def legal_counts(intra: IntraNode, devices: int) -> tuple[int, ...]:
    """List the per-pod counts that a node of `devices` devices accepts, ascending.

    A plain list of what the rule allows on an empty node, for validation and for messages.
    """
    return tuple(count for count in range(1, devices + 1) if _accepts(intra, devices, count))


def scatters(intra: IntraNode) -> bool:
    """Say whether it matters where on a node the free devices are, or how many it takes at once."""
    return intra.rule not in (Rule.ALL_TO_ALL, Rule.NONE) or bool(intra.legal)


def slots(intra: IntraNode, total: Int64, free: Int64, grain: Int8, request: int) -> Int64:
    """Count the pods of `request` devices that each node still holds for certain.

    Args:
        intra: The chip's rule.
        total: Allocatable devices per node, int64 (n,).
        free: Free devices per node, int64 (n,); negative where a node is overcommitted.
        grain: log2 of the grain per node, int8 (n,); see the module.
        request: Devices per pod, at least 1.

    Returns:
        int64 (n,), zero where the count is illegal on that node.

    O(n) plus one table per distinct node size.
    """
    have = np.maximum(free, 0)
    if not scatters(intra):
        return have // request
    result = np.zeros(len(total), np.int64)
    for size in np.unique(total):
        if size <= 0:
            continue
        table = _table(intra, int(size), request)
        here = total == size
        result[here] = table[np.minimum(have[here], size), grain[here]]
    return result


@lru_cache(maxsize=4096)
def _table(intra: IntraNode, total: int, request: int) -> Int64:
    """Tabulate slots by (free, grain): int64 (total + 1, GRAINS)."""
    table = np.zeros((total + 1, GRAINS), np.int64)
    if not _accepts(intra, total, request):
        return table
    for free in range(total + 1):
        for grain in range(GRAINS):
            table[free, grain] = _certain(intra, total, free, 1 << grain, request)
    return table


def _accepts(intra: IntraNode, total: int, request: int) -> bool:
    """Say whether an empty node of `total` devices takes a pod of `request`."""
    if request > total or (intra.legal and request not in intra.legal):
        return False
    match intra.rule:
        case Rule.FULL_NODE:
            return request == total
        case Rule.GROUPS if intra.cross is Cross.FORBID and request > intra.size:
            return request % intra.size == 0
        case Rule.MIRRORED if request > intra.size:
            return request % 2 == 0
        case _:
            return True


def _certain(intra: IntraNode, total: int, free: int, grain: int, request: int) -> int:
    """Pods that fit for every way the free devices can be scattered over the islands."""
    match intra.rule:
        case Rule.FULL_NODE:
            return int(free == total)
        case Rule.GROUPS if intra.cross is Cross.FORBID:
            size = min(intra.size, total)
            return _worst(total // size, size, free, grain, request)
        case Rule.MIRRORED if request > intra.size:
            # Both halves are needed at the same positions: only a node with nobody on it is certain.
            return int(free == total)
        case Rule.MIRRORED:
            return _worst(2, intra.size, free, grain, request)
        case _:
            return free // request


def _worst(islands: int, size: int, free: int, grain: int, request: int) -> int:
    """Fewest pods over all scatterings of `free` devices into `islands` of `size`, in steps of `grain`.

    A pod larger than an island takes whole islands. Exact, by dynamic programming over islands.
    """
    step = min(grain, size)
    worst: dict[tuple[int, int], int] = {(0, 0): 0}
    for _ in range(islands):
        after: dict[tuple[int, int], int] = {}
        for (used, whole), fits in worst.items():
            for here in range(0, size + 1, step):
                if used + here > free:
                    break
                key = (used + here, whole + (here == size))
                value = fits + (here // request if request <= size else 0)
                after[key] = min(after.get(key, value), value)
        worst = after
    reached = [(whole, fits) for (used, whole), fits in worst.items() if used == free]
    if not reached:
        # Free devices that no such scattering explains: some are gone. Fall back to the finest grain.
        return _worst(islands, size, free, 1, request) if step > 1 else 0
    if request <= size:
        return min(fits for _, fits in reached)
    return min(whole for whole, _ in reached) // (request // size)
