"""Gangs that hold nodes: `running(a_gang(...), {"n000": 1}, began=...)`, put into a snapshot by `with_running`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from crosstree.core import fit
from crosstree.core.plan import Place
from crosstree.core.running import Running
from crosstree.core.shapes import grain_of
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang

NOW = 1_000_000.0
LONG_AGO = NOW - 7200.0


def running(
    gang: Gang, nodes: Mapping[str, int] | Sequence[str], snapshot: Snapshot, **changes: Any
) -> Running:
    """Let a gang hold nodes since two hours ago, one worker each where no count is given."""
    counts = dict(nodes) if isinstance(nodes, Mapping) else dict.fromkeys(nodes, 1)
    rows = np.array([snapshot.names.index(name) for name in counts], np.int32)
    pool = next(one for one in snapshot.pools if rows[0] in one.nodes)
    began = changes.pop("began", LONG_AGO)
    return Running(
        gang=gang,
        pool=changes.pop("pool", pool.name),
        model=changes.pop("model", pool.profile.id),
        rows=rows,
        counts=np.array(list(counts.values()), np.int64),
        began=began,
        ends=changes.pop("ends", math.inf),
        saved=changes.pop("saved", began),
        **changes,
    )


def at_place(gang: Gang, place: Place, snapshot: Snapshot, **changes: Any) -> Running:
    """Let a gang run where it was placed."""
    counts = {share.name: share.count for share in place.nodes}
    return running(gang, counts, snapshot, pool=place.pool, model=place.model, **changes)


def with_running(snapshot: Snapshot, *gangs: Running, **changes: Any) -> Snapshot:
    """Put running gangs into a snapshot: their nodes are used."""
    free, grain = snapshot.free.copy(), snapshot.grain.copy()
    for one in gangs:
        pool = next(pool for pool in snapshot.pools if pool.name == one.pool)
        request = fit.request_of(one.gang, pool, snapshot.resources)
        for column, amount in ((request.device_column, request.devices), *request.others):
            np.subtract.at(free[:, column], one.rows, amount * one.counts)
        if request.devices:
            np.minimum.at(grain, one.rows, np.int8(grain_of(request.devices)))
    everyone = tuple(sorted((*snapshot.running, *gangs), key=lambda one: one.gang.key))
    return replace(snapshot, free=free, grain=grain, running=everyone, **changes)
