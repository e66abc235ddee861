"""Random clusters with everything a snapshot can have: `recordings()` for properties, `a_busy_snapshot()` for one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from crosstree.core.accelerator import IntraNode, Rule
from crosstree.core.budgets import Charged, Stint, Tab
from crosstree.core.calendar import Booking
from crosstree.core.cluster import Admission, Selector
from crosstree.core.durations import Lesson
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.plan import NodeShare, Promise
from crosstree.core.policy import Policy
from crosstree.core.queues import ANY_MODEL, Budget, QueueSpec, Quota
from crosstree.core.record import Recording
from crosstree.core.running import Running
from crosstree.core.shapes import grain_of
from crosstree.core.snapshot import NodeState, Snapshot, SpareRule
from crosstree.core.workload import (
    Expectation,
    Footprint,
    Gang,
    NodeConstraint,
    Requirement,
    Source,
    Taint,
    Toleration,
)
from tests.support.builders.core import H100, PoolSpec, a_gang, a_snapshot

NOW = 1_700_000_000.25
ZONE = NodeConstraint(
    (("zone", "z0"),), ((Requirement("disk", "In", ("nvme", "ssd")),),), (Toleration("team", "Exists"),)
)
QUEUES = ("default", "research", "team-a", "team-b")
MI300 = "amd-mi300x"
MODEL = st.sampled_from((ANY_MODEL, H100))
USED = st.floats(0, 1e6)
AT = st.integers(-10_000, 10_000).map(lambda seconds: NOW + seconds)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[PoolSpec, ...]:
    leaves = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
    spines = st.lists(leaves, min_size=1, max_size=3).map(tuple)
    first = PoolSpec(
        spines=draw(spines), intra=draw(st.sampled_from((IntraNode(), IntraNode(Rule.GROUPS, 4))))
    )
    if draw(st.booleans()):
        return (first,)
    return (
        first,
        PoolSpec(spines=draw(spines), name="pool-mi300", model=MI300, vendor="amd", resource="amd.com/gpu"),
    )


@st.composite
def gangs(draw: st.DrawFn, name: str) -> Gang:
    size = draw(st.sampled_from((1, 1, 2, 4)))
    workers = size * draw(st.integers(1, 5))
    elastic = draw(st.booleans())
    expected = st.builds(
        Expectation,
        st.floats(1, 1e6, allow_nan=False),
        st.sampled_from(list(Source)),
        st.floats(0, 1),
        st.none() | st.floats(1, 1e6),
    )
    return a_gang(
        workers=workers,
        devices=draw(st.sampled_from((1, 2, 4, 8))),
        name=name,
        models=draw(st.sampled_from(((), (), (H100,), (MI300, H100)))),
        required=draw(st.sampled_from(("", "", "spine", "leaf"))),
        preferred=draw(st.sampled_from(("", "leaf"))),
        groups=(size, "leaf") if size > 1 and draw(st.booleans()) else None,
        priority=draw(st.integers(-1, 2)),
        created=NOW - draw(st.integers(0, 10_000)) / 8,
        queue=draw(st.sampled_from(QUEUES)),
        constraint=draw(st.sampled_from((NodeConstraint(), NodeConstraint(), ZONE))),
        sizes=tuple(range(workers, 0, -size)) if elastic else (),
        expected=draw(st.none() | expected),
    )


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Draw a cluster with running gangs that really hold what they hold, and everything else at random."""
    snapshot = a_snapshot(*draw(fleets()))
    names = snapshot.names
    free, grain = snapshot.free.copy(), snapshot.grain.copy()
    running: list[Running] = []
    for number in range(draw(st.integers(0, 5))):
        one = draw(holding(snapshot, free, grain, f"r{number}"))
        running += [one] if one is not None else []
    waiting = [draw(gangs(f"g{number}")) for number in range(draw(st.integers(0, 6)))]
    waiting = [draw(oddly(gang, snapshot, tuple(running))) for gang in waiting]
    state = np.array([draw(st.sampled_from((0, 0, 0, 0, 1, 2))) for _ in names], np.int8)
    admitted = {ZONE, *(gang.demands(pool.resource) for gang in waiting for pool in snapshot.pools)}
    masks = {
        one: np.array([draw(st.booleans()) or not one.selector for _ in names], np.bool_)
        for one in sorted(admitted)
    }
    quotas = st.lists(
        st.builds(
            Quota, st.sampled_from((ANY_MODEL, H100)), st.integers(0, 32), st.none() | st.integers(8, 64)
        ),
        max_size=2,
        unique_by=lambda quota: quota.model,
    )
    budgets = st.lists(
        st.builds(Budget, MODEL, USED, AT, st.none() | st.sampled_from((60.0, 86_400.0))),
        max_size=2,
        unique_by=lambda budget: budget.model,
    )
    calendar = st.lists(
        st.builds(
            Booking,
            st.sampled_from(("monday", "week")),
            st.sampled_from((H100, MI300)),
            st.integers(1, 64),
            AT,
            st.sampled_from((60.0, 3600.0)),
            st.none() | st.just(7200.0),
            st.none() | AT,
        ),
        max_size=2,
        unique_by=lambda booking: booking.name,
    )
    queues = tuple(
        QueueSpec(
            name,
            draw(st.sampled_from(("", "research"))) if name != "research" else "",
            draw(st.sampled_from((1.0, 0.5, 3.0))),
            tuple(draw(quotas)),
            draw(st.sampled_from(((), ((MI300, 0.75),)))),
            calendar=tuple(draw(calendar)),
            budgets=tuple(draw(budgets)),
        )
        for name in QUEUES
        if draw(st.booleans())
    )
    tab = Tab(
        tuple(draw(st.lists(st.builds(Charged, st.sampled_from(QUEUES), MODEL, USED, AT, AT), max_size=3))),
        tuple(
            draw(
                st.lists(st.builds(Stint, st.sampled_from(QUEUES), MODEL, st.integers(1, 64), AT), max_size=3)
            )
        ),
    )
    made = replace(
        snapshot,
        tab=tab,
        generation=draw(st.integers(1, 1 << 40)),
        free=free,
        grain=grain,
        state=state,
        gangs=tuple(waiting),
        masks=masks,
        running=tuple(sorted(running, key=lambda one: one.gang.key)),
        queues=queues,
        manners=Manners(
            draw(st.sampled_from(list(Backfill))),
            draw(st.sampled_from(list(Preemption))),
            draw(st.floats(0, 900)),
        ),
        suspect=draw(st.none() | st.just(np.arange(len(names)) % 3 == 0)),
        spares=draw(st.none() | st.builds(SpareRule, st.integers(1, 2), st.sampled_from(("spine", "leaf")))),
        capacity=draw(st.none() | st.just(snapshot.allocatable + 1)),
        signal=draw(st.none() | st.just((np.arange(len(names)) % 2).astype(np.int32))),
        signals=("", "KernelDeadlock"),
    )
    labelled = draw(st.booleans())
    return Recording(
        made,
        Policy(max_message=draw(st.integers(200, 500))),
        NOW,
        "1.2.3",
        tuple({"zone": f"z{at % 2}", **({"disk": "nvme"} if at % 3 else {})} for at in range(len(names)))
        if labelled
        else (),
        tuple((Taint("team", "a", "NoSchedule"),) if at % 2 else () for at in range(len(names)))
        if labelled
        else (),
        {"high": 1000, "low": -5},
        {"team-a": (Lesson("train-#", 3, 2, (3600, 4000), NOW - 60, (50, 55)),)} if labelled else {},
        {"team-a": Admission(Selector((("team", "a"),), (Requirement("tier", "Exists"),)), 5, 100)}
        if labelled
        else {},
        {"research": {"team": "a"}, "default": {}} if labelled else {},
    )


