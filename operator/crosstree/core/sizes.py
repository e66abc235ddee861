"""The numbers of workers a gang may have, and steps between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crosstree.core.arrays import Int64
from crosstree.core.placement.need import Limit, Need, Packed, Shortfall
from crosstree.core.placement.pack import pack
from crosstree.core.topology import Fabric
from crosstree.core.workload import Gang


def sizes_of(gang: Gang) -> tuple[int, ...]:
    """Return the legal numbers of workers, the largest first; one for a gang of a fixed size."""
    return gang.sizes or (gang.workers,)


def smallest(gang: Gang) -> int:
    """Return the fewest workers the gang runs with."""
    return sizes_of(gang)[-1]


def smallest_devices(gang: Gang) -> int:
    """Return the accelerators that it asks for at its smallest size."""
    return smallest(gang) * gang.devices


def smaller(gang: Gang, workers: int) -> tuple[int, ...]:
    """Return the legal sizes below `workers`, the largest first: what it can shrink to. None for a fixed gang."""
    return tuple(size for size in gang.sizes if size < workers)


def larger(gang: Gang, workers: int) -> tuple[int, ...]:
    """Return the legal sizes above `workers`, the largest first: what it can grow to. None for a fixed gang."""
    return tuple(size for size in gang.sizes if size > workers)


def up_to(gang: Gang, workers: int) -> tuple[int, ...]:
    """Return the legal sizes of at most `workers`, the largest first; none if that is too few."""
    return tuple(size for size in sizes_of(gang) if size <= workers)


def fixed_at(gang: Gang, workers: int) -> Gang:
    """Return the gang as one that asks for exactly `workers`: for questions about one of its sizes."""
    return gang if gang.workers == workers and not gang.sizes else replace(gang, workers=workers, sizes=())


def pack_largest(fabric: Fabric, slots: Int64, need: Need, sizes: Sequence[int]) -> Packed | Shortfall:
    """Distribute as many workers as there is room for.

    Args:
        fabric: The pool's tree over n nodes.
        slots: Workers each node could take, int64 (n,).
        need: What to place; its own number of workers is not looked at.
        sizes: Legal numbers of workers, the largest first; at least one.

    Returns:
        The largest that fits, or what stopped the smallest. What stops one size says how many would fit, so that few
        are tried: one for a gang of a fixed size, a second where a demand on the fabric is in the way.
    """
    if len(sizes) == 1:
        return pack(fabric, slots, need if need.workers == sizes[0] else replace(need, workers=sizes[0]))
    most = int(slots.sum())
    found: Packed | Shortfall = Shortfall(Limit.TOTAL, most)
    for size in sizes:
        if size > most and size != sizes[-1]:
            continue
        found = pack(fabric, slots, replace(need, workers=size))
        if isinstance(found, Packed):
            return found
        most = min(found.have, size - 1)
    return found


def trimmed(fabric: Fabric, counts: Int64, most: int) -> Int64:
    """Take workers away until no more than `most` are left: int64 (n,).

    Those in the domains that hold fewest go first, level by level from the widest, then those last in fabric order:
    what is left stands as close together as what there was.
    """
    surplus = int(counts.sum()) - most
    if surplus <= 0:
        return counts
    held = [level.total(counts)[level.domain] for level in fabric.levels]
    place = np.arange(len(counts))
    fewer = counts.copy()
    # np.lexsort sorts by its last key first: the widest level, then narrower ones, then the place in the fabric.
    for node in np.lexsort((-place, *reversed(held))):
        taken = min(int(fewer[node]), surplus)
        fewer[node] -= taken
        surplus -= taken
    return fewer
