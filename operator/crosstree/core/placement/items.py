"""The things a packing distributes over: nodes, or domains that hold whole groups, under their wider levels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from crosstree.core.arrays import Bool, Int32, Int64, set_in
from crosstree.core.topology import Fabric


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """K items under their levels, widest first; the last level numbers the items themselves.

    Attributes:
        domains: Per depth, the domain of each item: int32 (K,), ascending and counted from 0.
        starts: Per depth, the first item of each domain: int64 (D,).
    """

    domains: tuple[Int32, ...]
    starts: tuple[Int64, ...]

    @property
    def depth(self) -> int:
        """Depth of the items' own level."""
        return len(self.domains) - 1

    def size(self, depth: int) -> int:
        """Number of domains of a level."""
        return len(self.starts[depth])

    def parents(self, depth: int, wider: int) -> Int32:
        """Return the domain at `wider` of each domain at `depth`: int32 (D,)."""
        if depth == self.depth:
            return self.domains[wider]
        return self.domains[wider][self.starts[depth]]

    def run(self, depth: int, domain: int) -> tuple[slice, Tree]:
        """Return the items of one domain, and the tree over them; their domains are counted from 0 anew."""
        starts = self.starts[depth]
        stop = int(starts[domain + 1]) if domain + 1 < len(starts) else len(self.domains[depth])
        run = slice(int(starts[domain]), stop)
        domains, firsts = [], []
        for numbers, begins in zip(self.domains, self.starts, strict=True):
            first, last = int(numbers[run.start]), int(numbers[run.stop - 1])
            domains.append(numbers[run] - np.int32(first))
            firsts.append(np.maximum(begins[first : last + 1] - run.start, 0))
        return run, Tree(tuple(domains), tuple(firsts))

    def of(self, kept: Int64) -> Tree:
        """Return the tree over some items, int64 (m,), ascending; domains without any are not in it."""
        domains, starts = [], []
        for numbers in self.domains:
            own = numbers[kept]
            new: Bool = np.empty(len(own), np.bool_)
            new[:1] = True
            np.not_equal(own[1:], own[:-1], out=new[1:])
            starts.append(set_in(new))
            domains.append(new.cumsum(dtype=np.int32) - np.int32(1))
        return Tree(tuple(domains), tuple(starts))


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """The items that are still in question, with what each holds.

    Dropping the others early is what makes a packing cheap: most gangs end up in one domain.

    Attributes:
        tree: Over the items in question.
        index: Their places among all, ascending, int64 (K,).
        capacity: Units (workers, groups or slices) each of them holds, int64 (K,).
        count: How many there are in all, B.
    """

    tree: Tree
    index: Int64
    capacity: Int64
    count: int
    _sums: dict[int, Int64] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Depth of the items' own level."""
        return self.tree.depth

    def sums(self, depth: int) -> Int64:
        """Sum the capacity over the domains of a level: int64 (D,). Shared: do not write to it."""
        if depth == self.depth:
            return self.capacity
        known = self._sums.get(depth)
        if known is None:
            known = self._sums[depth] = np.add.reduceat(self.capacity, self.tree.starts[depth])
        return known

    def inside(self, depth: int, domain: int) -> Items:
        """Keep the items in one domain of a level."""
        run, tree = self.tree.run(depth, domain)
        return Items(tree, self.index[run], self.capacity[run], self.count)

    def only(self, depth: int, chosen: Int64) -> Items:
        """Keep the items in the chosen domains of a level; of several domains those alone that hold anything."""
        if len(chosen) == 1:
            return self.inside(depth, int(chosen[0]))
        keep = np.zeros(self.tree.size(depth), np.bool_)
        keep[chosen] = True
        kept = set_in(keep[self.tree.domains[depth]] & (self.capacity > 0))
        return Items(self.tree.of(kept), self.index[kept], self.capacity[kept], self.count)


def at_level(fabric: Fabric, depth: int, capacity: Int64) -> Items:
    """Make items of a level's domains, with the capacity of each, int64 (D,)."""
    levels = fabric.levels
    if depth == len(levels) - 1:
        tree = Tree(tuple([one.domain for one in levels]), tuple([one.starts for one in levels]))
        return Items(tree, levels[-1].starts, capacity, len(capacity))
    own, wider = levels[depth], levels[: depth + 1]
    tree = Tree(
        tuple([one.domain[own.starts] for one in wider]),
        tuple([own.domain[one.starts].astype(np.int64) for one in wider]),
    )
    return Items(tree, np.arange(own.size), capacity, own.size)
