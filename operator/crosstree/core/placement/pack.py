"""Pack one gang into one pool: what its demands come to in units that `walk` distributes over domains.

Units are workers, or whole groups over the domains of their level and then workers inside each of these, or whole
slices. A gang that one node holds needs no walk through the levels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosstree.core.arrays import Int64, set_in
from crosstree.core.placement.items import Items, at_level
from crosstree.core.placement.need import Limit, Need, Packed, Shortfall, packed
from crosstree.core.placement.walk import large_enough, walk
from crosstree.core.topology import Fabric


def pack(fabric: Fabric, slots: Int64, need: Need) -> Packed | Shortfall:
    """Distribute the workers of one gang over the nodes of a pool.

    Args:
        fabric: The pool's tree over n nodes.
        slots: Workers each node could take, int64 (n,); zero for nodes that are not to be used.
        need: What to place.

    Returns:
        Counts per node, or what stopped it. The number of domains is minimal at the preferred level, and
        without a preference at the widest level that can't hold the gang in one domain.

    O(L·n) and a sort of the domains of each level.
    """
    if need.atomic is not None:
        return _pack_slices(fabric, slots, need, need.atomic)
    depth = group_depth(need)
    if depth is None:
        return _pack_workers(fabric, slots, need)
    return _pack_groups(fabric, slots, need, depth)


def shortfall(fabric: Fabric, slots: Int64, need: Need) -> Shortfall | None:
    """Say what stops a gang, by the arguments of `pack`; None where it is placed, without working out where. O(n)."""
    if need.atomic is not None:
        answer = _pack_slices(fabric, slots, need, need.atomic)
        return answer if isinstance(answer, Shortfall) else None
    depth = group_depth(need)
    if depth is None:
        required = need.required if need.workers > 1 else None  # one node is one domain of every level
        left = large_enough(at_level(fabric, len(fabric.levels) - 1, slots), need.workers, required)
        return left if isinstance(left, Shortfall) else None
    left = large_enough(_groups(fabric, slots, need, depth), need.workers // need.group_size, need.required)
    return _in_workers(left, slots, need) if isinstance(left, Shortfall) else None


def _pack_workers(fabric: Fabric, slots: Int64, need: Need) -> Packed | Shortfall:
    """Place workers that nothing holds together but the levels that the gang names."""
    most = int(slots.max(initial=0))
    if need.workers == 1 and not most:
        return Shortfall(Limit.TOTAL, 0)
    if most >= need.workers and (need.required is None or need.workers == 1):
        node, here = np.array([_one_node(fabric, slots, need.workers)]), np.array([need.workers])
    else:
        nodes = at_level(fabric, len(fabric.levels) - 1, slots)
        chosen = walk(nodes, need.workers, need.required, need.preferred)
        if isinstance(chosen, Shortfall):
            return chosen
        node, here = chosen
    counts = np.zeros(len(slots), np.int64)
    counts[node] = here
    return Packed(counts, node)


def _one_node(fabric: Fabric, slots: Int64, workers: int) -> int:
    """Return the node that takes all workers: what `walk` comes to where there is one, without items. O(n).

    One node is one domain of every level, so no demand on levels can fail. The node with the least room takes them, of
    equal ones that whose surroundings have the least, the narrowest level first, then the first in fabric order.
    """
    # Unsigned, what is left comes first where it is least, and last where it is less than nothing.
    left = (slots - workers).view(np.uint64)
    if len(fabric.levels) == 1:
        return int(left.argmin())
    level = fabric.levels[-2]
    least = np.minimum.reduceat(left, level.starts)
    domains = set_in(least == least.min())
    for wider in fabric.levels[-2::-1]:
        if len(domains) == 1:
            break
        around = wider.total(slots)[wider.domain[level.starts[domains]]]
        domains = domains[around == around.min()]
    domain = int(domains[0])
    first, stop = int(level.starts[domain]), len(slots)
    if domain + 1 < level.size:
        stop = int(level.starts[domain + 1])
    return first + int(left[first:stop].argmin())


def group_depth(need: Need) -> int | None:
    """Return the level groups must be packed at; None when the required level keeps them together anyway."""
    if need.group_depth is None or need.group_size == 1:
        return None
    if need.required is not None and need.required >= need.group_depth:
        return None
    return need.group_depth


def _pack_groups(fabric: Fabric, slots: Int64, need: Need, depth: int) -> Packed | Shortfall:
    """Place whole groups over the domains of their level, then workers inside each of them."""
    preferred = need.preferred if need.preferred is not None and need.preferred <= depth else None
    groups = _groups(fabric, slots, need, depth)
    chosen = _select(groups, need.workers // need.group_size, need.required, preferred)
    if isinstance(chosen, Shortfall):
        return _in_workers(chosen, slots, need)
    counts = np.zeros_like(slots)
    nodes = at_level(fabric, len(fabric.levels) - 1, slots)
    for domain in set_in(chosen > 0).tolist():
        here = walk(nodes.inside(depth, domain), int(chosen[domain]) * need.group_size, None, None)
        # The domain's total was checked above, and nothing else can stop a packing without demands.
        assert not isinstance(here, Shortfall), f"domain {domain} holds less than its {chosen[domain]} groups"
        counts[here[0]] = here[1]
    return packed(counts)


def _groups(fabric: Fabric, slots: Int64, need: Need, depth: int) -> Items:
    """Return the domains of the level of groups, with the whole groups that each holds."""
    return at_level(fabric, depth, fabric.levels[depth].total(slots) // need.group_size)


def _in_workers(short: Shortfall, slots: Int64, need: Need) -> Shortfall:
    """Say of workers what stops their groups."""
    enough = short.limit is Limit.TOTAL and int(slots.sum()) >= need.workers
    limit = Limit.GROUPS if enough else short.limit
    return replace(short, limit=limit, have=short.have * need.group_size)


def _pack_slices(fabric: Fabric, slots: Int64, need: Need, depth: int) -> Packed | Shortfall:
    """Take whole free slices, all of one size, as few as possible."""
    level = fabric.levels[depth]
    sizes = np.bincount(level.domain, minlength=level.size)
    whole = level.total((slots > 0).astype(np.int64)) == sizes
    beyond = need.required is not None and need.required > depth
    for size in sorted({int(size) for size in sizes[whole]}, reverse=True):
        if need.workers % size or (beyond and need.workers != size):
            continue
        units = at_level(fabric, depth, (whole & (sizes == size)).astype(np.int64))
        preferred = need.preferred if need.preferred is not None and need.preferred <= depth else None
        required = None if beyond else need.required
        chosen = _select(units, need.workers // size, required, preferred)
        if not isinstance(chosen, Shortfall):
            return packed(chosen[level.domain])
    return Shortfall(Limit.ATOMIC, int(sizes[whole].sum()))


def _select(items: Items, need: int, required: int | None, preferred: int | None) -> Int64 | Shortfall:
    """Return units per item, int64 (B,), or what stopped it."""
    chosen = walk(items, need, required, preferred)
    if isinstance(chosen, Shortfall):
        return chosen
    units = np.zeros(items.count, np.int64)
    units[chosen[0]] = chosen[1]
    return units