@st.composite
def holding(
    draw: st.DrawFn, snapshot: Snapshot, free: np.ndarray, grain: np.ndarray, name: str
) -> Running | None:
    """Put a gang on nodes of one pool that have room for a worker; None where there are none."""
    gang = draw(gangs(name))
    pool = draw(st.sampled_from(snapshot.pools))
    room = [row for row in pool.nodes.tolist() if free[row, pool.column] >= gang.devices]
    if not room:
        return None
    rows = np.array(sorted(draw(st.sets(st.sampled_from(room), min_size=1, max_size=4))), np.int32)
    free[rows, pool.column] -= gang.devices
    for resource, amount in gang.requests:
        free[rows, snapshot.resources.index(resource)] -= amount
    grain[rows] = np.minimum(grain[rows], grain_of(gang.devices))
    began = NOW - draw(st.integers(0, 5000))
    gang = replace(gang, workers=max(len(rows), 1), groups=None, sizes=())
    return Running(
        gang,
        pool.name,
        pool.profile.id,
        rows,
        np.ones(len(rows), np.int64),
        began,
        draw(st.sampled_from((math.inf, NOW + 60, NOW + 3600.5))),
        began + draw(st.integers(0, 10)),
        leaving=draw(st.sampled_from((False, False, True))),
    )


@st.composite
def oddly(draw: st.DrawFn, gang: Gang, snapshot: Snapshot, running: tuple[Running, ...]) -> Gang:
    """Give a gang what only its past gives it: nodes it avoids, a place it had, a place promised to it."""
    pool = snapshot.pools[0]
    nodes = [snapshot.names[row] for row in pool.nodes.tolist()]
    match draw(st.integers(0, 4)):
        case 0:
            return replace(gang, avoid=(draw(st.sampled_from(nodes)), "gone"))
        case 1:
            return replace(
                gang,
                recovering=True,
                before=Footprint(pool.name, ((draw(st.sampled_from(nodes)), gang.workers),)),
            )
        case 2 if running:
            share = NodeShare(draw(st.sampled_from(nodes)), 0, gang.workers)
            victims = (draw(st.sampled_from(running)).gang.uid,)
            return replace(gang, promise=Promise(pool.name, (share,), victims, NOW + 300))
        case _:
            return gang


def closed(snapshot: Snapshot, node: str) -> Snapshot:
    """Return the snapshot with one node cordoned."""
    state = snapshot.state.copy()
    state[snapshot.names.index(node)] = NodeState.CORDONED
    return replace(snapshot, state=state)
