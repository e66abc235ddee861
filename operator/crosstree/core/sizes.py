"""The numbers of workers a gang may have, and steps between them."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.workload import Gang


def sizes_of(gang: Gang) -> tuple[int, ...]:
    """Return the legal numbers of workers, the largest first; one for a gang of a fixed size."""
    return gang.sizes or (gang.workers,)


def smallest(gang: Gang) -> int:
    """Return the fewest workers the gang runs with."""
    return sizes_of(gang)[-1]


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
