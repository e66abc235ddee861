"""Pack one gang into one pool: the fewest domains at every level, then the best fit.

The order of the levels is the whole idea. If some domain holds the gang, the narrowest such level is used,
and of its domains the one that needs the fewest domains further down and leaves least behind. If none does,
the widest level is split over as few domains as possible, and so on down. A preferred level goes first: wider
levels may only be narrowed as far as the bound of the preferred one is still reached.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

import numpy as np

from crosstree.core.arrays import Int32, Int64
from crosstree.core.placement.bounds import fewest, fewest_within
from crosstree.core.placement.choose import best_set, best_single
from crosstree.core.placement.items import Items, at_level, inside
from crosstree.core.placement.need import Limit, Need, Packed, Shortfall
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
        if need.workers == 1:
            return _pack_one(fabric, slots)
        nodes = at_level(fabric, len(fabric.levels) - 1, slots)
        chosen = _select(nodes, need.workers, need.required, need.preferred)
        return chosen if isinstance(chosen, Shortfall) else Packed(chosen)
    return _pack_groups(fabric, slots, need, depth)


def shortfall(fabric: Fabric, slots: Int64, need: Need) -> Shortfall | None:
    """Say what stops a gang, by the arguments of `pack`; None where it is placed, without working out where. O(n)."""
    if need.atomic is not None:
        answer = _pack_slices(fabric, slots, need, need.atomic)
        return answer if isinstance(answer, Shortfall) else None
    depth = group_depth(need)
    if depth is None:
        required = need.required if need.workers > 1 else None  # one node is one domain of every level
        left = _large_enough(at_level(fabric, len(fabric.levels) - 1, slots), need.workers, required)
        return left if isinstance(left, Shortfall) else None
    left = _large_enough(_groups(fabric, slots, need, depth), need.workers // need.group_size, need.required)
    return _in_workers(left, slots, need) if isinstance(left, Shortfall) else None


def _pack_one(fabric: Fabric, slots: Int64) -> Packed | Shortfall:
    """Place a single worker: what `_select` comes to for it, without walking the levels. O(n).

    One node is one domain of every level, so no demand on levels can fail. The node with the least room takes it, of
    equal ones that whose surroundings have the least, the narrowest level first, then the first in fabric order.
    """
    nodes = np.flatnonzero(slots > 0)
    if not len(nodes):
        return Shortfall(Limit.TOTAL, 0)
    room = slots[nodes]
    nodes = nodes[room == room.min()]
    for level in fabric.levels[-2::-1]:
        if len(nodes) == 1:
            break
        around = level.total(slots)[level.domain[nodes]]
        nodes = nodes[around == around.min()]
    counts = np.zeros_like(slots)
    counts[nodes[0]] = 1
    return Packed(counts)


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
    for domain in np.flatnonzero(chosen):
        run, nodes = inside(fabric, depth, int(domain), slots)
        here = _select(nodes, int(chosen[domain]) * need.group_size, None, None)
        # The domain's total was checked above, and nothing else can stop a packing without demands.
        assert not isinstance(here, Shortfall), f"domain {domain} holds less than its {chosen[domain]} groups"
        counts[run] = here
    return Packed(counts)


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
            return Packed(chosen[level.domain])
    return Shortfall(Limit.ATOMIC, int(sizes[whole].sum()))


def _select(items: Items, need: int, required: int | None, preferred: int | None) -> Int64 | Shortfall:
    """Return units per item, int64 (B,), or what stopped it."""
    total = int(items.capacity.sum())
    if total < need:
        return Shortfall(Limit.TOTAL, total)
    if required is not None:
        sums = items.sums(required)
        if int(sums.max()) < need:
            return Shortfall(Limit.DOMAIN, int(sums.max()), int(sums.argmax()))
        items = items.only(required, np.flatnonzero(sums >= need))
    bound = _preferred_bound(items, need, required, preferred)
    items, depth = _one_domain(items, need, preferred, bound)
    for below in range(depth, items.depth + 1):
        items = _narrow(items, below, need, preferred, bound)
    return items.spread(_fill(items.capacity, need))


def _large_enough(items: Items, need: int, required: int | None) -> Items | Shortfall:
    """Keep the items in the domains of the required level that hold the need: if there are any, it can be placed."""
    total = int(items.capacity.sum())
    if total < need:
        return Shortfall(Limit.TOTAL, total)
    if required is None:
        return items
    sums = items.sums(required)
    if int(sums.max()) < need:
        return Shortfall(Limit.DOMAIN, int(sums.max()), int(sums.argmax()))
    return items.only(required, np.flatnonzero(sums >= need))


def _preferred_bound(items: Items, need: int, required: int | None, preferred: int | None) -> int:
    """Return the fewest domains of the preferred level that any placement needs; 0 without a preference."""
    if preferred is None:
        return 0
    sums = items.sums(preferred)
    if required is None:
        return fewest(sums, need)
    if required >= preferred:
        return 1
    within = fewest_within(sums, items.tree.parents(preferred, required), len(items.sums(required)), need)
    return int(within.min())


def _one_domain(items: Items, need: int, preferred: int | None, bound: int) -> tuple[Items, int]:
    """Keep the best domain of the narrowest level that has one for the whole gang.

    Returns:
        The items of that domain, and the depth from which they still have to be narrowed: 0, and all
        items, when not even the widest level has one.
    """
    for depth in range(items.depth, -1, -1):
        sums = items.sums(depth)
        fits = sums >= need
        if not fits.any():
            continue
        below = [_needed_below(items, deeper, depth, need) for deeper in range(depth + 1, items.depth + 1)]
        if preferred is not None and preferred > depth:
            at_preferred = below[preferred - depth - 1]
            fits &= at_preferred == bound
            if not fits.any():
                continue
        around = [items.sums(wider)[items.tree.parents(depth, wider)] for wider in range(depth - 1, -1, -1)]
        winner = best_single(np.where(fits, sums, 0), need, below, around)
        return items.only(depth, np.array([winner])), depth + 1
    return items, 0


def _needed_below(items: Items, deeper: int, depth: int, need: int) -> Int64:
    sums = items.sums(deeper)
    return fewest_within(sums, items.tree.parents(deeper, depth), items.tree.size(depth), need)


def _narrow(items: Items, depth: int, need: int, preferred: int | None, bound: int) -> Items:
    """Keep as few domains of one level as the need, and the bound of the preferred level, allow."""
    if preferred is not None and depth < preferred:
        return items.only(depth, _keeping_bound(items, depth, need, preferred, bound))
    sums = items.sums(depth)

    def spread(option: Int64) -> tuple[int, ...]:
        if depth == items.depth:
            return ()
        inner = items.only(depth, option)
        return tuple(
            fewest(inner.sums(below), need) for below in range(depth + 1, min(depth + 3, items.depth + 1))
        )

    return items.only(depth, best_set(sums, need, spread))


def _keeping_bound(items: Items, depth: int, need: int, preferred: int, bound: int) -> Int64:
    """Return few domains of a wide level inside which the preferred level still reaches its bound.

    Greedy: domains with the most in their `bound` largest children first, then any that turned out not to be
    needed are dropped. The preferred level stays exact; the wide one may be one more than the best.
    """
    sums = items.sums(preferred)
    parent = items.tree.parents(preferred, depth)
    order = _richest(sums, parent, items.tree.size(depth), bound)

    def reaches(chosen: Int64) -> bool:
        inside_chosen = np.zeros(len(order), np.bool_)
        inside_chosen[chosen] = True
        return fewest(sums[inside_chosen[parent]], need) == bound

    enough = bisect_left(range(1, len(order) + 1), x=True, key=lambda count: reaches(order[:count])) + 1
    chosen = order[:enough]
    for one in chosen[::-1]:
        fewer = chosen[chosen != one]
        if len(fewer) and reaches(fewer):
            chosen = fewer
    return np.sort(chosen)


def _richest(sums: Int64, parent: Int32, parents: int, count: int) -> Int64:
    """Order domains by what their `count` largest children hold together, most first, ties in fabric order."""
    order = np.lexsort((-sums, parent))
    first = np.searchsorted(parent, np.arange(parents), side="left")
    rank = np.arange(len(sums)) - first[parent]
    top = np.where(rank < count, sums[order], 0)
    return np.argsort(-np.bincount(parent, weights=top, minlength=parents), kind="stable")


def _fill(capacity: Int64, need: int) -> Int64:
    """Fill the largest items first; what is left over stays in one piece, in the smallest."""
    counts = np.zeros_like(capacity)
    order = np.argsort(-capacity, kind="stable")
    ordered = capacity[order]
    before = np.cumsum(ordered) - ordered
    counts[order] = np.minimum(np.maximum(need - before, 0), ordered)
    return counts
