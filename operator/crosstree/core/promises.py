"""Going on with promises: a place that is cleared for a waiting gang, cycle by cycle, until it starts or all is void.

Only what the waiting job's status holds is acted on, so a plan survives the operator, and nobody is stopped for a plan
that was forgotten. Whose promise is void stands in line again in the same cycle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crosstree.core.arrays import Int64
from crosstree.core.candidates import Candidate, judge
from crosstree.core.clearance import grounds_of, hold, release, rows_of, take
from crosstree.core.clearing_words import stopped_for
from crosstree.core.desk import Desk
from crosstree.core.manners import Preemption
from crosstree.core.placement.need import Need, Packed
from crosstree.core.placement.pack import pack
from crosstree.core.plan import Decision, Evict, Forecast, Place, Promise, Resize, Wait
from crosstree.core.running import Running
from crosstree.core.seat import settle
from crosstree.core.start import place
from crosstree.core.verdicts import promised
from crosstree.core.workload import Gang


def keep_promise(gang: Gang, desk: Desk) -> tuple[Decision, ...] | None:
    """Go on with the promise a gang has: evict who is still there, hold what is free, place it when all of it is.

    Returns:
        What that takes, last the gang's own `Place` or `Wait`; None if the promise is void.

    O(V + n) for V running gangs and n nodes of the pool.
    """
    promise = gang.promise
    candidate = _sound(gang, promise, desk) if promise is not None else None
    if promise is None or candidate is None:
        return None
    still = _still_there(promise, desk)
    begun = len(still) < len(promise.victims) or any(one.leaving for one in still)
    if begun:
        if placed := _there(gang, candidate, promise, desk) or _anywhere(gang, desk):
            return (desk.book(gang, placed),)
    elif not _stands(gang, candidate, still, desk):
        return None
    if desk.now >= promise.until or not _within_quota(gang, candidate, still, desk):
        return None
    desk.note_due(promise.until)
    orders = [_order(gang, candidate, promise, one, desk) for one in still if not one.leaving]
    hold(gang, promise, desk)
    return (*orders, _wait(gang, promise, still, desk))


def _sound(gang: Gang, promise: Promise, desk: Desk) -> Candidate | None:
    """Return the pool of its promise and what a gang needs there; None if that place is none for it any more.

    O(n) once in a cycle: whatever is booked, the answer stays.
    """
    known = desk.clearing.sound
    if gang.uid not in known:
        known[gang.uid] = _judged(gang, promise, desk)
    return known[gang.uid]


def _judged(gang: Gang, promise: Promise, desk: Desk) -> Candidate | None:
    snapshot = desk.snapshot
    pool = next((one for one in snapshot.pools if one.name == promise.pool), None)
    workers = sum(share.count for share in promise.nodes)
    if pool is None or workers not in (gang.sizes or (gang.workers,)):
        return None
    need = judge(gang, pool, snapshot.allocatable)
    try:
        at = desk.trial.positions(pool)[rows_of(pool, promise.nodes, desk.trial)]
    except KeyError:
        return None
    if not isinstance(need, Need):
        return None
    need = replace(need, workers=workers)
    counts = np.zeros(len(pool.nodes), np.int64)
    counts[at] = [share.count for share in promise.nodes]
    if not desk.trial.allowed(gang, pool)[at].all() or not isinstance(
        pack(pool.fabric, counts, need), Packed
    ):
        return None
    return Candidate(pool, need)


def _still_there(promise: Promise, desk: Desk) -> list[Running]:
    """Return the victims that have not gone, as they ran when the plan was made; one that shrank already is not one."""
    size = dict(promise.smaller)
    wanted = {uid: place for place, uid in enumerate(promise.victims)}
    found = [
        one
        for one in desk.snapshot.running
        if one.gang.uid in wanted
        and math.floor(one.began) <= promise.since  # which is in whole seconds
        and (one.leaving or one.workers > size.get(one.gang.uid, 0))
    ]
    return sorted(found, key=lambda one: wanted[one.gang.uid])


def _stands(gang: Gang, candidate: Candidate, still: Sequence[Running], desk: Desk) -> bool:
    """Say whether a plan of which nothing has been done yet is one that would be made now."""
    snapshot = desk.snapshot
    if snapshot.manners.preemption is Preemption.NEVER:
        return False
    devices = candidate.need.workers * gang.devices
    allowed = grounds_of(gang, candidate.pool.profile.id, devices, desk).allowed
    index = {one.gang.uid: at for at, one in enumerate(snapshot.running)}
    if any(not allowed[index[one.gang.uid]] or one.gang.uid in desk.clearing.claimed for one in still):
        return False
    mark = desk.checkpoint()
    free = _anywhere(gang, desk) is not None
    desk.rollback(mark)
    return not free


def _there(gang: Gang, candidate: Candidate, promise: Promise, desk: Desk) -> Place | None:
    """Place the gang where it was promised, and book that on the trial; None if something is still in the way."""
    pool, trial = candidate.pool, desk.trial
    counts = np.zeros(len(pool.nodes), np.int64)
    counts[trial.positions(pool)[rows_of(pool, promise.nodes, trial)]] = [
        share.count for share in promise.nodes
    ]
    slots: Int64 = trial.open_slots(gang, pool)
    devices = candidate.need.workers * gang.devices
    if (slots < counts).any() or desk.accounts.excess(gang.queue, pool.profile.id, devices) is not None:
        return None
    return settle(gang, candidate, trial, counts)


def _anywhere(gang: Gang, desk: Desk) -> Place | None:
    """Place the gang wherever it fits now, and book that on the trial; None if nowhere, or beyond its quota.

    What is promised to others is not free for it, whether their turn has been or comes yet.
    """
    mark = desk.trial.checkpoint()
    held = {one.gang.key for one in desk.clearing.holds}
    for other in desk.snapshot.gangs:
        if other.promise is not None and other.key != gang.key and other.key not in held:
            sound = _sound(other, other.promise, desk)
            if sound is not None:
                take(other, sound.pool, other.promise, desk.trial)
    placed = place(gang, desk)
    desk.trial.rollback(mark)
    if placed is None:
        return None
    counts = np.array([share.count for share in placed.nodes], np.int64)
    if desk.accounts.excess(gang.queue, placed.model, int(counts.sum()) * gang.devices) is not None:
        return None
    pool = next(one for one in desk.snapshot.pools if one.name == placed.pool)
    desk.trial.take(gang, pool, np.array(rows_of(pool, placed.nodes, desk.trial), np.int32), counts)
    return placed


def _within_quota(gang: Gang, candidate: Candidate, still: Sequence[Running], desk: Desk) -> bool:
    """Say whether the gang keeps within the limits of its queues once its victims have gone."""
    mark = desk.checkpoint()
    for one in still:
        release(one, desk)
    devices = candidate.need.workers * gang.devices
    excess = desk.accounts.excess(gang.queue, candidate.pool.profile.id, devices)
    desk.rollback(mark)
    return excess is None


def _order(gang: Gang, candidate: Candidate, promise: Promise, victim: Running, desk: Desk) -> Evict | Resize:
    """Tell a victim to stop, or to go on with fewer workers."""
    devices = candidate.need.workers * gang.devices
    grounds = grounds_of(gang, candidate.pool.profile.id, devices, desk)
    at = next(at for at, one in enumerate(desk.snapshot.running) if one is victim)
    reclaimed = bool(grounds.reclaimed[at])
    key, uid = victim.gang.key, victim.gang.uid
    size = dict(promise.smaller).get(uid)
    message = stopped_for(gang, victim, reclaimed=reclaimed, size=size)
    if size is not None:
        return Resize(key, uid, size, gang.key, message)
    return Evict(key, uid, gang.key, message, reclaimed)


def _wait(gang: Gang, promise: Promise, still: Sequence[Running], desk: Desk) -> Wait:
    ends = [one.ends if one.leaving else promise.since + one.grace for one in still]
    start = max((at for at in ends if at > desk.now), default=None)
    told = promised(gang, promise, 0, desk)
    return replace(told, forecast=None if start is None else Forecast(start, 1.0))
