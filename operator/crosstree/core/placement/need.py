"""The question put to placement, and its two answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from crosstree.core.arrays import Int64, set_in


@dataclass(frozen=True, slots=True)
class Need:
    """Workers to place and the levels that bind them, as depths into the pool's fabric (0 is the widest).

    Attributes:
        workers: How many.
        required: Depth of the level whose one domain holds all of them; None for no such demand.
        preferred: Depth of the level to use as few domains of as possible; None for no preference, which
            means: as few as possible at each level from the widest down.
        group_size: Consecutive workers that stay together; 1 for no groups. Divides `workers`.
        group_depth: Depth of the level one group stays in; None without groups.
        atomic: Depth of a level whose domains are taken whole or not at all (TPU slices); None for none.
    """

    workers: int
    required: int | None = None
    preferred: int | None = None
    group_size: int = 1
    group_depth: int | None = None
    atomic: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """It fits.

    Attributes:
        counts: Workers per node of the pool, int64 (n,), summing to the need.
        used: Nodes that have any, ascending, int64 (m,).
    """

    counts: Int64
    used: Int64


def packed(counts: Int64) -> Packed:
    """Make the answer of counts alone. O(n)."""
    return Packed(counts, set_in(counts > 0))


class Limit(Enum):
    """What stopped it."""

    TOTAL = "total"
    """All nodes together hold too few workers."""
    DOMAIN = "domain"
    """No single domain of the required level holds enough."""
    GROUPS = "groups"
    """Enough workers fit, but not in whole groups."""
    ATOMIC = "atomic"
    """No set of whole free slices has exactly this many nodes."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """It does not fit.

    `have` is the most workers that could be placed under the limit that stopped it; for DOMAIN `best` is the
    index of the domain, at the required level, that holds them.
    """

    limit: Limit
    have: int
    best: int | None = None
