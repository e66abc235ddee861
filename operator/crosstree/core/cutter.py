"""Snapshots cut from the columns. A snapshot whose numbers equal the last one's is the last one.

Comparing the numbers, not counting events, is what keeps the loop quiet: a pod that takes the very place that was
promised to it changes nothing anybody decides on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from crosstree.core.arrays import Bool, Int32, Int64
from crosstree.core.budgets import NO_TAB, Tab
from crosstree.core.columns import Columns
from crosstree.core.discovery import Layout
from crosstree.core.manners import Manners
from crosstree.core.masks import Masks
from crosstree.core.queues import QueueSpec
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot, SpareRule
from crosstree.core.workload import Gang, NodeConstraint

MANNERS = Manners()
"""Of a cluster whose admin chose nothing."""

ANYBODY = Gang("", "", 1, 1)
"""Demands nothing of nodes. There is always a mask for it: a snapshot without any has no labels and taints at all."""


@dataclass(frozen=True, slots=True)
class _Last:
    """The last snapshot of a cluster, and the state of the columns it was cut from."""

    layout: Layout
    rows: Int32
    allocation: int
    admission: int
    asked: tuple[object, ...]
    suspects: frozenset[str]
    snapshot: Snapshot


class Cutter:
    """Cuts snapshots of any number of AIClusters from one table."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._masks = Masks(columns)
        self._last: dict[str, _Last] = {}
        self._generation = 0

    def cut(
        self,
        layout: Layout,
        gangs: tuple[Gang, ...],
        *,
        running: tuple[Running, ...] = (),
        queues: tuple[QueueSpec, ...] = (),
        manners: Manners = MANNERS,
        suspects: frozenset[str] = frozenset(),
        spares: SpareRule | None = None,
        tab: Tab = NO_TAB,
    ) -> tuple[Snapshot, bool]:
        """Return the snapshot of a cluster as it is now, and whether it differs from the one before.

        Args:
            layout: Its static half; the same object as long as nothing in it changed.
            gangs: Its waiting gangs, in a stable order.
            running: Gangs that hold its nodes, in a stable order; the same object for one as long as nothing about
                it changes.
            queues: JobQueues that serve it, in a stable order.
            manners: How it schedules.
            suspects: Nodes to be used last.
            spares: Nodes to be kept for gangs that recover.
            tab: What budgets were charged; the same object as long as nothing in it changes.

        O(N·R) after a change, O(gangs) without.
        """
        columns, last = self._columns, self._last.get(layout.cluster)
        if last is not None and last.layout is not layout:
            last = None
        asked = (columns.generation, gangs, running, queues, manners, suspects, spares, tab)
        if last is not None and asked == last.asked:
            return last.snapshot, False
        rows = last.rows if last is not None else columns.rows(layout.names)
        # Told apart by name, which takes a look at every node: only when other nodes are suspect than before.
        if last is not None and last.suspects == suspects:
            suspect = last.snapshot.suspect
        else:
            suspect = _marked(layout.names, suspects)
        snapshot = replace(
            self._snapshot(layout, gangs, running, rows, last),
            queues=queues,
            manners=manners,
            suspect=suspect,
            spares=spares,
            tab=tab,
        )
        fresh = last is None or not _same(last.snapshot, snapshot)
        if last is not None and not fresh:
            snapshot = last.snapshot
        self._last[layout.cluster] = _Last(
            layout,
            rows,
            columns.allocation,
            columns.admission,
            asked,
            suspects,
            snapshot,
        )
        return snapshot, fresh

    def keep(self, snapshots: Iterable[Snapshot]) -> None:
        """Forget clusters and constraints that none of these has."""
        kept = {snapshot.cluster: snapshot for snapshot in snapshots}
        for gone in self._last.keys() - kept.keys():
            del self._last[gone]
        self._masks.keep(constraint for snapshot in kept.values() for constraint in snapshot.masks)

    def _snapshot(
        self,
        layout: Layout,
        gangs: tuple[Gang, ...],
        running: tuple[Running, ...],
        rows: Int32,
        last: _Last | None,
    ) -> Snapshot:
        columns = self._columns
        resources = tuple(columns.words.names)
        if (
            last is not None
            and last.allocation == columns.allocation
            and last.snapshot.resources == resources
        ):
            allocatable, capacity = last.snapshot.allocatable, last.snapshot.capacity
        else:
            allocatable = columns.allocatable[rows, : len(resources)]
            allocatable.flags.writeable = False
            capacity = self._capacity(rows, allocatable)
        free = allocatable - columns.used[rows, : len(resources)]
        state, grain = columns.state[rows], columns.grain[rows]
        for array in (free, state, grain):
            array.flags.writeable = False
        self._generation += 1
        return Snapshot(
            cluster=layout.cluster,
            generation=self._generation,
            names=layout.names,
            resources=resources,
            allocatable=allocatable,
            free=free,
            state=state,
            grain=grain,
            pools=layout.pools,
            gangs=gangs,
            running=running,
            masks=self._masks_of(layout, gangs, running, rows, last),
            capacity=capacity,
            signal=self._signal(rows),
            signals=tuple(columns.signals),
        )

    def _signal(self, rows: Int32) -> Int32 | None:
        """Return what the nodes report, where any of them reports trouble."""
        found = self._columns.signal[rows]
        if not found.any():
            return None
        found.flags.writeable = False
        return found

    def _capacity(self, rows: Int32, allocatable: Int64) -> Int64 | None:
        """Return what the nodes have, where any of them has more than it offers."""
        found = self._columns.capacity[rows, : allocatable.shape[1]]
        if np.array_equal(found, allocatable):
            return None
        found.flags.writeable = False
        return found

    def _masks_of(
        self,
        layout: Layout,
        gangs: tuple[Gang, ...],
        running: tuple[Running, ...],
        rows: Int32,
        last: _Last | None,
    ) -> Mapping[NodeConstraint, Bool]:
        """Return a mask for all that is demanded by gangs that may be given a place: waiting ones, and elastic ones."""
        current = last is not None and last.admission == self._columns.admission
        if last is not None and current and (gangs, running) == (last.snapshot.gangs, last.snapshot.running):
            return last.snapshot.masks
        resources = dict.fromkeys(pool.resource for pool in layout.pools)
        placeable = (ANYBODY, *gangs, *[one.gang for one in running if one.gang.sizes])
        # By object first: gangs that demand the same mostly share it, and a constraint is long to hash.
        by_object = {(id(gang.constraint), gang.devices > 0): gang for gang in placeable}
        unlike = {(gang.constraint, gang.devices > 0): gang for gang in by_object.values()}
        wanted = dict.fromkeys(gang.demands(one) for gang in unlike.values() for one in resources)
        if last is not None and current and last.snapshot.masks.keys() == wanted.keys():
            return last.snapshot.masks
        return {constraint: self._masks.of(constraint, rows) for constraint in wanted}


