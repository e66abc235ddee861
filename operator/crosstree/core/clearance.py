"""What a cycle books about places that are being cleared, for `preemption`, which plans, and `promises`, which acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from crosstree.core.arrays import Bool, set_in
from crosstree.core.candidates import Candidate
from crosstree.core.capacity import Trial
from crosstree.core.claims import Claims, Grounds
from crosstree.core.clearing import Hold
from crosstree.core.desk import Desk
from crosstree.core.plan import NodeShare, Promise
from crosstree.core.roster import Roster
from crosstree.core.running import Running
from crosstree.core.snapshot import Pool
from crosstree.core.workload import Gang


def grounds_of(gang: Gang, model: str, devices: int, desk: Desk) -> Grounds:
    """Return which running gangs may be stopped for one that takes so many accelerators of a model."""
    notes, snapshot = desk.clearing, desk.snapshot
    if notes.claims is None:
        notes.claims = Claims(snapshot.queues, snapshot.running, desk.accounts, desk.policy.order)
    return notes.claims.on(gang, model, devices, desk.now)


def ripe_among(roster: Roster, gang: Gang, desk: Desk) -> Bool:
    """Say which running gangs have had their least time, or hold spares on loan that another gang needs: Bool (V,)."""
    if desk.snapshot.spares is not None and gang.recovering:
        return roster.ripe | roster.lent
    return roster.ripe


def might_do(gang: Gang, candidate: Candidate, grounds: Grounds, desk: Desk) -> bool:
    """Say whether somebody may go, and what is free with what all hold who may go or go anyway would be enough."""
    if not grounds.allowed.any():
        return False
    pool, roster = candidate.pool, roster_of(desk)
    free = int(np.maximum(desk.trial.free[pool.nodes, pool.column], 0).sum())
    gone = (grounds.allowed | roster.going) & roster.on(pool)
    return free + int(roster.devices[gone].sum()) >= candidate.need.workers * gang.devices


def leaves_what_is_booked(
    gang: Gang,
    candidate: Candidate,
    victims: Sequence[Running],
    smaller: Iterable[tuple[str, int]],
    desk: Desk,
) -> bool:
    """Say whether bookings let a gang start as soon as these running ones have made room for it.

    Args:
        gang: Who.
        candidate: Where, and at which size.
        victims: Who makes room.
        smaller: Those of them that go on with fewer workers, by uid, and with how many: they keep what those hold.
        desk: The cycle's.
    """
    if desk.fence is None:
        return True
    kept = dict(smaller)
    gone = [(one, one.devices - kept.get(one.gang.uid, 0) * one.gang.devices) for one in victims]
    return desk.fence.bars(gang, candidate.pool.profile.id, candidate.need.workers, desk.now, gone) is None


def look_ahead(desk: Desk) -> None:
    """Book on the desk what is on its way: whoever was told to stop, or will be, is gone."""
    release_all(roster_of(desk).going, desk)


def roster_of(desk: Desk) -> Roster:
    """Return the running gangs as arrays."""
    notes = desk.clearing
    if notes.roster is None:
        notes.roster = Roster.of(desk.snapshot, desk.now, notes.claimed)
    return notes.roster


def release_all(going: Bool, desk: Desk) -> None:
    """Book that some running gangs, Bool (V,), have gone. O(V + nodes they hold)."""
    roster = roster_of(desk)
    which = set_in(going)
    if not len(which):
        return
    pairs = going[roster.who]
    desk.trial.give_back(roster.rows[pairs], roster.takes[pairs], roster.columns[pairs])
    account, devices = roster.account[which], roster.devices[which]
    held = np.bincount(account, weights=devices, minlength=len(roster.accounts))
    jobs = np.bincount(account[devices > 0], minlength=len(roster.accounts))
    for at in np.unique(account).tolist():
        queue, model = roster.accounts[at]
        desk.accounts.take(queue, model, -int(held[at]), -int(jobs[at]))


def release(running: Running, desk: Desk) -> None:
    """Book that a running gang has gone."""
    desk.trial.release(running)
    desk.accounts.take(running.gang.queue, running.model, -running.devices)


def hold(gang: Gang, promise: Promise, desk: Desk) -> None:
    """Book a promised place whole, and that its victims are spoken for.

    What is still in use there is booked all the same, below zero: a node that is half free is nobody else's either.
    To be called only where the place stays held for the rest of the cycle, for budgets have no way back.
    """
    pool = next(one for one in desk.snapshot.pools if one.name == promise.pool)
    devices = take(gang, pool, promise, desk.trial) * gang.devices
    desk.accounts.take(gang.queue, pool.profile.id, devices)
    desk.purse.take(gang, pool.profile.id, devices)
    desk.clearing.note(Hold(gang, promise))


def take(gang: Gang, pool: Pool, promise: Promise, trial: Trial) -> int:
    """Take a promised place off the trial; return the number of workers."""
    counts = np.array([share.count for share in promise.nodes], np.int64)
    trial.take(gang, pool, np.array(rows_of(pool, promise.nodes, trial), np.int32), counts)
    return int(counts.sum())


def rows_of(pool: Pool, nodes: Iterable[NodeShare], trial: Trial) -> list[int]:
    """Return the rows of nodes of a pool, by name. O(nodes asked for) but for the first time in a cycle.

    Raises:
        KeyError: the pool has no such node.
    """
    row = trial.rows(pool)
    return [row[share.name] for share in nodes]
