"""Elastic gangs that run: which of them grow into what nobody waits for.

A gang that grows starts again from its last checkpoint, so it grows only where that is worth it, and not before it
has run for a while at the size it has. Who shrinks, and for whom, is `victims`' to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from crosstree.core import fit
from crosstree.core.alike import shape_of
from crosstree.core.arrays import Int64
from crosstree.core.candidates import judge, wanted
from crosstree.core.desk import Desk
from crosstree.core.line import line
from crosstree.core.moment import Ask
from crosstree.core.placement.keep import keep
from crosstree.core.placement.need import Need, Packed
from crosstree.core.plan import Decision, Evict, Place, Resize
from crosstree.core.refused import Refused
from crosstree.core.running import Running
from crosstree.core.sizes import larger, pack_largest
from crosstree.core.snapshot import Pool
from crosstree.core.workload import Gang

SEARCHES = 32
"""Gangs for which a larger place is looked for in a cycle."""

WORTH = 2.0
"""How many times what a restart loses, in accelerator-seconds, the larger gang has to win in the time it has left."""


def growth(desk: Desk, decided: Sequence[Decision], refused: Sequence[Refused]) -> tuple[Resize, ...]:
    """Return the running elastic gangs that should start again larger, and book what they would get.

    One step each: to the largest legal size that there is room for and that their quota allows, on the nodes they have
    and others near, else elsewhere. In the order of the line.

    Args:
        desk: The ledgers, after everything else in the cycle.
        decided: What has been decided so far.
        refused: Gangs that do not start in this cycle.

    O(running) and O(waiting gangs · pools), and at most `SEARCHES` packings.
    """
    moved = {one.uid for one in decided if isinstance(one, Evict | Resize)}
    able = {
        one.gang: one
        for one in desk.snapshot.running
        if one.gang.sizes
        and not one.leaving
        and one.gang.uid not in moved
        and larger(one.gang, one.workers)
        and _is_time(one, desk)
    }
    if not able:
        return ()
    # Who is leaving gives back more in a moment: growing once is worth waiting for.
    unsettled = {one.pool for one in desk.snapshot.running if one.leaving}
    open_to_all = (pool for pool in desk.snapshot.pools if pool.schedulable and pool.name not in unsettled)
    pools = {pool.name: pool for pool in open_to_all if not _wanted(pool, desk, decided, refused)}
    idle = {pool.name: _idle(pool, desk) for pool in pools.values()}
    barred = {(shape_of(one.gang), one.gang.queue): one.gang for one in refused if one.excess is not None}
    grown: list[Resize] = []
    searches = 0
    for _, gang in line(able, desk.accounts):
        running = able[gang]
        pool = pools.get(running.pool)
        if pool is None or not (sizes := _within_reach(running, idle[pool.name], desk)):
            continue
        if searches == SEARCHES:
            break
        searches += 1
        if _lets_in(running, barred.values(), desk):
            continue
        if (found := _grown(running, pool, sizes, desk)) is not None:
            grown.append(found)
            idle[pool.name] = _idle(pool, desk)
    return tuple(grown)


def _wanted(pool: Pool, desk: Desk, decided: Sequence[Decision], refused: Sequence[Refused]) -> bool:
    """Say whether anybody waits for a pool's model: who does not start now, if quota and budget let him."""
    settled = {one.uid for one in decided if isinstance(one, Place)}
    settled |= {one.gang.uid for one in refused if _barred(one) and one.promise is None}
    return any(gang.uid not in settled and wanted(gang, pool) for gang in desk.snapshot.gangs)


def _lets_in(running: Running, barred: Iterable[Gang], desk: Desk) -> bool:
    """Say whether one of those whom limits keep waiting might start while a gang is about to start again.

    It would come back to less than it had. Budgets need no such look: they are kept for who goes on.
    """
    chain = desk.accounts.chain
    shared = set(chain(running.gang.queue))
    rivals = [gang for gang in barred if not shared.isdisjoint(chain(gang.queue))]
    if not rivals:
        return False
    mark = desk.accounts.checkpoint()
    desk.accounts.take(running.gang.queue, running.model, -running.devices)
    found = any(desk.limit(gang) is None for gang in rivals)
    desk.accounts.rollback(mark)
    return found


