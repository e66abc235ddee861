"""What must hold for elastic gangs in every load: legal sizes, limits kept, and no end of restarts without a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.base.clock import VirtualClock
from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Manners
from crosstree.core.plan import Place, Resize
from crosstree.core.policy import Policy
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.snapshot import NodeState, Snapshot
from crosstree.core.workload import Expectation, Gang, Source
from crosstree.sim.cluster import SimulatedCluster
from crosstree.sim.inventory import NodeFact, inventory
from crosstree.sim.runtime import Runtime

BEGIN = 1_000_000.0
STEP = 300.0
"""Seconds between two looks."""
MODEL = "nvidia-h100-sxm"
EXAMPLES = settings(max_examples=30, deadline=None)


def a_cluster(nodes: int, limit: int | None) -> SimulatedCluster:
    facts = [
        NodeFact(f"n{node:02d}", MODEL, 8, f"leaf{node // 4}", f"spine{node // 8}") for node in range(nodes)
    ]
    return SimulatedCluster(
        inventory(facts),
        VirtualClock(BEGIN),
        runtime=Runtime(checkpoint=600.0),
        queues=(QueueSpec("default", quotas=(Quota(ANY_MODEL, limit=limit),)),),
        manners=Manners(min_runtime=600.0),
    )


@st.composite
def gangs(draw: st.DrawFn, number: int) -> tuple[Gang, float]:
    """A gang and its hours of work; every other one is elastic, in steps of whole groups."""
    group = draw(st.sampled_from((1, 1, 2)))
    least, steps = draw(st.integers(1, 4)), draw(st.integers(0, 5))
    sizes = tuple(group * size for size in range(least + steps, least - 1, -1))
    hours = draw(st.sampled_from((0.5, 2.0, 10.0, 50.0)))
    gang = Gang(
        key=f"default/g{number}",
        uid=f"g{number}",
        workers=sizes[0],
        devices=draw(st.sampled_from((4, 8))),
        priority=draw(st.sampled_from((0, 0, 0, 10))),
        created=BEGIN + number,
        required=draw(st.sampled_from(("", "", "leaf"))) if sizes[0] <= 4 else "",
        sizes=sizes if len(sizes) > 1 else (),
        expected=draw(st.none() | st.just(Expectation(hours * 3600, Source.DECLARED, 0.9))),
    )
    return gang, hours * 3600


@st.composite
def loads(draw: st.DrawFn) -> list[tuple[Gang, float]]:
    return [draw(gangs(number)) for number in range(draw(st.integers(1, 8)))]


def step(cluster: SimulatedCluster) -> tuple[Snapshot, list[Place | Resize]]:
    """Decide once, carry it out, and let some time pass."""
    (snapshot,) = cluster.view()
    plan = run_cycle(snapshot, Policy(), cluster.clock.now())
    cluster.apply(plan)
    cluster.advance(cluster.clock.now() + STEP)
    return snapshot, [one for one in plan.decisions if isinstance(one, Place | Resize)]


@EXAMPLES
@given(loads(), st.none() | st.integers(8, 96), st.lists(st.integers(0, 11), max_size=3))
def test_sizes_are_legal_and_within_limits_at_every_moment(load, limit, broken):
    cluster = a_cluster(12, limit)
    for gang, work in load:
        cluster.submit(gang, work)
    legal = {gang.uid: gang.sizes or (gang.workers,) for gang, _ in load}
    for turn in range(40):
        if turn == 10:
            for node in broken:
                cluster.set_state(f"n{node:02d}", NodeState.NOT_READY)
        if turn == 25:
            for node in broken:
                cluster.set_state(f"n{node:02d}", NodeState.USABLE)
        snapshot, decisions = step(cluster)
        for one in decisions:
            assert one.workers in legal[one.uid]
        held = sum(one.devices for one in snapshot.running)
        assert limit is None or held <= limit
        assert all(one.workers in legal[one.gang.uid] for one in snapshot.running)


@EXAMPLES
@given(loads())
def test_under_a_constant_load_gangs_come_to_rest(load):
    # Nothing ends: whatever is resized is so because of the load, which does not change any more.
    cluster = a_cluster(12, None)
    for gang, _ in load:
        cluster.submit(gang, 1e9)
    moved: Counter[str] = Counter()
    for _ in range(40):
        moved.update(one.uid for one in step(cluster)[1] if isinstance(one, Resize))
    assert all(count <= 3 for count in moved.values()), moved
    for _ in range(20):
        assert [one for one in step(cluster)[1] if isinstance(one, Resize)] == []


@EXAMPLES
@given(loads())
def test_a_gang_that_may_grow_leaves_nothing_idle_that_it_could_use(load):
    cluster = a_cluster(12, None)
    for gang, _ in load:
        cluster.submit(replace(gang, expected=None), 1e9)
    for _ in range(50):
        step(cluster)
    (snapshot,) = cluster.view()
    if snapshot.gangs:
        return
    free = int((snapshot.free[:, 0] // 8).sum())
    for one in snapshot.running:
        larger = [size for size in one.gang.sizes if size > one.workers]
        if larger and not one.gang.required and one.gang.devices == 8:
            assert larger[-1] - one.workers > free, (one.gang.key, one.workers, free)