def _same(left: Snapshot, right: Snapshot) -> bool:
    """Say whether two snapshots of one layout would be decided on alike."""
    return (
        left.resources == right.resources
        and left.gangs == right.gangs
        and left.running == right.running
        and left.queues == right.queues
        and left.manners == right.manners
        and left.tab == right.tab
        and np.array_equal(left.free, right.free)
        and np.array_equal(left.state, right.state)
        and np.array_equal(left.grain, right.grain)
        and _equal(left.allocatable, right.allocatable)
        and _equal(left.capacity, right.capacity)
        and _equal(left.signal, right.signal)
        and _equal(left.suspect, right.suspect)
        and left.spares == right.spares
        and (
            left.masks is right.masks
            or (
                left.masks.keys() == right.masks.keys()
                and all(np.array_equal(left.masks[one], right.masks[one]) for one in left.masks)
            )
        )
    )


def _marked(names: Sequence[str], chosen: frozenset[str]) -> Bool | None:
    """Mark the chosen nodes, None if none of them is there."""
    if chosen.isdisjoint(names):
        return None
    marked = np.fromiter((name in chosen for name in names), np.bool_, count=len(names))
    marked.flags.writeable = False
    return marked


def _equal(left: Int64 | Int32 | Bool | None, right: Int64 | Int32 | Bool | None) -> bool:
    if left is None or right is None:
        return left is right
    return left is right or np.array_equal(left, right)
