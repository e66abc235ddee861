"""Gangs that run: `run_on(snapshot, gang, "n000", ...)` puts one on nodes of a snapshot."""

from __future__ import annotations

import math

import numpy as np

from crosstree.core.holdings import occupy
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Expectation, Gang, Source


def for_seconds(seconds: float, confidence: float = 0.9) -> Expectation:
    """Expect a declared duration."""
    return Expectation(seconds, Source.DECLARED, confidence)


def run_on(
    snapshot: Snapshot, gang: Gang, *nodes: str, began: float = 0.0, ends: float = math.inf, **changes: object
) -> Snapshot:
    """Return the snapshot with a gang running, its workers spread evenly over the nodes."""
    rows = np.array([snapshot.names.index(node) for node in nodes], np.int32)
    pool = next(one for one in snapshot.pools if rows[0] in one.nodes)
    counts = np.full(len(rows), gang.workers // len(rows), np.int64)
    assert counts.sum() == gang.workers
    return occupy(
        snapshot,
        [Running(gang, pool.name, pool.profile.id, rows, counts, began, ends, began, **changes)],  # type: ignore[arg-type]
    )
