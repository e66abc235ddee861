"""Number the workers of a packed gang along the fabric, and say how well it is placed."""

from __future__ import annotations

import numpy as np

from crosstree.core.arrays import Int64
from crosstree.core.placement.bounds import IMPOSSIBLE, fewest, fewest_within
from crosstree.core.placement.items import at_level
from crosstree.core.placement.need import Need
from crosstree.core.plan import NodeShare, Span
from crosstree.core.topology import NODE_LEVEL, Fabric


def shares(fabric: Fabric, used: Int64, here: Int64) -> tuple[NodeShare, ...]:
    """Give consecutive indices to the workers of each node, in fabric order.

    Neighbouring ranks are neighbouring nodes, index 0 is rank 0, and since a group never leaves its domain,
    groups are consecutive too.

    Args:
        fabric: The pool's tree; names the nodes.
        used: Nodes that have any workers, ascending, int64 (m,).
        here: Workers on each of them, int64 (m,).
    """
    names = fabric.levels[-1].names
    found, first = [], 0
    for node, count in zip(used.tolist(), here.tolist(), strict=True):
        found.append(NodeShare(names[node], first, count))
        first += count
    return tuple(found)


def spans(fabric: Fabric, slots: Int64, used: Int64, need: Need) -> tuple[Span, ...]:
    """Compare the domains used at each declared level with the fewest any placement could have used.

    Args:
        fabric: The pool's tree.
        slots: What each node held before, int64 (n,).
        used: Nodes that have any workers, ascending, int64 (m,).
        need: What was asked for; bounds respect `required`, groups and whole slices.
    """
    found = []
    for depth, level in enumerate(fabric.levels):
        if level.name != NODE_LEVEL:
            domain = level.domain[used]  # ascending, as the nodes are
            domains = 1 if domain[0] == domain[-1] else 1 + int(np.count_nonzero(domain[1:] != domain[:-1]))
            # One domain is the fewest there can be: no need to work that out, and most gangs are small.
            found.append(Span(level.name, domains, 1 if domains == 1 else _bound(fabric, depth, slots, need)))
    return tuple(found)


def _bound(fabric: Fabric, depth: int, slots: Int64, need: Need) -> int:
    size = 1
    if need.atomic is not None:
        level = fabric.levels[need.atomic]
        whole = level.total((slots > 0).astype(np.int64)) == np.bincount(level.domain)
        slots = np.where(whole[level.domain], slots, 0)
    held = slots
    base = len(fabric.levels) - 1
    if need.group_depth is not None and depth <= need.group_depth:
        size, base = need.group_size, need.group_depth
        held = fabric.levels[base].total(slots) // size
    items = at_level(fabric, base, held)
    if need.required is None or need.required > base:
        return fewest(items.sums(depth), need.workers // size)
    if depth <= need.required:
        return 1
    parents = items.tree.parents(depth, need.required)
    within = fewest_within(
        items.sums(depth), parents, fabric.levels[need.required].size, need.workers // size
    )
    best = int(within.min())
    return 0 if best == IMPOSSIBLE else best
