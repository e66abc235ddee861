"""The collector of cyclic garbage: kept away from what stays, and from the middle of a decision.

Almost everything here is freed as soon as nobody refers to it. The collector walks what is new now and then, 20 to 80
ms where thousands of jobs wait, and everything that is not frozen once in a long while.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 20_000
"""New objects, beyond those that are gone again, after which the collector walks them."""


def settle() -> None:
    """Keep the collector away from what was just read and stays: tens of MB it would walk again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 50, 50)


@contextmanager
def held_back() -> Iterator[None]:
    """Let the collector wait until the block ends, whatever becomes of it; one that is off stays off."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
