"""Put a gang back where it was, and only what was lost somewhere near: the nodes that are well keep their workers.

Demands are those of any placement and are never bent: one domain of the required level, whole groups in their
domains, whole slices. What stays of the old place only says where to begin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosstree.core.arrays import Int64, set_in
from crosstree.core.placement.need import Need, Packed, packed
from crosstree.core.placement.pack import group_depth, pack
from crosstree.core.topology import Fabric, Level


@dataclass(frozen=True, slots=True, eq=False)
class _Units:
    """What may not be torn apart: `size` workers inside one domain of the level at `depth`; None if one by one."""

    depth: int | None
    size: int


def keep(fabric: Fabric, slots: Int64, need: Need, before: Int64) -> Packed | None:
    """Place a gang so that as many workers as possible have the node they had.

    Args:
        fabric: The pool's tree over n nodes.
        slots: Workers each node could take now, int64 (n,).
        need: What to place.
        before: Workers each node had, int64 (n,).

    Returns:
        Counts per node; None if nothing of the old place is left, or the lost workers have no room near it.

    The lost workers go to the nodes nearest to those kept: inside the narrowest domains that hold some of the
    gang, then the next wider ones, as few new domains as each step allows. O(L·n) for each level climbed.
    """
    kept = _kept_domain(fabric, np.minimum(before, slots), need)
    if need.atomic is not None:
        if need.required is not None and need.required > need.atomic:
            return None  # one domain inside one slice: there is no part of it to keep
        slots, kept, size = _slices(fabric.levels[need.atomic], slots, kept)
        units = _Units(need.atomic, size)
    else:
        units = _Units(group_depth(need), need.group_size)
        if units.depth is not None:
            kept = _whole_groups(fabric, slots, kept, units)
    if not 0 < int(kept.sum()) <= need.workers:
        return None
    return _completed(fabric, _within(fabric, slots, kept, need), need, kept, units)


def _kept_domain(fabric: Fabric, kept: Int64, need: Need) -> Int64:
    """Keep what stands in one domain of the required level: a relabelled fabric may have torn the gang apart."""
    if need.required is None or not kept.any():
        return kept
    level = fabric.levels[need.required]
    return np.where(level.domain == int(level.total(kept).argmax()), kept, 0)


def _within(fabric: Fabric, slots: Int64, kept: Int64, need: Need) -> Int64:
    """Close every node outside the required domain of what is kept."""
    if need.required is None:
        return slots
    level = fabric.levels[need.required]
    return np.where(level.domain == level.domain[int(kept.argmax())], slots, 0)


def _slices(level: Level, slots: Int64, kept: Int64) -> tuple[Int64, Int64, int]:
    """Return slots and kept workers of whole slices only, one worker a node, and the nodes of such a slice."""
    sizes = np.bincount(level.domain, minlength=level.size)
    held = level.total((kept > 0).astype(np.int64)) == sizes
    size = int(sizes[held].max(initial=0))
    whole = (level.total((slots > 0).astype(np.int64)) == sizes) & (sizes == size)
    kept = np.where((held & (sizes == size))[level.domain], 1, 0)
    return np.where(whole[level.domain], 1, 0), kept, size


def _whole_groups(fabric: Fabric, slots: Int64, kept: Int64, units: _Units) -> Int64:
    """Complete each domain's torn group from the same domain, or give up the rest of that group."""
    assert units.depth is not None
    level = fabric.levels[units.depth]
    counts = kept.copy()
    torn = level.total(kept) % units.size
    for domain in set_in(torn > 0):
        inside = level.domain == domain
        lack = units.size - int(torn[domain])
        found = pack(fabric, np.where(inside, slots - kept, 0), Need(lack))
        if isinstance(found, Packed):
            counts += found.counts
        else:
            counts = _without(counts, set_in(inside & (kept > 0)), int(torn[domain]))
    return counts


def _without(counts: Int64, nodes: Int64, surplus: int) -> Int64:
    """Take workers away from the nodes that have fewest of them, the last in fabric order first."""
    fewer = counts.copy()
    for node in sorted(nodes.tolist(), key=lambda node: (counts[node], -node)):
        taken = min(int(fewer[node]), surplus)
        fewer[node] -= taken
        surplus -= taken
    return fewer


def _completed(fabric: Fabric, slots: Int64, need: Need, kept: Int64, units: _Units) -> Packed | None:
    counts, missing = kept.copy(), need.workers - int(kept.sum())
    nearness = _nearness(fabric, kept, units)
    plain = replace(need, required=None, preferred=None)
    if units.depth is None:  # the required level keeps groups together anyway
        plain = replace(plain, group_size=1, group_depth=None)
    for depth in range(int(nearness.max()), -2, -1):
        offered = np.where(nearness == depth, slots - kept, 0)
        taken = min(_room(fabric, offered, units), missing)
        if taken <= 0:
            continue
        found = pack(fabric, offered, replace(plain, workers=taken))
        if isinstance(found, Packed):
            counts += found.counts
            missing -= taken
    return packed(counts) if missing == 0 else None


def _nearness(fabric: Fabric, kept: Int64, units: _Units) -> Int64:
    """Return the depth of the narrowest domain each node shares with a node that is kept, -1 for none: int64 (n,).

    Never deeper than the level that holds a unit, so that a domain's nodes are offered together.
    """
    nearness = np.full(len(kept), -1, np.int64)
    deepest = len(fabric.levels) - 1 if units.depth is None else units.depth
    for depth, level in enumerate(fabric.levels[: deepest + 1]):
        shared = level.total(kept) > 0
        nearness[shared[level.domain]] = depth
    return nearness


def _room(fabric: Fabric, offered: Int64, units: _Units) -> int:
    """Count the workers that whole units of the offered slots hold."""
    if units.depth is None:
        return int(offered.sum())
    return int((fabric.levels[units.depth].total(offered) // units.size).sum()) * units.size
