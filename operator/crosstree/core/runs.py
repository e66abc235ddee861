"""Gangs that hold nodes, kept up to date job by job, as `Running` values with rows of the layout they are asked for.

A value is the same object as long as nothing about its gang and nothing about the layout changes, so that a snapshot
can tell by looking at the objects that nothing happened.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from crosstree.core.discovery import Layout
from crosstree.core.expect import DECLARED_CONFIDENCE, at_size, ends
from crosstree.core.running import Running
from crosstree.core.snapshot import Pool
from crosstree.core.tenure import Tenure
from crosstree.core.workload import Expectation, Source

HomeOf = Callable[[str], str | None]
"""AICluster of an AcceleratorPool by name; None if there is no such object."""


@dataclass(slots=True)
class _Seen:
    """What has been made for one layout: values by key, the answer made of them, and keys to look at again."""

    layout: Layout
    row: dict[str, int]
    pools: dict[str, tuple[Pool, frozenset[int]]]
    values: dict[str, Running] = field(default_factory=dict)
    answer: tuple[Running, ...] = ()
    stale: set[str] = field(default_factory=set)
    next_end: float = math.inf


class Runs:
    """The running gangs of every AICluster.

    Args:
        home_of: Says which AICluster a pool belongs to.
    """

    def __init__(self, home_of: HomeOf) -> None:
        self._home_of = home_of
        self._tenures: dict[str, Tenure] = {}
        self._seen: dict[str, _Seen] = {}

    def __len__(self) -> int:
        """Number of places held."""
        return len(self._tenures)

    def known(self, key: str) -> Tenure | None:
        """Return what a job held when it was last looked at."""
        return self._tenures.get(key)

    def hold(self, key: str, tenure: Tenure | None) -> None:
        """Take over what a job holds now; None for nothing. A place keeps the moment it was first known of."""
        known = self._tenures.get(key)
        if tenure is not None and known is not None and _same_place(known, tenure):
            tenure = replace(tenure, began=known.began)
        if tenure == known:
            return
        if tenure is None:
            del self._tenures[key]
        else:
            self._tenures[key] = tenure
        for seen in self._seen.values():
            seen.stale.add(key)

    def of(self, layout: Layout, now: float) -> tuple[Running, ...]:
        """Return the gangs that hold nodes of an AICluster, by key, with the ends that are expected at `now`.

        O(changed); O(all) for another layout, and when a gang overruns.
        """
        seen = self._seen.get(layout.cluster)
        if seen is None or seen.layout is not layout:
            seen = self._seen[layout.cluster] = _opened(layout)
            seen.stale.update(self._tenures)
        if now >= seen.next_end:
            seen.stale.update(key for key, one in seen.values.items() if one.ends <= now)
        if not seen.stale:
            return seen.answer
        for key in seen.stale:
            made = self._made(key, seen, now)
            if made is None:
                seen.values.pop(key, None)
            else:
                seen.values[key] = made
        seen.stale.clear()
        seen.answer = tuple([seen.values[key] for key in sorted(seen.values)])
        seen.next_end = min([one.ends for one in seen.answer], default=math.inf)
        return seen.answer

    def keep(self, clusters: set[str]) -> None:
        """Forget AIClusters that are gone."""
        for gone in self._seen.keys() - clusters:
            del self._seen[gone]

    def _made(self, key: str, seen: _Seen, now: float) -> Running | None:
        """Return the value for one job; None if it holds no node of this AICluster.

        Only nodes of one pool count: of a gang whose nodes an admin has since dealt out to several pools, those in
        the pool it was placed in, or else in the pool its first node is in now.
        """
        tenure = self._tenures.get(key)
        if tenure is None:
            return None
        home = self._home_of(tenure.pool)
        if (tenure.cluster if home is None else home) != seen.layout.cluster:
            return None
        held = [(seen.row[name], count) for name, count in tenure.nodes if name in seen.row]
        pool = _pool(tenure, held, seen)
        if pool is None:
            return None
        held = [(row, count) for row, count in held if row in pool[1]]
        if not held:
            return None
        rows = np.array([row for row, _ in held], np.int32)
        counts = np.array([count for _, count in held], np.int64)
        rows.flags.writeable = counts.flags.writeable = False
        return Running(
            gang=tenure.gang,
            pool=pool[0].name,
            model=tenure.model,
            rows=rows,
            counts=counts,
            began=tenure.began,
            ends=_ends(tenure, now),
            saved=tenure.began if tenure.saved is None else tenure.saved,
            restart_cost=tenure.restart_cost,
            grace=tenure.grace,
            leaving=tenure.leaving is not None,
        )


def _opened(layout: Layout) -> _Seen:
    return _Seen(
        layout,
        {name: row for row, name in enumerate(layout.names)},
        {pool.name: (pool, frozenset(pool.nodes.tolist())) for pool in layout.pools},
    )


def _pool(tenure: Tenure, held: list[tuple[int, int]], seen: _Seen) -> tuple[Pool, frozenset[int]] | None:
    known = seen.pools.get(tenure.pool)
    if known is not None or not held:
        return known
    return next((one for one in seen.pools.values() if held[0][0] in one[1]), None)


def _ends(tenure: Tenure, now: float) -> float:
    """Return when the nodes are expected to be free; always later than `now`."""
    if tenure.leaving is None:
        gang, held = tenure.gang, sum(count for _, count in tenure.nodes)
        # Workers that have ended hold nothing any more; the attempt has the size it began with.
        workers = min((size for size in gang.sizes if size >= held), default=gang.workers)
        return ends(at_size(gang.expected, gang.workers, workers), tenure.began, now)
    grace = Expectation(tenure.gone_by - tenure.leaving, Source.DECLARED, DECLARED_CONFIDENCE)
    return ends(grace, tenure.leaving, now)


def _same_place(known: Tenure, now: Tenure) -> bool:
    """Say whether two tenures are of one attempt of one job: the first was promised, the second is stored."""
    return (known.gang.uid, known.attempt) == (now.gang.uid, now.attempt)
