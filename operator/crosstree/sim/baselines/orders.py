"""Baselines without a clock: an order, and whether those behind may pass one that does not fit."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from crosstree.core.line import in_order
from crosstree.core.plan import Place, Plan
from crosstree.core.policy import Policy
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from crosstree.sim.baselines.table import Table


def fifo(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    """First come, first served: who does not fit holds up everybody behind."""
    table = Table(snapshot)
    placed: list[Place] = []
    for gang in in_order(snapshot.gangs):
        found = table.place(gang)
        if found is None:
            break
        placed.append(found)
    return Plan(snapshot.cluster, snapshot.generation, tuple(placed))


def best_fit(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    """Start whoever fits, in order of age, on the leaf that is left fullest: no reservations, as most schedulers."""
    return _whoever_fits(snapshot, in_order(snapshot.gangs))


def shuffled(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    """Start whoever fits, in an order without sense, which is the same in every process: a checksum of the name."""
    return _whoever_fits(
        snapshot, sorted(snapshot.gangs, key=lambda gang: (crc32(gang.uid.encode()), gang.uid))
    )


def _whoever_fits(snapshot: Snapshot, gangs: Iterable[Gang]) -> Plan:
    table = Table(snapshot)
    placed = [found for gang in gangs if (found := table.place(gang)) is not None]
    return Plan(snapshot.cluster, snapshot.generation, tuple(placed))
