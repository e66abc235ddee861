"""What a cycle books about places that are being cleared, for `preemption`, which plans, and `promises`, which acts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from crosstree.core import spares
from crosstree.core.capacity import Trial
from crosstree.core.claims import Claims, Grounds
from crosstree.core.clearing import Hold
from crosstree.core.desk import Desk
from crosstree.core.plan import NodeShare, Promise
from crosstree.core.policy import Order
from crosstree.core.running import Running
from crosstree.core.shortest import longer
from crosstree.core.snapshot import Pool
from crosstree.core.workload import Gang


def grounds_of(gang: Gang, model: str, devices: int, desk: Desk) -> Grounds:
    """Return which running gangs may be stopped for one that takes so many accelerators of a model."""
    notes, snapshot = desk.clearing, desk.snapshot
    if notes.claims is None:
        notes.claims = Claims(snapshot.queues, snapshot.running, desk.accounts)
    grounds = notes.claims.on(gang, model, devices)
    if desk.policy.order is Order.SHORTEST_EXPECTED:
        grounds = Grounds(grounds.allowed | longer(gang, snapshot.running, desk.now), grounds.reclaimed)
    return grounds


def ripe(running: Running, gang: Gang, desk: Desk) -> bool:
    """Say whether a running gang has had its least time, or holds spares on loan that the other gang needs."""
    if desk.snapshot.spares is not None and gang.recovering and spares.preemptible(running.gang):
        return True
    return desk.now >= running.began + desk.snapshot.manners.min_runtime


def look_ahead(desk: Desk) -> None:
    """Book on the desk what is on its way: whoever was told to stop, or will be, is gone."""
    notes = desk.clearing
    for one in desk.snapshot.running:
        if one.leaving or one.gang.uid in notes.claimed:
            release(one, desk)


def release(running: Running, desk: Desk) -> None:
    """Book that a running gang has gone."""
    desk.trial.release(running)
    desk.accounts.take(running.gang.queue, running.model, -running.devices)


def hold(gang: Gang, promise: Promise, desk: Desk) -> None:
    """Book a promised place whole, and that its victims are spoken for.

    What is still in use there is booked all the same, below zero: a node that is half free is nobody else's either.
    """
    pool = next(one for one in desk.snapshot.pools if one.name == promise.pool)
    counts = take(gang, pool, promise, desk.trial)
    desk.accounts.take(gang.queue, pool.profile.id, counts * gang.devices)
    desk.clearing.note(Hold(gang, promise))


def take(gang: Gang, pool: Pool, promise: Promise, trial: Trial) -> int:
    """Take a promised place off the trial; return the number of workers."""
    counts = np.array([share.count for share in promise.nodes], np.int64)
    trial.take(gang, pool, np.array(rows_of(pool, promise.nodes), np.int32), counts)
    return int(counts.sum())


def rows_of(pool: Pool, nodes: Iterable[NodeShare]) -> list[int]:
    """Return the rows of nodes of a pool, by name.

    Raises:
        KeyError: the pool has no such node.
    """
    row = dict(zip(pool.fabric.levels[-1].names, pool.nodes.tolist(), strict=True))
    return [row[share.name] for share in nodes]
