"""Whom a plan to make room spares once the place is known: who is not needed, and who goes on with fewer workers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from crosstree.core.candidates import Candidate
from crosstree.core.clearance import rows_of
from crosstree.core.desk import Desk
from crosstree.core.holdings import pool_of
from crosstree.core.plan import Place
from crosstree.core.running import Running
from crosstree.core.workload import Gang


def needed_for(
    gang: Gang, candidate: Candidate, victims: Iterable[int], place: Place, desk: Desk
) -> list[int]:
    """Return the victims whose nodes the place uses, and those that quota needs, the dearest looked at first."""
    running, pool = desk.snapshot.running, candidate.pool
    used = set(rows_of(pool, place.nodes, desk.trial))
    needed = list(victims)
    devices = candidate.need.workers * gang.devices
    for at in sorted(needed, key=lambda at: -running[at].devices):
        one = running[at]
        if one.pool == pool.name and not used.isdisjoint(one.rows.tolist()):
            continue
        mark = desk.accounts.checkpoint()
        desk.accounts.take(one.gang.queue, one.model, one.devices)
        if len(needed) > 1 and desk.accounts.excess(gang.queue, place.model, devices) is None:
            needed.remove(at)  # stays booked as held for those looked at after it
        else:
            desk.accounts.rollback(mark)
    return needed


def goes_on_with(running: Running, gang: Gang, place: Place, desk: Desk) -> int:
    """Return the number of workers an elastic victim can go on with on what is left of its nodes; 0 for none.

    What it gets is booked, so that the next one sees it taken.
    """
    sizes = [size for size in running.gang.sizes if size < running.workers]
    pool = pool_of(desk.snapshot, running.pool)
    if not sizes or pool is None:
        return 0
    # It starts there again, so a node that takes no new work is none it could go on with.
    left = desk.trial.usable_slots(running.gang, pool)[desk.trial.positions(pool)[running.rows]]
    kept = np.minimum(left, running.counts)
    size = max((size for size in sizes if size <= int(kept.sum())), default=0)
    if not size:
        return 0
    mark = desk.checkpoint()
    desk.accounts.take(running.gang.queue, running.model, size * running.gang.devices)
    if desk.accounts.excess(gang.queue, place.model, place.workers * gang.devices) is not None:
        desk.rollback(mark)
        return 0
    before = np.cumsum(kept) - kept
    kept = np.clip(size - before, 0, kept)  # from the first node on
    desk.trial.take(running.gang, pool, running.rows[kept > 0], kept[kept > 0])
    return size
