"""Placing gangs one after another on what is free: what every baseline does with the order it has chosen."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from crosstree.core.candidates import candidates
from crosstree.core.capacity import Trial
from crosstree.core.plan import Place
from crosstree.core.running import Running
from crosstree.core.seat import seat
from crosstree.core.snapshot import NodeState, Snapshot
from crosstree.core.workload import Gang


class Table:
    """The free nodes of one cycle."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.trial = Trial(snapshot)
        self._pools = {pool.name: pool for pool in snapshot.pools}
        self._failed: dict[object, int] = {}

    def place(self, gang: Gang) -> Place | None:
        """Place a gang as well as it can be, and book it; None if nothing holds it.

        A gang at least as large as one of its kind that found no place is not tried again: nodes only fill up.
        """
        kind = (gang.devices, gang.models, gang.required, gang.groups, gang.constraint, gang.recovering)
        if gang.workers >= self._failed.get(kind, gang.workers + 1):
            return None
        snapshot = self.snapshot
        for one in candidates(gang, snapshot.pools, self.trial.free, snapshot.allocatable)[0]:
            if found := seat(gang, one, self.trial):
                return found
        self._failed[kind] = gang.workers
        return None

    def free(self, running: Iterable[Running]) -> None:
        """Count the nodes of running gangs as free from here on."""
        for one in running:
            self.trial.take(one.gang, self._pools[one.pool], one.rows, -one.counts)
            self._failed.clear()

    def undo(self, mark: int) -> None:
        """Go back to a checkpoint of the trial."""
        self.trial.rollback(mark)
        self._failed.clear()

    def touches(self, one: Running, nodes: Collection[str]) -> bool:
        """Say whether a running gang has a worker on one of these nodes."""
        return any(self.snapshot.names[row] in nodes for row in one.rows.tolist())

    def keep(self, gang: Gang, place: Place, gone: Iterable[Running]) -> None:
        """Hold what is free now of a place that is complete only when others are gone."""
        need = {share.name: share.count * gang.devices for share in place.nodes}
        for one in gone:
            for row, count in zip(one.rows.tolist(), one.counts.tolist(), strict=True):
                name = self.snapshot.names[row]
                if name in need:
                    need[name] -= count * one.gang.devices
        pool = self._pools[place.pool]
        names = pool.fabric.levels[-1].names
        left = [(int(pool.nodes[at]), need[name]) for at, name in enumerate(names) if need.get(name, 0) > 0]
        if left:
            rows, amounts = zip(*left, strict=True)
            single = replace(gang, devices=1)
            self.trial.take(single, pool, np.array(rows, np.int32), np.array(amounts, np.int64))

    def idle(self) -> int:
        """Count free accelerators on nodes that can be used."""
        usable = self.snapshot.state == NodeState.USABLE
        return int(np.maximum(self.trial.free[usable, 0], 0).sum())
