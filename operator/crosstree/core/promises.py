"""Going on with promises: a place that is cleared for a waiting gang, cycle by cycle, until it starts or all is void.

Only what the waiting job's status holds is acted on, so a plan survives the operator, and nobody is stopped for a plan
that was forgotten.

A plan of which nothing has been done is words, and changes nothing before its gang has its turn: so the cycle that
finds it stored comes to that turn as the one that made it did, and the plan stands, or there is a reason why it does
not. Once somebody has been stopped for it, the place is held before anybody has his turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from crosstree.core.arrays import Int64
from crosstree.core.candidates import Candidate, judge, wanted
from crosstree.core.clearance import (
    grounds_of,
    hold,
    leaves_what_is_booked,
    look_ahead,
    release_all,
    roster_of,
    rows_of,
    take,
)
from crosstree.core.clearing_words import stopped_for
from crosstree.core.desk import Desk
from crosstree.core.line import in_order
from crosstree.core.manners import Preemption
from crosstree.core.placement.need import Need
from crosstree.core.placement.pack import shortfall
from crosstree.core.places import place
from crosstree.core.plan import Decision, Evict, Forecast, Place, Promise, Resize, Wait
from crosstree.core.preemption import starts_soon
from crosstree.core.purse import Overdraft
from crosstree.core.running import Running
from crosstree.core.seat import settle
from crosstree.core.snapshot import Pool
from crosstree.core.underway import still_there, under_way
from crosstree.core.verdicts import promised
from crosstree.core.workload import Gang

_Ongoing = tuple[Gang, Promise, Candidate]
"""A gang for which somebody was stopped, by what plan, and what it needs on its pool."""


def keep_promises(desk: Desk) -> tuple[list[Decision], list[Gang]]:
    """Go on with every plan for which somebody was stopped: place the gang when its place is free, else hold that.

    Returns:
        What that takes: for each of these gangs its own `Place`, or orders to who is still there and its `Wait`; and
        the gangs that stand in line, among them those whose plan is void.

    O(V + n) for each of them, for V running gangs and n nodes of the pool.
    """
    ongoing: list[_Ongoing] = []
    for gang in in_order(desk.snapshot.gangs):
        promise = gang.promise
        if promise is None or not under_way(promise, roster_of(desk).those(promise.victims)):
            continue
        candidate = _sound(gang, promise, desk)
        if candidate is not None and (promise.begun or _may_go_on(gang, promise, candidate, desk)):
            ongoing.append((gang, promise, candidate))
            if desk.now < promise.until:  # all are told before anybody counts on what the others leave
                desk.clearing.tell(promise)
    mine = {gang.key for gang, *_ in ongoing}
    in_line = [gang for gang in desk.snapshot.gangs if gang.key not in mine]
    decided: list[Decision] = []
    for at, (gang, promise, candidate) in enumerate(ongoing):
        placed = _there(gang, candidate, promise, desk) or _elsewhere(gang, ongoing[at + 1 :], in_line, desk)
        if placed is not None:
            desk.clearing.recall(promise)
            decided.append(desk.book(gang, placed))
        elif desk.now >= promise.until or not _within_quota(gang, candidate, desk):
            desk.clearing.recall(promise)
            in_line.append(gang)
        else:
            decided += _go_on(gang, promise, candidate, desk)
    return decided, in_line


def begin(gang: Gang, desk: Desk) -> tuple[Decision, ...] | None:
    """Act on the stored plan of a gang that has its turn and finds no room: tell those to go who make it.

    Returns:
        The orders, last the gang's own `Wait`; None if it has no plan, or one that would not be made now.
    """
    promise = gang.promise
    if (
        promise is None
        or desk.now >= promise.until
        or under_way(promise, roster_of(desk).those(promise.victims))
    ):
        return None
    candidate = _sound(gang, promise, desk)
    if candidate is None or not _stands(gang, promise, candidate, desk):
        return None
    desk.clearing.tell(promise)
    return _go_on(gang, promise, candidate, desk)


def as_stored(made: Promise, gang: Gang, desk: Desk) -> Promise:
    """Return the plan that is stored if it is the one that was made again, else what was made.

    So it is where a plan counts on those who go by the plan of another gang that has not told them yet: it has to wait
    until they are told, and would be made anew, with another time, in every cycle.
    """
    known = gang.promise
    if known is None or desk.now >= known.until:
        return made
    if replace(made, since=known.since, until=known.until, jobs=known.jobs) != known:
        return made
    desk.note_due(known.until)
    return known


def _go_on(gang: Gang, promise: Promise, candidate: Candidate, desk: Desk) -> tuple[Decision, ...]:
    """Tell those to go who are still there, and hold the place."""
    promise = replace(promise, begun=True)
    still = still_there(promise, roster_of(desk).those(promise.victims))
    orders = [_order(gang, candidate, promise, one, desk) for one in still if not one.leaving]
    desk.note_due(promise.until)
    hold(gang, promise, desk)
    return (*orders, _wait(gang, promise, still, desk))


def _sound(gang: Gang, promise: Promise, desk: Desk) -> Candidate | None:
    """Return the pool of a promise and what the gang needs there; None if its place is none for the gang any more."""
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
    short = shortfall(pool.fabric, _counts(pool, promise, desk), need)
    if not desk.trial.allowed(gang, pool)[at].all() or short is not None:
        return None
    return Candidate(pool, need)


def _stands(gang: Gang, promise: Promise, candidate: Candidate, desk: Desk) -> bool:
    """Say whether a plan of which nothing has been done yet is one that would be made now.

    Who goes for others counts as gone if they were told to: what is only planned may not come.
    """
    if not _allowed(gang, promise, candidate, desk):
        return False
    roster = roster_of(desk)
    mine, told = roster.among(promise.victims), roster.among(desk.clearing.told)
    mark = desk.checkpoint()
    release_all(roster.leaving | told, desk)
    needed = not starts_soon(gang, desk.trial.candidates(gang), desk)
    release_all(mine, desk)
    stands = needed and _has_room(gang, candidate, promise, desk)
    desk.rollback(mark)
    return stands


def _may_go_on(gang: Gang, promise: Promise, candidate: Candidate, desk: Desk) -> bool:
    """Say whether a plan may be gone on with before the line, of which budgets are asked in the gang's turn."""
    return not isinstance(desk.within_budget(gang), Overdraft) and _allowed(gang, promise, candidate, desk)


