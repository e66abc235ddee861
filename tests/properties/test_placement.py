"""What must hold for every fleet and every gang, however odd: thousands of random ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.core.accelerator import Cross, IntraNode, Rule
from crosstree.core.capacity import Trial
from crosstree.core.cycle import run_cycle
from crosstree.core.desk import open_desk
from crosstree.core.line import in_order
from crosstree.core.manners import Backfill, Manners
from crosstree.core.places import place
from crosstree.core.plan import Place, Plan, Rung
from crosstree.core.policy import Policy
from crosstree.core.snapshot import NodeState, Snapshot, SpareRule
from crosstree.core.spares import ready
from crosstree.core.workload import Footprint, Gang
from tests.support.builders.core import PoolSpec, a_gang, a_snapshot

LEVELS = ("spine", "leaf", "node")
RULES = (
    IntraNode(),
    IntraNode(Rule.GROUPS, 4, Cross.FORBID, (1, 2, 4, 8)),
    IntraNode(Rule.GROUPS, 2, Cross.PENALISE),
    IntraNode(Rule.FULL_NODE),
    IntraNode(legal=(1, 2, 4, 8)),
)
EXAMPLES = settings(max_examples=400)


@st.composite
def fleets(draw: st.DrawFn) -> PoolSpec:
    leaves = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
    spines = draw(st.lists(leaves, min_size=1, max_size=4).map(tuple))
    return PoolSpec(spines=spines, intra=draw(st.sampled_from(RULES)))


@st.composite
def gangs(draw: st.DrawFn, number: int = 0) -> Gang:
    size = draw(st.sampled_from((1, 1, 2, 3, 4)))
    workers = size * draw(st.integers(1, 6))
    grouped = size > 1 and draw(st.booleans())
    return a_gang(
        workers=workers,
        devices=draw(st.sampled_from((1, 2, 4, 8))),
        name=f"g{number}",
        required=draw(st.sampled_from(("", "", *LEVELS))),
        preferred=draw(st.sampled_from(("", "", "spine", "leaf"))),
        groups=(size, draw(st.sampled_from(("spine", "leaf")))) if grouped else None,
        priority=draw(st.integers(0, 2)),
        created=float(draw(st.integers(0, 5))),
    )


@st.composite
def broken(draw: st.DrawFn, gang: Gang, names: tuple[str, ...]) -> Gang:
    """Give some gangs a place that they had; the fabric may have been relabelled since, so any nodes will do."""
    if not draw(st.booleans()):
        return gang
    had = Counter(draw(st.lists(st.sampled_from(names), min_size=gang.workers, max_size=gang.workers)))
    return replace(gang, recovering=True, before=Footprint("pool-h100", tuple(sorted(had.items()))))


@st.composite
def snapshots(draw: st.DrawFn, most: int = 6) -> Snapshot:
    spec = draw(fleets())
    names = a_snapshot(spec).names
    waiting = [draw(broken(draw(gangs(number)), names)) for number in range(draw(st.integers(1, most)))]
    used = draw(
        st.dictionaries(st.sampled_from(names), st.sampled_from((1, 2, 4, 8, 8)), max_size=len(names))
    )
    states = draw(st.dictionaries(st.sampled_from(names), st.sampled_from(list(NodeState)), max_size=3))
    snapshot = a_snapshot(spec, gangs=waiting, used=used, states=states)
    marked = draw(st.none() | st.lists(st.booleans(), min_size=len(names), max_size=len(names)))
    spares = draw(st.none() | st.builds(SpareRule, st.integers(1, 2), st.sampled_from(LEVELS)))
    return replace(snapshot, suspect=None if marked is None else np.array(marked), spares=spares)


def places(plan: Plan) -> list[Place]:
    return [decision for decision in plan.decisions if isinstance(decision, Place)]


def counts_of(snapshot: Snapshot, decision: Place) -> np.ndarray:
    """Workers per node in pool order."""
    row = {name: position for position, name in enumerate(snapshot.names)}
    counts = np.zeros(len(snapshot.names), np.int64)
    for share in decision.nodes:
        counts[row[share.name]] += share.count
    return counts[snapshot.pools[0].nodes]


@EXAMPLES
@given(snapshots())
def test_no_plan_takes_more_than_is_free_or_uses_a_node_it_must_not(snapshot):
    free = snapshot.free.copy()
    by_key = {gang.key: gang for gang in snapshot.gangs}
    rows = {name: row for row, name in enumerate(snapshot.names)}
    for decision in places(run_cycle(snapshot, Policy(), 0.0)):
        gang = by_key[decision.key]
        for share in decision.nodes:
            row = rows[share.name]
            assert snapshot.state[row] == NodeState.USABLE
            free[row, snapshot.pools[0].column] -= share.count * gang.devices
            for resource, amount in gang.requests:
                free[row, snapshot.resources.index(resource)] -= share.count * amount
            assert (free[row] >= 0).all()


@EXAMPLES
@given(snapshots())
def test_every_gang_is_placed_whole_or_not_at_all(snapshot):
    plan = run_cycle(snapshot, Policy(), 0.0)
    by_key = {gang.key: gang for gang in snapshot.gangs}
    assert sorted(decision.key for decision in plan.decisions) == sorted(by_key)
    for decision in places(plan):
        indices = [i for share in decision.nodes for i in range(share.first, share.first + share.count)]
        assert indices == list(range(by_key[decision.key].workers))


@EXAMPLES
@given(snapshots())
def test_required_level_and_groups_are_never_violated(snapshot):
    by_key = {gang.key: gang for gang in snapshot.gangs}
    fabric = snapshot.pools[0].fabric
    for decision in places(run_cycle(snapshot, Policy(), 0.0)):
        gang, counts = by_key[decision.key], counts_of(snapshot, decision)
        node_of = np.repeat(np.arange(len(counts)), counts)
        if gang.required:
            domain = fabric.levels[fabric.depth(gang.required)].domain
            assert len(set(domain[node_of])) == 1
        if gang.groups:
            domain = fabric.levels[fabric.depth(gang.groups.level)].domain[node_of]
            for first in range(0, gang.workers, gang.groups.size):
                assert len(set(domain[first : first + gang.groups.size])) == 1


@EXAMPLES
@given(snapshots())
def test_spares_are_whole_free_nodes_and_only_gangs_that_recover_get_them(snapshot):
    pool = snapshot.pools[0]
    spare = ready(snapshot, pool)
    free = snapshot.free[pool.nodes, pool.column] == snapshot.allocatable[pool.nodes, pool.column]
    assert not (spare & ~(free & (snapshot.state[pool.nodes] == NodeState.USABLE))).any()
    if snapshot.spares is not None:
        level = pool.fabric.levels[pool.fabric.depth(snapshot.spares.level)]
        assert (level.total(spare.astype(np.int64)) <= snapshot.spares.per_domain).all()
    by_key = {gang.key: gang for gang in snapshot.gangs}
    for decision in places(run_cycle(snapshot, Policy(), 0.0)):
        if not by_key[decision.key].recovering:
            assert not (spare & (counts_of(snapshot, decision) > 0)).any()


@EXAMPLES
@given(snapshots())
def test_a_suspect_node_is_used_only_by_gangs_that_would_not_fit_without_it(snapshot):
    if snapshot.suspect is None:
        return
    first = in_order(snapshot.gangs)[0]
    alone = replace(snapshot, gangs=(first,))
    found = places(run_cycle(alone, Policy(), 0.0))
    closed = np.where(snapshot.suspect, NodeState.CORDONED, snapshot.state).astype(np.int8)
    without = places(run_cycle(replace(alone, state=closed), Policy(), 0.0))
    if without and first.before is None:
        assert [one.nodes for one in found] == [one.nodes for one in without]


def fewest_by_trying(capacity: list[int], need: int) -> int:
    """Brute force: the smallest set of domains that holds the need."""
    for size in range(1, len(capacity) + 1):
        if any(sum(chosen) >= need for chosen in combinations(capacity, size)):
            return size
    raise AssertionError("it does not fit at all")


@EXAMPLES
@given(
    fleets(),
    st.integers(1, 20),
    st.sampled_from((1, 2, 4, 8)),
    st.sampled_from(("", "spine", "leaf")),
    st.data(),
)
def test_single_gang_uses_the_lower_bound_of_domains(spec, workers, devices, preferred, data):
    names = a_snapshot(spec).names
    used = data.draw(st.dictionaries(st.sampled_from(names), st.just(8), max_size=len(names)))
    snapshot = a_snapshot(
        spec, used=used, gangs=[a_gang(workers=workers, devices=devices, preferred=preferred)]
    )
    found = places(run_cycle(snapshot, Policy(), 0.0))
    pool = snapshot.pools[0]
    slots = Trial(snapshot).slots(snapshot.gangs[0], pool)
    if slots.sum() < workers:
        assert not found
        return
    counts = counts_of(snapshot, found[0])
    level = pool.fabric.levels[pool.fabric.depth(preferred or "spine")]
    bound = fewest_by_trying(list(level.total(slots)), workers)
    assert len(set(level.domain[counts > 0])) == bound
    spans = {span.level: span for span in found[0].spans}
    assert (spans[level.name].domains, spans[level.name].lower_bound) == (bound, bound)
    for span in found[0].spans:
        held = list(pool.fabric.levels[pool.fabric.depth(span.level)].total(slots))
        assert span.lower_bound == fewest_by_trying(held, workers) <= span.domains


@EXAMPLES
@given(snapshots())
def test_gang_that_waits_really_does_not_fit(snapshot):
    snapshot = replace(snapshot, manners=Manners(backfill=Backfill.NONE))
    plan = run_cycle(snapshot, Policy(), 0.0)
    desk = open_desk(snapshot, Policy(), 0.0)
    trial = desk.trial
    placed = {decision.key for decision in places(plan)}
    ordered = in_order(snapshot.gangs)
    for gang in ordered:
        assert (place(gang, desk) is not None) is (gang.key in placed)
    for gang in ordered:
        if gang.key not in placed and not gang.required and not gang.groups:
            total = int(trial.open_slots(gang, snapshot.pools[0]).sum())
            assert total < gang.workers


@EXAMPLES
@given(snapshots())
def test_rollback_restores_every_number(snapshot):
    desk = open_desk(snapshot, Policy(), 0.0)
    trial = desk.trial
    gangs_in_turn = list(snapshot.gangs)
    place(gangs_in_turn[0], desk)
    mark, free, grain = trial.checkpoint(), trial.free.copy(), trial.grain.copy()
    slots = [trial.slots(gang, snapshot.pools[0]).copy() for gang in gangs_in_turn]
    usable = [trial.usable_slots(gang, snapshot.pools[0]).copy() for gang in gangs_in_turn]
    for gang in gangs_in_turn:
        place(gang, desk)
    trial.rollback(mark)
    assert (trial.free == free).all()
    assert (trial.grain == grain).all()
    for gang, before in zip(gangs_in_turn, slots, strict=True):
        assert (trial.slots(gang, snapshot.pools[0]) == before).all()
    for gang, before in zip(gangs_in_turn, usable, strict=True):
        assert (trial.usable_slots(gang, snapshot.pools[0]) == before).all()


@EXAMPLES
@given(snapshots())
def test_remembered_slots_equal_slots_computed_afresh(snapshot):
    desk = open_desk(snapshot, Policy(), 0.0)
    trial, pool = desk.trial, snapshot.pools[0]
    for gang in snapshot.gangs:
        place(gang, desk)
        fresh = Trial(replace(snapshot, free=trial.free.copy(), grain=trial.grain.copy()))
        for other in snapshot.gangs:
            slots = fresh.slots(other, pool)
            assert (trial.slots(other, pool) == slots).all()
            assert (trial.usable_slots(other, pool) == np.where(trial.allowed(other, pool), slots, 0)).all()


@EXAMPLES
@given(snapshots(), st.randoms(use_true_random=False))
def test_same_snapshot_gives_the_same_plan_in_whatever_order_gangs_arrive(snapshot, random):
    shuffled = list(snapshot.gangs)
    random.shuffle(shuffled)
    assert run_cycle(snapshot, Policy(), 0.0) == run_cycle(
        replace(snapshot, gangs=tuple(shuffled)), Policy(), 0.0
    )


@EXAMPLES
@given(snapshots())
def test_order_in_which_nodes_are_listed_changes_nothing(snapshot):
    backwards = np.arange(len(snapshot.names))[::-1]
    position = np.argsort(backwards)
    pool = snapshot.pools[0]
    turned = replace(
        snapshot,
        names=tuple(snapshot.names[i] for i in backwards),
        allocatable=snapshot.allocatable[backwards],
        free=snapshot.free[backwards],
        state=snapshot.state[backwards],
        grain=snapshot.grain[backwards],
        suspect=None if snapshot.suspect is None else snapshot.suspect[backwards],
        pools=(replace(pool, nodes=position[pool.nodes].astype(np.int32)),),
    )
    assert run_cycle(snapshot, Policy(), 0.0) == run_cycle(turned, Policy(), 0.0)


@EXAMPLES
@given(snapshots())
def test_every_wait_has_a_bounded_sentence(snapshot):
    for decision in run_cycle(snapshot, Policy(max_message=300), 0.0).decisions:
        if not isinstance(decision, Place):
            assert 20 < len(decision.message) <= 300


@EXAMPLES
@given(fleets(), gangs(), st.data())
def test_a_gang_that_lost_nodes_leaves_a_good_one_only_for_its_demands_or_a_better_place(spec, gang, data):
    first = places(run_cycle(a_snapshot(spec, gangs=[gang]), Policy(), 0.0))
    if not first:
        return
    had = {share.name: share.count for share in first[0].nodes}
    gone = data.draw(st.sets(st.sampled_from(sorted(had))))
    gang = replace(gang, recovering=True, before=Footprint("pool-h100", tuple(had.items())))
    states = dict.fromkeys(gone, NodeState.NOT_READY)
    again = places(run_cycle(a_snapshot(spec, gangs=[gang], states=states), Policy(), 0.0))
    if not gone:
        assert again[0].rung in (Rung.SAME_NODES, Rung.MOVED if gang.preferred else Rung.SAME_NODES)
    for one in again:
        has = {share.name: share.count for share in one.nodes}
        assert not gone & has.keys()
        if one.rung is Rung.REPLACED and not gang.groups:
            assert all(has.get(name, 0) >= count for name, count in had.items() if name not in gone)
