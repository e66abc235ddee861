"""How few domains could hold a number of workers: exact lower bounds, vectorised.

For one gang of equal workers the bound at a level is `min k: sum of the k largest >= n`, and it is reached.
Source: design notes in docs/explanation/scheduling.md; performance anchors in the bench suite (S5).
"""

from __future__ import annotations

import numpy as np

from crosstree.core.arrays import Int32, Int64

IMPOSSIBLE = np.iinfo(np.int64).max
"""Bound of a domain that can't hold the need at all."""

_SMALL = 32
"""Up to this capacity per item a histogram beats a sort."""


def fewest(capacity: Int64, need: int) -> int:
    """Return the fewest items whose capacities sum to `need`; 0 if all together do not.

    Args:
        capacity: Int64 (k,), never negative.
        need: At least 1.
    """
    if not len(capacity):
        return 0
    largest = int(capacity.max())
    if largest >= need:
        return 1
    if largest <= _SMALL:
        return _by_counting(capacity, need)
    running = np.cumsum(np.sort(capacity)[::-1])
    if running[-1] < need:
        return 0
    return int(np.searchsorted(running, need)) + 1


def fewest_within(capacity: Int64, parent: Int32, parents: int, need: int) -> Int64:
    """For each parent domain alone, return the fewest of its children that hold `need`.

    Args:
        capacity: Int64 (k,) per child, never negative.
        parent: Int32 (k,), ascending: domain of each child.
        parents: Number of parent domains P.
        need: At least 1.

    Returns:
        int64 (P,); `IMPOSSIBLE` where the children together do not reach the need.

    O(k + P·M) for capacities up to M = 32, else O(k log k).
    """
    top = int(capacity.max(initial=0))
    if top <= _SMALL:
        return _by_histogram(capacity, parent, parents, need, top)
    return _by_sorting(capacity, parent, parents, need)


def _by_counting(capacity: Int64, need: int) -> int:
    """Take the largest sizes first; plain integers, because there are at most `_SMALL` of them."""
    count, missing = 0, need
    have: list[int] = np.bincount(capacity).tolist()
    for size in range(len(have) - 1, 0, -1):
        used = min(have[size], -(-missing // size))
        count += used
        missing -= used * size
        if missing <= 0:
            return count
    return 0


def _by_histogram(capacity: Int64, parent: Int32, parents: int, need: int, top: int) -> Int64:
    """Take children from the largest size down: whole sizes first, part of the size that reaches the need."""
    bound = np.zeros(parents, np.int64)
    missing = np.full(parents, need, np.int64)
    if top > 0:
        table = np.bincount(parent * (top + 1) + capacity, minlength=parents * (top + 1))
        table = table.reshape(parents, top + 1)
        for size in range(top, 0, -1):
            used = np.minimum(table[:, size], -(-missing // size))
            bound += used
            missing -= used * size
            np.maximum(missing, 0, out=missing)
    bound[missing > 0] = IMPOSSIBLE
    return bound


def _by_sorting(capacity: Int64, parent: Int32, parents: int, need: int) -> Int64:
    """Sort children by size inside each parent and find where the running sum reaches the need."""
    order = np.lexsort((-capacity, parent))
    running = np.cumsum(capacity[order])
    first = np.searchsorted(parent, np.arange(parents), side="left")
    last = np.searchsorted(parent, np.arange(parents), side="right")
    before = np.where(first > 0, running[np.maximum(first - 1, 0)], 0)
    # Running sums never fall, so one search over the whole array finds the child that reaches the need.
    reach = np.searchsorted(running, before + need)
    return np.where(reach < last, reach - first + 1, IMPOSSIBLE).astype(np.int64)