def _barred(one: Refused) -> bool:
    return one.excess is not None or one.overdraft is not None


def _idle(pool: Pool, desk: Desk) -> int:
    """Count the accelerators that are free on usable nodes of a pool."""
    free = np.maximum(desk.trial.free[pool.nodes, pool.column], 0)
    return int(free[fit.usable(pool, desk.snapshot)].sum())


def _within_reach(running: Running, idle: int, desk: Desk) -> list[int]:
    """Return the larger sizes, the largest first, that are worth a restart, and that quota and mere numbers allow."""
    gang, has = running.gang, running.workers
    more = gang.workers
    if gang.devices:
        more = min(idle, desk.accounts.room(gang.queue, running.model)) // gang.devices
    sizes = [size for size in larger(gang, has) if size <= has + more and _is_worth_it(running, size, desk)]
    return [size for size in sizes if _leaves_what_is_booked(running, size, desk)]


def _leaves_what_is_booked(running: Running, size: int, desk: Desk) -> bool:
    """Say whether what a gang would have besides is left over by bookings for as long as it is expected to run."""
    if desk.fence is None:
        return True
    more = (size - running.workers) * running.gang.devices
    ask = Ask(running.gang.queue, running.model, more, desk.now, running.ends)
    return desk.fence.stands(ask) is None


def _grown(running: Running, pool: Pool, sizes: Sequence[int], desk: Desk) -> Resize | None:
    """Find a place for one gang at the largest of some sizes, and book what it adds; None if there is none."""
    gang, has = running.gang, running.workers
    need = judge(gang, pool, desk.snapshot.allocatable)
    if not isinstance(need, Need):
        return None
    own = _own(running, pool, desk)
    counts = _larger_place(need, pool, desk.trial.open_slots(gang, pool) + own, own, sizes)
    if counts is None:
        return None
    added = np.flatnonzero(counts > own)
    workers = int(counts.sum())
    desk.trial.take(gang, pool, pool.nodes[added], (counts - own)[added])
    desk.accounts.take(gang.queue, running.model, (workers - has) * gang.devices)
    return Resize(
        gang.key,
        gang.uid,
        workers,
        "",
        f"It grows from {has} to {workers} workers, into accelerators that nobody waits for.",
    )


def _is_time(running: Running, desk: Desk) -> bool:
    """Say whether a gang has run for long enough at the size it has; else note when it will have."""
    ripe = running.began + desk.snapshot.manners.min_runtime
    if desk.now < ripe:
        desk.note_due(ripe)
        return False
    return True


def _is_worth_it(running: Running, size: int, desk: Desk) -> bool:
    """Say whether the time that is left wins more with the workers added than a restart of those there are loses.

    A gang of which nobody knows when it ends is taken to be at half its time: it has proven that it runs that long.
    One that never reports a checkpoint loses everything since it began.
    """
    ran = desk.now - running.began
    left = running.ends - desk.now if isfinite(running.ends) else ran
    lost = desk.now - max(running.saved, running.began) + running.restart_cost
    added = size - running.workers
    return added * (left - running.restart_cost) > WORTH * running.workers * lost


def _own(running: Running, pool: Pool, desk: Desk) -> Int64:
    """Return the workers on each node of the pool that can go on there: int64 (n,), in pool order."""
    held = np.zeros(len(desk.snapshot.names), np.int64)
    held[running.rows] = running.counts
    open_to_it = fit.usable(pool, desk.snapshot) & fit.admitted(running.gang, pool, desk.snapshot)
    return np.where(open_to_it, held[pool.nodes], 0)


def _larger_place(need: Need, pool: Pool, slots: Int64, own: Int64, sizes: Sequence[int]) -> Int64 | None:
    """Return workers per node, int64 (n,), at the largest of some sizes that fits; None if none does."""
    found = pack_largest(pool.fabric, slots, need, sizes)
    if not isinstance(found, Packed):
        return None
    need = replace(need, workers=int(found.counts.sum()))
    kept = keep(pool.fabric, slots, need, own)
    return found.counts if kept is None else kept.counts
