"""One gang on one pool: pack it, book it, and say how it is placed. `cycle.place` chooses the pool.

A gang that recovers goes up a ladder here: where it was, with the lost workers replaced near by, else anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from crosstree.core.arrays import Int64
from crosstree.core.candidates import Candidate
from crosstree.core.capacity import Trial
from crosstree.core.placement.assign import shares, spans
from crosstree.core.placement.keep import keep
from crosstree.core.placement.need import Need, Packed, packed
from crosstree.core.plan import Place, Rung
from crosstree.core.sizes import pack_largest, sizes_of, trimmed
from crosstree.core.snapshot import Pool
from crosstree.core.topology import Fabric
from crosstree.core.workload import Footprint, Gang


def seat(gang: Gang, candidate: Candidate, trial: Trial, sizes: Sequence[int] = ()) -> Place | None:
    """Place the gang on a pool as well as it can be, and book it; None if the pool does not hold it.

    Args:
        gang: Who.
        candidate: Where.
        trial: The ledger.
        sizes: Numbers of workers that will do, the largest first; all legal ones by default.
    """
    pool = candidate.pool
    slots = trial.open_slots(gang, pool)
    for offered in steady_first(pool, slots, trial):
        found = pack_largest(pool.fabric, offered, candidate.need, sizes or sizes_of(gang))
        if isinstance(found, Packed):
            rung = Rung.MOVED if gang.recovering or gang.before is not None else None
            return _book(gang, candidate, trial, slots, found, rung)
    return None


def seat_again(
    gang: Gang, before: Footprint, offered: Sequence[Candidate], trial: Trial, sizes: Sequence[int] = ()
) -> Place | None:
    """Place a gang on the pool where it ran, keeping its nodes that are well, and book it.

    Returns:
        None if that pool is no candidate any more, or the lost workers have no room within its demands. An elastic
        gang for whose lost workers there is no room goes on without them.

    The gang leaves good nodes behind only where a place made afresh uses fewer domains of the level it prefers:
    its pods start again anyway, and traffic across domains costs for as long as it runs. Levels it does not name
    are not worth the images and checkpoints that its nodes have.
    """
    candidate = next((one for one in offered if one.pool.name == before.pool), None)
    if candidate is None:
        return None
    fabric = candidate.pool.fabric
    was = counts_of(fabric, before)
    slots = trial.open_slots(gang, candidate.pool)
    for open_now in steady_first(candidate.pool, slots, trial):
        legal = sizes or sizes_of(gang)
        fresh = pack_largest(fabric, open_now, candidate.need, legal)
        most = int(fresh.counts.sum()) if isinstance(fresh, Packed) else legal[-1]
        need = replace(candidate.need, workers=most)
        found = keep(fabric, open_now, need, trimmed(fabric, np.minimum(was, open_now), need.workers))
        if found is None:
            continue
        if isinstance(fresh, Packed) and _wider(fabric, need, found.counts, fresh.counts):
            return _book(gang, candidate, trial, slots, fresh, Rung.MOVED)
        rung = Rung.SAME_NODES if np.array_equal(found.counts, was) else Rung.REPLACED
        return _book(gang, candidate, trial, slots, found, rung)
    return None


def settle(gang: Gang, candidate: Candidate, trial: Trial, counts: Int64) -> Place:
    """Place the gang exactly there, and book it.

    Args:
        gang: Who.
        candidate: The pool.
        trial: The ledger; it has room for the counts.
        counts: Workers per node, int64 (n,), in pool order.
    """
    rung = Rung.MOVED if gang.recovering else None
    if rung is not None and gang.before is not None and gang.before.pool == candidate.pool.name:
        was = counts_of(candidate.pool.fabric, gang.before)
        if np.array_equal(was, counts):
            rung = Rung.SAME_NODES
        elif ((was > 0) & (counts > 0)).any():
            rung = Rung.REPLACED
    slots = trial.open_slots(gang, candidate.pool)
    return _book(gang, candidate, trial, slots, packed(counts), rung)


def steady_first(pool: Pool, slots: Int64, trial: Trial) -> Iterator[Int64]:
    """Offer the slots without those on suspect nodes first, then all: a node that failed twice may fail again."""
    suspect = trial.snapshot.suspect
    if suspect is not None and (slots[suspect[pool.nodes]] > 0).any():
        yield np.where(suspect[pool.nodes], 0, slots)
    yield slots


def counts_of(fabric: Fabric, before: Footprint) -> Int64:
    """Return the workers that each node of a pool had, int64 (n,); nodes no longer in the pool are left out."""
    had = dict(before.counts)
    names = fabric.levels[-1].names
    return np.fromiter((had.get(name, 0) for name in names), np.int64, count=len(names))


def _wider(fabric: Fabric, need: Need, found: Int64, fresh: Int64) -> bool:
    """Say whether a place uses more domains of the preferred level than another."""
    if need.preferred is None:
        return False
    domain = fabric.levels[need.preferred].domain
    return len(np.unique(domain[found > 0])) > len(np.unique(domain[fresh > 0]))


def _book(
    gang: Gang, candidate: Candidate, trial: Trial, slots: Int64, place: Packed, rung: Rung | None
) -> Place:
    pool, need = candidate.pool, candidate.need
    used = place.used
    here = place.counts[used]
    workers = int(here.sum())
    if workers != need.workers:  # an elastic gang at more than its smallest size
        need = replace(need, workers=workers)
    bounds = spans(pool.fabric, slots, used, need)
    trial.take(gang, pool, pool.nodes[used], here)
    return Place(
        key=gang.key,
        uid=gang.uid,
        pool=pool.name,
        model=pool.profile.id,
        resource=pool.resource,
        nodes=shares(pool.fabric, used, here),
        spans=bounds,
        rung=rung,
    )
