"""Queues, reservations and guarantees under `crosstree bench placement`: the fleets that S2 and S12 are measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from crosstree.core.plan import Place, Plan
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.synthetic import Fleet, gang, snapshot
from crosstree.core.workload import Expectation, Gang, Source

PARENTS, LEAVES = 10, 40
"""Queues of S2: so many at the root, and so many below them in turn."""

LENT, HOLDERS = 4000, 50
"""Accelerators of S12 that a queue lent, and gangs that hold them."""

LONG_AGO = -7200.0


def tree(accelerators: int) -> tuple[QueueSpec, ...]:
    """Return 50 queues that guarantee four fifths of a fleet; each may hold all of it."""
    share = accelerators * 4 // 5
    above = [QueueSpec(f"p{at}", quotas=(Quota(ANY_MODEL, share // PARENTS),)) for at in range(PARENTS)]
    below = [
        QueueSpec(f"q{at}", f"p{at % PARENTS}", quotas=(Quota(ANY_MODEL, share // LEAVES, accelerators),))
        for at in range(LEAVES)
    ]
    return (*above, *below)


def in_queues(gangs: Sequence[Gang]) -> tuple[Gang, ...]:
    """Spread gangs over the queues; each says how long it runs, so that reservations can rest on it."""
    return tuple(
        replace(one, queue=f"q{at % LEAVES}", expected=Expectation(3600.0 + at % 977, Source.DECLARED, 0.9))
        for at, one in enumerate(gangs)
    )


def started(before: Snapshot, plan: Plan, gangs: Mapping[str, Gang], now: float) -> tuple[Running, ...]:
    """Return the gangs that a plan starts, as they run then."""
    rows = {name: row for row, name in enumerate(before.names)}
    found = []
    for place in plan.decisions:
        if isinstance(place, Place):
            one = gangs[place.key]
            seconds = one.expected.seconds if one.expected is not None else np.inf
            found.append(
                Running(
                    gang=one,
                    pool=place.pool,
                    model=place.model,
                    rows=np.array([rows[share.name] for share in place.nodes], np.int32),
                    counts=np.array([share.count for share in place.nodes], np.int64),
                    began=now,
                    ends=now + seconds,
                    saved=now,
                )
            )
    return tuple(found)


def lent_out(fleet: Fleet) -> Snapshot:
    """Return a full fleet of which one queue borrowed `LENT` accelerators from another that wants them back at once.

    Everybody else runs within a guarantee. The fleet has to have more accelerators than are lent.
    """
    each, size = fleet.per_node, LENT // HOLDERS // fleet.per_node
    empty = snapshot(replace(fleet, fill=0.0))
    pool = empty.pools[0]

    def run(name: str, queue: str, first: int) -> Running:
        one = replace(gang(name, size, each), queue=queue)
        rows = pool.nodes[first : first + size]
        counts = np.ones(len(rows), np.int64)
        return Running(one, pool.name, pool.profile.id, rows, counts, LONG_AGO, np.inf, LONG_AGO)

    # The lent nodes are spread over the fleet: a block of every so many.
    blocks = fleet.nodes // size
    lent = {at * blocks // HOLDERS for at in range(HOLDERS)}
    running = [run(f"r{at:05d}", "borrower" if at in lent else "owner", at * size) for at in range(blocks)]
    free = empty.free.copy()
    held = np.concatenate([one.rows for one in running])
    free[held, 0] = 0
    free[held, 3] -= 1
    free[np.setdiff1d(pool.nodes, held), 0] = 0
    kept = (blocks - HOLDERS) * size * each
    queues = (
        QueueSpec("borrower"),
        QueueSpec("owed", quotas=(Quota(ANY_MODEL, LENT),)),
        QueueSpec("owner", quotas=(Quota(ANY_MODEL, kept),)),
    )
    wants = replace(gang("back", LENT // each, each), queue="owed")
    ordered = tuple(sorted(running, key=lambda one: one.gang.key))
    return replace(empty, free=free, queues=queues, running=ordered, gangs=(wants,))
