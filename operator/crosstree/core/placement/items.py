"""The things a packing distributes over: nodes, or domains that hold whole groups, under their wider levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from crosstree.core.arrays import Int32, Int64
from crosstree.core.topology import Fabric


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """B items under their levels, widest first; the last level numbers the items themselves.

    `domains` holds, per depth, the domain of each item: int32 (B,), ascending and counted from 0.
    """

    domains: tuple[Int32, ...]
    _parents: dict[tuple[int, int], Int32] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Depth of the items' own level."""
        return len(self.domains) - 1

    def size(self, depth: int) -> int:
        """Number of domains of a level."""
        return int(self.domains[depth][-1]) + 1

    def parents(self, depth: int, wider: int) -> Int32:
        """Return the domain at `wider` of each domain at `depth`: int32 (D,). Shared: do not write to it."""
        if depth == self.depth:
            return self.domains[wider]
        known = self._parents.get((depth, wider))
        if known is None:
            first = np.flatnonzero(np.diff(self.domains[depth], prepend=-1))
            known = self._parents[depth, wider] = self.domains[wider][first]
        return known


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """The items of a tree that are still in question, with what each holds.

    Dropping the others early is what makes a nearly full fleet cheap: most nodes hold nothing.

    Attributes:
        tree: All B items.
        index: Items in question, ascending, int64 (K,).
        capacity: Units (workers, groups or slices) each of them holds, int64 (K,), at least 1.
    """

    tree: Tree
    index: Int64
    capacity: Int64
    _sums: dict[int, Int64] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Depth of the items' own level."""
        return self.tree.depth

    def sums(self, depth: int) -> Int64:
        """Sum the capacity over the domains of a level: int64 (D,), zero where nothing is in question.

        The array is shared: do not write to it.
        """
        known = self._sums.get(depth)
        if known is None:
            domain = self.tree.domains[depth][self.index]
            held = np.bincount(domain, weights=self.capacity, minlength=self.tree.size(depth))
            known = self._sums[depth] = held.astype(np.int64)
        return known

    def only(self, depth: int, chosen: Int64) -> Items:
        """Keep the items in the chosen domains of a level."""
        keep = np.zeros(self.tree.size(depth), np.bool_)
        keep[chosen] = True
        kept = keep[self.tree.domains[depth][self.index]]
        return Items(self.tree, self.index[kept], self.capacity[kept])

    def spread(self, counts: Int64) -> Int64:
        """Write units per item in question, int64 (K,), to all items: int64 (B,)."""
        everywhere = np.zeros(len(self.tree.domains[-1]), np.int64)
        everywhere[self.index] = counts
        return everywhere


def holding(tree: Tree, capacity: Int64) -> Items:
    """Return the items that hold anything at all."""
    index = np.flatnonzero(capacity)
    return Items(tree, index, capacity[index])


def at_level(fabric: Fabric, depth: int, capacity: Int64) -> Items:
    """Make items of a level's domains, with the capacity of each, int64 (D,)."""
    return holding(_tree(fabric, depth), capacity)


@lru_cache(maxsize=64)  # the fabric of a pool is the same while labels are, and every gang is packed over it
def _tree(fabric: Fabric, depth: int) -> Tree:
    levels = fabric.levels
    if depth == len(levels) - 1:
        return Tree(tuple(level.domain for level in levels))
    starts = levels[depth].starts
    return Tree(tuple(level.domain[starts] for level in levels[: depth + 1]))


def inside(fabric: Fabric, depth: int, domain: int, slots: Int64) -> tuple[slice, Items]:
    """Return the nodes of one domain as items, under the levels narrower than its own.

    Returns:
        The run of nodes, and the items; their domains are counted from 0 within the run.
    """
    level = fabric.levels[depth]
    stop = level.starts[domain + 1] if domain + 1 < level.size else len(level.domain)
    run = slice(int(level.starts[domain]), int(stop))
    narrower = fabric.levels[depth + 1 :] or (level,)
    return run, holding(Tree(tuple(one.domain[run] - one.domain[run.start] for one in narrower)), slots[run])
