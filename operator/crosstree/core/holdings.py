"""What gangs hold on the nodes of a snapshot, taken and given back: the sums of a cluster that is only thought of.

The operator counts pods instead, and `capacity.Trial` tries places within a cycle; this is for what comes after one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crosstree.core import fit
from crosstree.core.arrays import Int8, Int64
from crosstree.core.running import Running
from crosstree.core.shapes import EMPTY_GRAIN, grain_of
from crosstree.core.snapshot import Pool, Snapshot


def occupy(snapshot: Snapshot, more: Sequence[Running]) -> Snapshot:
    """Return the snapshot with these gangs running as well. O(N·R + nodes held)."""
    free, grain = snapshot.free.copy(), snapshot.grain.copy()
    for one in more:
        _move(snapshot, one, free, 1)
        if one.gang.devices:
            grain[one.rows] = np.minimum(grain[one.rows], grain_of(one.gang.devices))
    return _changed(snapshot, free, grain, (*snapshot.running, *more))


def release(snapshot: Snapshot, gone: Sequence[Running]) -> Snapshot:
    """Return the snapshot without these running gangs. O(N·R + nodes held by all)."""
    free, grain = snapshot.free.copy(), snapshot.grain.copy()
    left = {id(one) for one in gone}
    stay = tuple(one for one in snapshot.running if id(one) not in left)
    for one in gone:
        _move(snapshot, one, free, -1)
    rows = np.unique(np.concatenate([one.rows for one in gone])) if gone else np.zeros(0, np.int32)
    grain[rows] = _grain(snapshot, stay, free)[rows]
    return _changed(snapshot, free, grain, stay)


def _grain(snapshot: Snapshot, stay: Sequence[Running], free: Int64) -> Int8:
    """Return every node's grain: that of the gangs that stay; where others' pods are, never coarser than it was."""
    known = np.full(len(snapshot.names), EMPTY_GRAIN, np.int8)
    held = np.zeros(len(snapshot.names), np.int64)
    for one in stay:
        if one.gang.devices:
            known[one.rows] = np.minimum(known[one.rows], grain_of(one.gang.devices))
            held[one.rows] += one.counts * one.gang.devices
    used = np.zeros(len(snapshot.names), np.int64)
    for column in {pool.column for pool in snapshot.pools}:
        used += snapshot.allocatable[:, column] - free[:, column]
    return np.where(used > held, np.minimum(known, snapshot.grain), known).astype(np.int8)


def _move(snapshot: Snapshot, one: Running, free: Int64, sign: int) -> None:
    pool = pool_of(snapshot, one.pool)
    if pool is None:
        return
    request = fit.request_of(one.gang, pool, snapshot.resources)
    for column, amount in zip(request.columns, request.amounts, strict=True):
        free[one.rows, column] -= sign * amount * one.counts
    if request.devices:
        free[one.rows, request.device_column] -= sign * request.devices * one.counts


def pool_of(snapshot: Snapshot, name: str) -> Pool | None:
    """Return a pool by name; None if it is gone."""
    return next((pool for pool in snapshot.pools if pool.name == name), None)


def _changed(snapshot: Snapshot, free: Int64, grain: Int8, running: tuple[Running, ...]) -> Snapshot:
    ordered = tuple(sorted(running, key=lambda one: (one.gang.key, one.gang.uid)))
    return replace(snapshot, free=free, grain=grain, running=ordered)
