"""Which domains: best fit, so that big domains stay whole for the gangs that need them.

Ties fall to the domain whose surroundings are fullest already (emptying others keeps room for gangs of that
level), then to fabric order. Never to arrival order: two replicas must choose alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from crosstree.core.arrays import Int64, set_in
from crosstree.core.placement.bounds import fewest


def best_single(candidates: Int64, keys: Iterable[Int64]) -> int:
    """Return the one domain that comes first by several keys, of equal ones the first.

    Args:
        candidates: Domains that will do, ascending, at least one.
        keys: Int64 (D,) each, over all domains, smaller is better; in order of weight. No more are asked for than it
            takes.
    """
    if len(candidates) > 1:
        for key in keys:
            values = key[candidates]
            candidates = candidates[values == values.min()]
            if len(candidates) == 1:
                break
    return int(candidates[0])


def best_set(capacity: Int64, need: int, spread: Callable[[Int64], tuple[int, ...]]) -> Int64:
    """Return the fewest domains that together hold `need`, as ascending indices.

    Among sets of that size the one with the smallest `spread` (domains needed at the levels below) wins, then
    the one that leaves least behind. Not every set is tried: the largest domains, the smallest run of
    neighbours in size that suffices, and that run with its last member replaced by the best fit. The number of
    domains is exact; only which ones is a heuristic.

    Args:
        capacity: Int64 (D,); all together reach the need.
        need: Workers or groups.
        spread: Maps indices to the domains they would need at each level below, widest first.
    """
    most = capacity.max()
    alike = capacity == most
    if (alike | (capacity == 0)).all():  # what can be taken is all the same: the first ones
        return set_in(alike)[: -(-need // int(most))]
    return weighed(capacity, need, spread)


def weighed(capacity: Int64, need: int, spread: Callable[[Int64], tuple[int, ...]]) -> Int64:
    """Answer like `best_set`, whatever the domains hold."""
    count = fewest(capacity, need)
    options = [np.sort(option) for option in _options(capacity, need, count)]
    distinct = list({option.tobytes(): option for option in options}.values())
    if len(distinct) == 1:
        return distinct[0]
    ranked = [
        (spread(option), int(capacity[option].sum()), position) for position, option in enumerate(distinct)
    ]
    return distinct[min(ranked)[-1]]


def _options(capacity: Int64, need: int, count: int) -> Iterator[Int64]:
    order = np.argsort(-capacity, kind="stable")
    ordered = capacity[order]
    running = np.concatenate(([0], np.cumsum(ordered)))
    windows = running[count:] - running[:-count]
    # Windows never grow along the order; of equal ones the first is taken, so that ties fall to fabric order.
    last = int(np.searchsorted(-windows, -windows[set_in(windows >= need)[-1]]))
    yield order[last : last + count]
    for start in dict.fromkeys((last, 0)):
        held = order[start : start + count - 1]
        rest = need - int(capacity[held].sum())
        fitting = set_in(ordered[start + count - 1 :] >= rest) + start + count - 1
        if len(fitting):
            best = int(np.searchsorted(-ordered, -ordered[fitting[-1]]))
            yield np.append(held, order[max(best, start + count - 1)])
    yield order[:count]
