"""The running gangs of a snapshot as arrays: made once a cycle, asked by every gang that looks for victims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from crosstree.core import fit, spares
from crosstree.core.arrays import Bool, Float64, Int32, Int64
from crosstree.core.ground import costs
from crosstree.core.running import Running
from crosstree.core.snapshot import Pool, Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """V running gangs, in the order of the snapshot, and the K pairs of gang and node.

    Attributes:
        running: Who.
        began: When, float64 (V,).
        leaving: Told to stop already, Bool (V,).
        going: Goes whatever is decided: told to stop already, or spoken for, Bool (V,). See `claim` and `let_off`.
        ripe: Has had its least time, Bool (V,).
        accounts: Queues and models that they are booked under.
        account: Number of that of each, int64 (V,).
        lent: Runs on loan, Bool (V,).
        elastic: Could do with fewer workers, Bool (V,).
        cost: What stopping it loses, in accelerator-seconds, int64 (V,).
        rank: Place in the order of names, int64 (V,).
        devices: Accelerators it holds, int64 (V,).
        pool: Number of its pool in the snapshot, -1 for one that is gone, int64 (V,).
        who: Gang of each pair, ascending, int64 (K,); those whose pool is gone have none.
        rows: Node of each pair, int32 (K,).
        takes: What the gang holds there, int64 (K, R).
        columns: Column of the accelerator there, int64 (K,).
    """

    running: tuple[Running, ...]
    began: Float64
    leaving: Bool
    lent: Bool
    elastic: Bool
    cost: Int64
    rank: Int64
    devices: Int64
    pool: Int64
    who: Int64
    rows: Int32
    takes: Int64
    columns: Int64
    going: Bool
    ripe: Bool
    accounts: tuple[tuple[str, str], ...]
    account: Int64
    _place: dict[str, int] = field(default_factory=dict)
    _pools: dict[str, int] = field(default_factory=dict)
    _on: dict[str, Bool] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot, now: float, claimed: Iterable[str]) -> Self:
        """Lay out the running gangs. O(V log V + K·R)."""
        running = snapshot.running
        count = len(running)
        names = sorted(range(count), key=lambda at: (running[at].gang.key, running[at].gang.uid))
        rank = np.empty(count, np.int64)
        rank[names] = np.arange(count)
        number = {pool.name: at for at, pool in enumerate(snapshot.pools)}
        pool = np.fromiter((number.get(one.pool, -1) for one in running), np.int64, count=count)
        there = [at for at in range(count) if pool[at] >= 0]
        sizes = [len(running[at].rows) for at in there]
        takes = np.zeros((len(there), len(snapshot.resources)), np.int64)
        for position, at in enumerate(there):
            one = running[at]
            takes[position] = fit.vector_of(one.gang, snapshot.pools[pool[at]], snapshot.resources)
        counts = [running[at].counts for at in there]
        rows = [running[at].rows for at in there]
        began = np.fromiter((one.began for one in running), np.float64, count=count)
        leaving = np.fromiter((one.leaving for one in running), np.bool_, count=count)
        columns = np.array([snapshot.pools[pool[at]].column for at in there], np.int64)
        booked: dict[tuple[str, str], int] = {}
        account = [booked.setdefault((one.gang.queue, one.model), len(booked)) for one in running]
        made = cls(
            running=running,
            began=began,
            leaving=leaving,
            lent=np.fromiter((spares.preemptible(one.gang) for one in running), np.bool_, count=count),
            elastic=np.fromiter(
                (one.workers > min(one.gang.sizes, default=one.workers) for one in running),
                np.bool_,
                count=count,
            ),
            cost=costs(running, now),
            rank=rank,
            devices=np.fromiter((one.devices for one in running), np.int64, count=count),
            pool=pool,
            who=np.repeat(np.array(there, np.int64), sizes),
            rows=np.concatenate(rows) if rows else np.zeros(0, np.int32),
            takes=np.repeat(takes, sizes, axis=0)
            * (np.concatenate(counts) if counts else np.zeros(0))[:, None].astype(np.int64),
            columns=np.repeat(columns, sizes),
            going=leaving.copy(),
            ripe=np.asarray(now >= began + snapshot.manners.min_runtime),
            accounts=tuple(booked),
            account=np.array(account, np.int64),
            _pools=number,
            _place={one.gang.uid: at for at, one in enumerate(running)},
        )
        made.claim(claimed)
        return made

    def claim(self, uids: Iterable[str]) -> None:
        """Note that these go for somebody; those that do not run are passed over."""
        for uid in uids:
            if uid in self._place:
                self.going[self._place[uid]] = True

    def let_off(self, uids: Iterable[str]) -> None:
        """Note that these go for nobody any more; those on the way out go all the same."""
        for uid in uids:
            if uid in self._place:
                self.going[self._place[uid]] = self.leaving[self._place[uid]]

    def position(self, uid: str) -> int:
        """Return the index of one that runs."""
        return self._place[uid]

    def those(self, uids: Iterable[str]) -> list[Running]:
        """Return those of these uids, in the order of the snapshot; those that do not run are passed over."""
        return [self.running[at] for at in sorted({self._place[uid] for uid in uids if uid in self._place})]

    def among(self, uids: Iterable[str]) -> Bool:
        """Mark those of these uids, Bool (V,); those that do not run are passed over."""
        found = np.zeros(len(self.running), np.bool_)
        found[[self._place[uid] for uid in uids if uid in self._place]] = True
        return found

    def on(self, pool: Pool) -> Bool:
        """Mark those in a pool, Bool (V,). The array is shared: do not write to it."""
        if pool.name not in self._on:
            self._on[pool.name] = np.asarray(self.pool == self._pools[pool.name], np.bool_)
        return self._on[pool.name]
