"""Nodes that break, from a seed: when, which, and for how long. The same seed breaks the same nodes in any process.

Faults of the whole cluster come as one Poisson process, each on a node drawn evenly; repairs are exponential. Meta
counted 6.5 faults per 1,000 node-days on RSC-1 and 2.3 on RSC-2 (Kokolis et al. 2024, arXiv:2410.21680).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from crosstree.core.synthetic import hashed

RSC_1 = 6.5
"""Faults per 1,000 node-days on Meta's RSC-1."""

_BLOCK = 3072
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Failures:
    """How often nodes break.

    Attributes:
        per_1000_node_days: Faults; 0 for none.
        repair: Mean seconds until a node is back.
        seed: Which faults.
    """

    per_1000_node_days: float = RSC_1
    repair: float = 4 * 3600.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """A node breaks at an instant and is back after `repair` seconds."""

    at: float
    row: int
    repair: float


def faults(rule: Failures, nodes: int) -> Iterator[Fault]:
    """Yield faults in order of time, from second 0, without end; none at all where the rate is 0."""
    rate = rule.per_1000_node_days * nodes / 1000 / _DAY
    if rate <= 0:
        return
    at, block = 0.0, 0
    while True:
        draws = (hashed(_BLOCK, rule.seed * 7919 + block) >> 11).astype(float) / 2.0**53
        block += 1
        for gap, where, how_long in draws.reshape(-1, 3).tolist():
            at += -math.log1p(-gap) / rate
            yield Fault(at, min(nodes - 1, int(where * nodes)), -math.log1p(-how_long) * rule.repair)
