"""Choose domains for a number of units: the fewest at every level, then the best fit.

The order of the levels is the whole idea. If some domain holds the gang, the narrowest such level is used,
and of its domains the one that needs the fewest domains further down and leaves least behind. If none does,
the widest level is split over as few domains as possible, and so on down. A preferred level goes first: wider
levels may only be narrowed as far as the bound of the preferred one is still reached.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from crosstree.core.arrays import Int32, Int64, set_in
from crosstree.core.placement.bounds import IMPOSSIBLE, fewest, fewest_within
from crosstree.core.placement.choose import best_set, best_single
from crosstree.core.placement.items import Items
from crosstree.core.placement.need import Limit, Shortfall


def walk(
    items: Items, need: int, required: int | None, preferred: int | None
) -> tuple[Int64, Int64] | Shortfall:
    """Give units to as few domains of every level as can be.

    Args:
        items: What can take them.
        need: How many units there are, at least 1.
        required: Depth of the level whose one domain takes all of them; None for no such demand.
        preferred: Depth of the level of which the fewest domains matter most; None for no preference.

    Returns:
        The items that get any, ascending, and how many each gets, both int64 (m,); or what stopped it.
    """
    left = large_enough(items, need, required)
    if isinstance(left, Shortfall):
        return left
    items = left
    bound = _preferred_bound(items, need, required, preferred)
    items, depth = _one_domain(items, need, preferred, bound)
    for below in range(depth, items.depth):
        items = _narrow(items, below, need, preferred, bound)
    chosen = best_set(items.capacity, need, _nothing_below)
    return items.index[chosen], _fill(items.capacity[chosen], need)


def large_enough(items: Items, need: int, required: int | None) -> Items | Shortfall:
    """Keep the items in the domains of the required level that hold the need: if there are any, it can be placed."""
    total = int(items.capacity.sum())
    if total < need:
        return Shortfall(Limit.TOTAL, total)
    if required is None:
        return items
    sums = items.sums(required)
    if int(sums.max()) < need:
        return Shortfall(Limit.DOMAIN, int(sums.max()), int(sums.argmax()))
    return items.only(required, set_in(sums >= need))


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
        fitting = set_in(sums >= need)
        if len(fitting) and preferred is not None and preferred > depth:
            fitting = fitting[_needed_below(items, preferred, depth, need)[fitting] == bound]
        if len(fitting):
            winner = best_single(fitting, _keys(items, depth, need, preferred))
            return items.inside(depth, winner), depth + 1
    return items, 0


def _keys(items: Items, depth: int, need: int, preferred: int | None) -> Iterator[Int64]:
    """Yield by what domains of a level are compared that hold the whole gang, each int64 (D,), smaller is better.

    The domains it would need further down, what is left behind, and how full their surroundings are.
    """
    for deeper in range(depth + 1, items.depth + 1):
        if deeper != preferred:  # of that they need equally many
            yield _needed_below(items, deeper, depth, need)
    yield items.sums(depth)
    for wider in range(depth - 1, -1, -1):
        yield items.sums(wider)[items.tree.parents(depth, wider)]


def _needed_below(items: Items, deeper: int, depth: int, need: int) -> Int64:
    sums = items.sums(deeper)
    if int(sums.max()) <= 1:  # one each, wherever there are enough
        return np.where(items.sums(depth) >= need, need, IMPOSSIBLE)
    return fewest_within(sums, items.tree.parents(deeper, depth), items.tree.size(depth), need)


def _narrow(items: Items, depth: int, need: int, preferred: int | None, bound: int) -> Items:
    """Keep as few domains of one level as the need, and the bound of the preferred level, allow."""
    if items.tree.size(depth) == 1:
        return items
    if preferred is not None and depth < preferred:
        return items.only(depth, _keeping_bound(items, depth, need, preferred, bound))
    sums = items.sums(depth)

    def spread(option: Int64) -> tuple[int, ...]:
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


def _nothing_below(_: Int64) -> tuple[int, ...]:
    """Say how far apart items are below their own level."""
    return ()


def _fill(capacity: Int64, need: int) -> Int64:
    """Fill the largest items first; what is left over stays in one piece, in the smallest: each gets something."""
    counts = np.zeros_like(capacity)
    order = np.argsort(-capacity, kind="stable")
    ordered = capacity[order]
    before = np.cumsum(ordered) - ordered
    counts[order] = np.minimum(np.maximum(need - before, 0), ordered)
    return counts
