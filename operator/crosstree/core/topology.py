"""The fabric between nodes: a tree of levels over the nodes of one pool, as shared read-only arrays.

Nodes are sorted by their path through the tree, so every domain of every level is one run of neighbours and
a sum per domain is one `np.add.reduceat`. Trees may be irregular: any depth, any sizes, nodes that lack a
label. Per-cycle numbers never live here; they are arrays of the same length, made by whoever needs them.

Prior art: kueue's immutable topology tree addressed by dense index (`tas_topology_tree.go`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from crosstree.base.errors import ShapeError
from crosstree.core.arrays import Bool, Int32, Int64

NODE_LEVEL = "node"
"""Name of the narrowest level; every fabric has it and nobody declares it."""


@dataclass(frozen=True, slots=True)
class LevelSpec:
    """A level as declared: the name jobs use, and the node label that carries the domain."""

    name: str
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One level of a built fabric; D domains over n nodes.

    Attributes:
        name: As jobs name it.
        label: Node label it was read from; empty for the node level.
        domain: Domain of each node, int32 (n,), ascending.
        starts: First node of each domain, int64 (D,).
        names: Name of each domain.
        labelled: Bool (D,): False where the nodes lack the label and the domain was made up so that they
            still stand somewhere in the tree.
    """

    name: str
    label: str
    domain: Int32
    starts: Int64
    names: tuple[str, ...]
    labelled: Bool

    @property
    def size(self) -> int:
        """Number of domains."""
        return len(self.names)

    def total(self, per_node: Int64) -> Int64:
        """Sum a number per node, int64 (n,), over each domain: int64 (D,). O(n)."""
        if not len(per_node):
            return np.zeros(0, np.int64)
        return np.asarray(np.add.reduceat(per_node, self.starts), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Fabric:
    """Levels widest first; the last is always the node level."""

    levels: tuple[Level, ...]

    def depth(self, name: str) -> int | None:
        """Return the position of a level by name, 0 the widest; None if the fabric has no such level."""
        for position, level in enumerate(self.levels):
            if level.name == name:
                return position
        return None

    @property
    def level_names(self) -> tuple[str, ...]:
        """Names, widest first, the node level included."""
        return tuple(level.name for level in self.levels)


def build(
    names: Sequence[str], levels: Sequence[LevelSpec], values: Sequence[Sequence[str]]
) -> tuple[Int32, Fabric]:
    """Sort nodes by their path and build the tree over them.

    Args:
        names: Node names, n of them.
        levels: Declared levels, widest first, without the node level.
        values: For each level, the label value of each node in the order of `names`; empty where the node
            lacks the label.

    Returns:
        The order: int32 (n,), positions into `names` in fabric order; and the fabric over the nodes in that
        order.

    Raises:
        ShapeError: a row of `values` has another length than `names`.

    A domain is a path, not a value: two leaves called `l1` under two spines are two domains. A node without
    a label takes its place from the next narrower label it has, else from its own name, so that a leaf hung
    directly under the core stays one domain at the spine level too.

    O(n·L·log n); runs when labels change, never in a cycle.
    """
    if len(values) != len(levels) or any(len(row) != len(names) for row in values):
        raise ShapeError(
            f"{len(levels)} levels over {len(names)} nodes need as many rows of as many label values"
        )
    paths: list[tuple[tuple[str, bool], ...]] = []
    for node, name in enumerate(names):
        below = (name, False)
        path: list[tuple[str, bool]] = []
        for row in reversed(values):
            below = (row[node], True) if row[node] else (below[0], False)
            path.append(below)
        paths.append(tuple(reversed(path)))
    order = sorted(
        range(len(names)),
        key=lambda i: (tuple((_natural(part), labelled) for part, labelled in paths[i]), _natural(names[i])),
    )
    built = [_level(spec, [paths[i][: depth + 1] for i in order]) for depth, spec in enumerate(levels)]
    built.append(_node_level([names[i] for i in order]))
    return np.array(order, dtype=np.int32), Fabric(tuple(built))


def _level(spec: LevelSpec, prefixes: Sequence[tuple[tuple[str, bool], ...]]) -> Level:
    """Number the runs of equal path prefixes."""
    domain = np.zeros(len(prefixes), np.int32)
    starts: list[int] = []
    for i, prefix in enumerate(prefixes):
        if i == 0 or prefix != prefixes[i - 1]:
            starts.append(i)
        domain[i] = len(starts) - 1
    return Level(
        name=spec.name,
        label=spec.label,
        domain=domain,
        starts=np.array(starts, dtype=np.int64),
        names=tuple(prefixes[i][-1][0] for i in starts),
        labelled=np.array([prefixes[i][-1][1] for i in starts], dtype=np.bool_),
    )


def _node_level(names: Sequence[str]) -> Level:
    count = len(names)
    every = np.arange(count, dtype=np.int32)
    return Level(NODE_LEVEL, "", every, every.astype(np.int64), tuple(names), np.ones(count, np.bool_))


_DIGITS = re.compile(r"([0-9]+)")


@lru_cache(maxsize=65536)  # names and labels come back at every layout; splitting them is most of its cost
def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Order `leaf-2` before `leaf-10`: digits compare as numbers. Total, whatever the text."""
    return tuple(
        (0, int(part), part) if part.isdigit() and part.isascii() else (1, 0, part)
        for part in _DIGITS.split(text)
        if part
    )
