"""Pieces of sentences that several layers say alike."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], shown: int, *, count: int | None = None) -> str:
    """Name the first few things of many: `n1, n2 and 3 more`.

    Args:
        names: Their names, in the order to show them.
        shown: Most names to show.
        count: How many there are, where `names` holds only some of them.
    """
    first = names[:shown]
    more = (len(names) if count is None else count) - len(first)
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")
