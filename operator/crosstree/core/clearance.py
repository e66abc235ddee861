"""What a cycle books about places that are being cleared, for `preemption`, which plans, and `promises`, which acts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from crosstree.core import spares
from crosstree.core.claims import Claims, Grounds
from crosstree.core.clearing import Hold
from crosstree.core.desk import Desk
from crosstree.core.plan import NodeShare, Promise
from crosstree.core.running import Running
from crosstree.core.snapshot import Pool
from crosstree.core.workload import Gang


def grounds_of(gang: Gang, model: str, devices: int, desk: Desk) -> Grounds:
    """Return which running gangs may be stopped for one that takes so many accelerators of a model."""
    notes, snapshot = desk.clearing, desk.snapshot
    if notes.claims is None:
        notes.claims = Claims(snapshot.queues, snapshot.running, desk.accounts)
    return notes.claims.on(gang, model, devices)


def ripe(running: Running, gang: Gang, desk: Desk) -> bool:
    """Say whether a running gang has had its least time, or holds spares on loan that the other gang needs."""
    if desk.snapshot.spares is not None and gang.recovering and spares.preemptible(running.gang):
        return True
    return desk.now >= running.began + desk.snapshot.manners.min_runtime


def look_ahead(desk: Desk) -> None:
    """Book on the desk what is on its way: whoever was told to stop is gone, and promised places are taken whole."""
    notes = desk.clearing
    for one in desk.snapshot.running:
        if one.leaving or one.gang.uid in notes.claimed:
            release(one, desk)
    for hold in notes.holds:
        desk.trial.take(hold.gang, hold.pool, hold.rows, hold.counts - hold.held)


def release(running: Running, desk: Desk) -> None:
    """Book that a running gang has gone."""
    desk.trial.release(running)
    desk.accounts.take(running.gang.queue, running.model, -running.devices)


def hold_free(gang: Gang, pool: Pool, promise: Promise, desk: Desk) -> None:
    """Book the part of a promised place that is free, and the whole of it in the accounts."""
    rows = np.array(rows_of(pool, promise.nodes), np.int32)
    counts = np.array([share.count for share in promise.nodes], np.int64)
    held = np.minimum(desk.trial.slots(gang, pool)[desk.trial.positions(pool)[rows]], counts)
    some = held > 0
    if some.any():
        desk.trial.take(gang, pool, rows[some], held[some])
    desk.accounts.take(gang.queue, pool.profile.id, int(counts.sum()) * gang.devices)
    desk.clearing.note(Hold(gang, pool, rows, counts, held, promise.victims))


def rows_of(pool: Pool, nodes: Iterable[NodeShare]) -> list[int]:
    """Return the rows of nodes of a pool, by name.

    Raises:
        KeyError: the pool has no such node.
    """
    row = dict(zip(pool.fabric.levels[-1].names, pool.nodes.tolist(), strict=True))
    return [row[share.name] for share in nodes]