def _allowed(gang: Gang, promise: Promise, candidate: Candidate, desk: Desk) -> bool:
    """Say whether those that make room for a promise may still be stopped for the gang, and for nobody else by now."""
    if desk.snapshot.manners.preemption is Preemption.NEVER or isinstance(
        desk.within_budget(gang), Overdraft
    ):
        return False
    roster, devices = roster_of(desk), candidate.need.workers * gang.devices
    grounds = grounds_of(gang, candidate.pool.profile.id, devices, desk)
    mine = roster.among(promise.victims)
    shrinks = roster.among(uid for uid, _ in promise.smaller)
    allowed = np.where(shrinks, grounds.allowed, grounds.stopped)
    if not allowed[mine].all() or not desk.clearing.claimed.isdisjoint(promise.victims):
        return False
    victims = [desk.snapshot.running[at] for at in np.flatnonzero(mine)]
    return leaves_what_is_booked(gang, candidate, victims, promise.smaller, desk)


def _has_room(gang: Gang, candidate: Candidate, promise: Promise, desk: Desk) -> bool:
    """Say whether the promised place is free on the trial, reserved for nobody, and within the quotas."""
    pool, trial = candidate.pool, desk.trial
    devices = candidate.need.workers * gang.devices
    if desk.accounts.excess(gang.queue, pool.profile.id, devices) is not None:
        return False
    return not (trial.open_slots(gang, pool) < _counts(pool, promise, desk)).any()


def _counts(pool: Pool, promise: Promise, desk: Desk) -> Int64:
    """Return the workers that a promise puts on each node of its pool: int64 (n,)."""
    counts = np.zeros(len(pool.nodes), np.int64)
    counts[desk.trial.positions(pool)[rows_of(pool, promise.nodes, desk.trial)]] = [
        share.count for share in promise.nodes
    ]
    return counts


def _there(gang: Gang, candidate: Candidate, promise: Promise, desk: Desk) -> Place | None:
    """Place the gang where it was promised, and book that on the trial; None if something is still in the way."""
    pool, trial = candidate.pool, desk.trial
    if not _has_room(gang, candidate, promise, desk):
        return None
    return settle(gang, candidate, trial, _counts(pool, promise, desk))


def _elsewhere(gang: Gang, later: Iterable[_Ongoing], in_line: Iterable[Gang], desk: Desk) -> Place | None:
    """Place the gang wherever it fits now, and book that on the trial; None if nowhere, or if others go before it.

    Args:
        gang: Who.
        later: Gangs that places are cleared for as well, whose turn comes yet: what they are promised is not free.
        in_line: Gangs that stand in line: free nodes are theirs, or reserved for them, where they stand before it.
        desk: The ledgers.
    """
    mark = desk.trial.checkpoint()
    for other, promise, candidate in later:
        take(other, candidate.pool, promise, desk.trial)
    placed = place(gang, desk)
    desk.trial.rollback(mark)
    if placed is None:
        return None
    pool = next(one for one in desk.snapshot.pools if one.name == placed.pool)
    if any(wanted(one, pool) and _may_precede(one, gang, desk) for one in in_line):
        return None
    counts = np.array([share.count for share in placed.nodes], np.int64)
    desk.trial.take(gang, pool, np.array(rows_of(pool, placed.nodes, desk.trial), np.int32), counts)
    return placed


def _may_precede(one: Gang, other: Gang, desk: Desk) -> bool:
    """Say whether a gang may have its turn before another: of queues nobody knows that before their shares are."""
    if one.queue != other.queue and desk.snapshot.queues:
        return True
    return in_order((one, other), desk.policy.order)[0] is one


def _within_quota(gang: Gang, candidate: Candidate, desk: Desk) -> bool:
    """Say whether the gang keeps within the limits of its queues once all have gone that were told to."""
    mark = desk.checkpoint()
    look_ahead(desk)
    devices = candidate.need.workers * gang.devices
    excess = desk.accounts.excess(gang.queue, candidate.pool.profile.id, devices)
    desk.rollback(mark)
    return excess is None


def _order(gang: Gang, candidate: Candidate, promise: Promise, victim: Running, desk: Desk) -> Evict | Resize:
    """Tell a victim to stop, or to go on with fewer workers."""
    devices = candidate.need.workers * gang.devices
    grounds = grounds_of(gang, candidate.pool.profile.id, devices, desk)
    key, uid = victim.gang.key, victim.gang.uid
    reclaimed = bool(grounds.reclaimed[roster_of(desk).position(uid)])
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
