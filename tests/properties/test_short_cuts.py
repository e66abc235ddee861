"""Short cuts give the answers of the long way round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crosstree.core import fit
from crosstree.core.alike import shape_of
from crosstree.core.arrays import Int64, set_in
from crosstree.core.capacity import Trial
from crosstree.core.claims import Claims
from crosstree.core.horizon import Horizon, Reservation
from crosstree.core.placement.choose import best_set, weighed
from crosstree.core.placement.items import at_level
from crosstree.core.placement.need import Need, Packed
from crosstree.core.placement.pack import _select, pack, shortfall
from crosstree.core.plan import Forecast
from crosstree.core.policy import Order
from crosstree.core.quota import Accounts
from crosstree.core.roster import Roster
from crosstree.core.snapshot import Snapshot
from crosstree.core.topology import Fabric
from tests.properties.test_placement import fleets
from tests.properties.test_queues import CAPACITY, MODELS, NAMES, POOLS, QUEUES, held, trees
from tests.support.builders.core import a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running

EXAMPLES = settings(max_examples=200)


def drawn_slots(data: st.DataObject, most: int = 9) -> tuple[Fabric, Int64]:
    """Draw a fabric and what each of its nodes holds."""
    fabric = a_snapshot(data.draw(fleets())).pools[0].fabric
    count = len(fabric.levels[-1].names)
    return fabric, np.array(
        data.draw(st.lists(st.integers(0, most), min_size=count, max_size=count)), np.int64
    )


def assert_packed_as_walked(fabric: Fabric, slots: Int64, need: Need) -> None:
    """Assert that a gang goes where the walk through all levels leads."""
    nodes = at_level(fabric, len(fabric.levels) - 1, slots)
    walked = _select(nodes, need.workers, need.required, need.preferred)
    found = pack(fabric, slots, need)
    if isinstance(found, Packed):
        np.testing.assert_array_equal(found.counts, walked)
        np.testing.assert_array_equal(found.used, np.flatnonzero(walked))
    else:
        assert found == walked


@EXAMPLES
@given(st.data())
def test_one_worker_goes_where_the_walk_through_the_levels_leads(data):
    fabric, slots = drawn_slots(data)
    depths = st.none() | st.integers(0, len(fabric.levels) - 1)
    assert_packed_as_walked(fabric, slots, Need(1, required=data.draw(depths), preferred=data.draw(depths)))


@EXAMPLES
@given(st.data())
def test_what_stops_a_gang_is_what_stops_it_from_being_packed(data):
    fabric, slots = drawn_slots(data, most=3)
    deepest = len(fabric.levels) - 1
    depths, size = st.none() | st.integers(0, deepest), data.draw(st.integers(1, 3))
    need = Need(
        size * data.draw(st.integers(1, 5)),
        required=data.draw(depths),
        preferred=data.draw(depths),
        group_size=size,
        group_depth=None if size == 1 else data.draw(depths),
        atomic=data.draw(st.none() | st.integers(0, deepest)),
    )
    found = pack(fabric, slots, need)
    assert shortfall(fabric, slots, need) == (None if isinstance(found, Packed) else found)


@st.composite
def busy(draw: st.DrawFn) -> Snapshot:
    """Draw a pool with gangs on it, some of them on the same nodes."""
    snapshot = a_snapshot(draw(fleets()))
    free = dict.fromkeys(snapshot.names, 8)
    gangs = []
    for number in range(draw(st.integers(1, 8))):
        devices = draw(st.sampled_from((0, 1, 2, 4)))
        nodes = draw(st.sets(st.sampled_from(snapshot.names), min_size=1, max_size=4))
        nodes = sorted(name for name in nodes if free[name] >= devices)
        if nodes:
            for name in nodes:
                free[name] -= devices
            gang = a_gang(
                len(nodes), devices, name=f"r{number}", queue=draw(QUEUES), priority=draw(st.integers(-1, 2))
            )
            leaving, ends = draw(st.booleans()), draw(st.sampled_from((NOW + 60, NOW + 600, float("inf"))))
            gangs.append(running(gang, nodes, snapshot, leaving=leaving, ends=ends))
    return with_running(snapshot, *gangs)


@EXAMPLES
@given(busy(), st.data())
def test_gangs_give_back_together_what_they_give_back_one_by_one(snapshot, data):
    count = len(snapshot.running)
    going = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), np.bool_)
    one, other = Trial(snapshot), Trial(snapshot)
    roster = Roster.of(snapshot, NOW, ())
    pairs = going[roster.who]
    one.give_back(roster.rows[pairs], roster.takes[pairs], roster.columns[pairs])
    for at in np.flatnonzero(going).tolist():
        other.release(snapshot.running[at])
    np.testing.assert_array_equal(one.free, other.free)
    np.testing.assert_array_equal(one.grain, other.grain)
    one.rollback(0)
    np.testing.assert_array_equal(one.free, snapshot.free)
    np.testing.assert_array_equal(one.grain, snapshot.grain)


@EXAMPLES
@given(busy(), st.data())
def test_room_later_is_the_same_without_what_is_never_short(snapshot, data):
    pool = snapshot.pools[0]
    cpu = data.draw(st.sampled_from((1_000, 24_000, 50_000)))
    gang = a_gang(1, data.draw(st.sampled_from((1, 2, 8))), requests=(("cpu", cpu), ("pods", 1)))
    horizon = Horizon(Trial(snapshot), NOW)
    lean = horizon.lean(fit.request_of(gang, pool, snapshot.resources), pool)
    for at in (NOW, NOW + 60, NOW + 600, NOW + 6000):
        np.testing.assert_array_equal(
            horizon.slots_at(gang, pool, at, lean), horizon.slots_at(gang, pool, at)
        )


@st.composite
def reserved(draw: st.DrawFn, snapshot: Snapshot, cpu: int) -> Reservation:
    """Draw a place in the future, whoever is there then."""
    pool = snapshot.pools[0]
    rows = np.array(
        sorted(draw(st.sets(st.sampled_from(pool.nodes.tolist()), min_size=1, max_size=3))), np.int32
    )
    gang = a_gang(len(rows), draw(st.sampled_from((0, 1, 4))), requests=(("cpu", cpu), ("pods", 1)))
    since = NOW + draw(st.sampled_from((0.0, 60.0, 60.0, 600.0)))
    ends = since + draw(st.sampled_from((60.0, 540.0, 5000.0)))
    return Reservation(gang, pool.name, rows, np.ones(len(rows), np.int64), Forecast(since, 0.9), since, ends)


@EXAMPLES
@given(busy(), st.data())
def test_so_it_is_whatever_has_been_reserved_and_taken_since(snapshot, data):
    pool, trial = snapshot.pools[0], Trial(snapshot)
    cpu = data.draw(st.sampled_from((1_000, 24_000, 40_000)))
    gang = a_gang(1, data.draw(st.sampled_from((1, 2, 2, 8))), requests=(("cpu", cpu), ("pods", 1)))
    horizon = Horizon(trial, NOW)
    for _ in range(data.draw(st.integers(1, 4))):
        if data.draw(st.booleans()):
            horizon.hold(data.draw(reserved(snapshot, data.draw(st.sampled_from((1_000, cpu))))))
        else:
            alone = replace(gang, devices=0)  # it takes from what is beside the accelerators
            open_now = set_in(trial.usable_slots(alone, pool) > 0)[:2]
            trial.take(alone, pool, pool.nodes[open_now], np.ones(len(open_now), np.int64))
        lean = horizon.lean(fit.request_of(gang, pool, snapshot.resources), pool)
        for at in (NOW, NOW + 60, NOW + 600, NOW + 6000):
            np.testing.assert_array_equal(
                horizon.slots_at(gang, pool, at, lean), horizon.slots_at(gang, pool, at)
            )


def test_what_is_never_short_is_asked_anew_once_somebody_has_taken_of_it():
    snapshot = a_snapshot(a_pool(leaves=1, nodes=2))
    pool, trial = snapshot.pools[0], Trial(snapshot)
    horizon, gang = Horizon(trial, NOW), a_gang(1, 2, requests=(("cpu", 40_000), ("pods", 1)))
    request = fit.request_of(gang, pool, snapshot.resources)
    assert horizon.lean(request, pool).columns == ()
    trial.take(replace(gang, devices=0), pool, pool.nodes, np.ones(2, np.int64))
    assert horizon.slots_at(gang, pool, NOW, horizon.lean(request, pool)).tolist() == [3, 3]


@EXAMPLES
@given(busy(), st.data())
def test_a_reservation_leaves_what_those_before_and_after_it_do_not_take(snapshot, data):
    pool, trial, cpu = snapshot.pools[0], Trial(snapshot), snapshot.resources.index("cpu")
    horizon = Horizon(trial, NOW)
    made = [data.draw(reserved(snapshot, 1_000)) for _ in range(data.draw(st.integers(1, 5)))]
    for reservation in made:
        horizon.hold(reservation)
    entries = [(each, row) for each in made for row in each.rows.tolist()]
    left = [
        horizon.timeline.free_on(np.array([row]), each.since)[0, cpu]
        - sum(1_000 for other, at in entries if at == row and other.since <= each.since < other.ends)
        for each, row in entries
    ]
    request = fit.request_of(a_gang(1, 0, requests=(("cpu", 1),)), pool, snapshot.resources)
    found = horizon.held.slots(request, pool, np.arange(len(entries)))
    np.testing.assert_array_equal(found, left)


@EXAMPLES
@given(st.data())
def test_domains_alike_are_chosen_as_if_they_were_weighed(data):
    size = data.draw(st.integers(1, 5))
    capacity = np.array(
        data.draw(st.lists(st.sampled_from((0, size, size)), min_size=1, max_size=9)), np.int64
    )
    assume(capacity.any())
    need = data.draw(st.integers(1, int(capacity.sum())))
    np.testing.assert_array_equal(best_set(capacity, need, apart), weighed(capacity, need, apart))


@EXAMPLES
@given(st.data())
def test_domains_that_are_not_alike_are_weighed(data):
    capacity = np.array(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=9)), np.int64)
    assume(capacity.any())
    need = data.draw(st.integers(1, int(capacity.sum())))
    np.testing.assert_array_equal(best_set(capacity, need, apart), weighed(capacity, need, apart))


def apart(option: Int64) -> tuple[int, ...]:
    """Prefer domains that stand close together."""
    return (int(option[-1] - option[0]),)


@EXAMPLES
@given(trees(), held, held, st.integers(1, 40))
def test_answers_are_those_of_what_is_booked_now(specs, before, after, devices):
    books = Accounts(specs, (), CAPACITY)

    def answers() -> list[object]:
        return [
            (
                books.excess(name, model, devices),
                books.rank(name, (model,), devices),
                books.owing(name, model, devices),
            )
            for name in (*NAMES, "nobody")
            for model in MODELS
        ]

    for one in before:
        books.take(*one)
    first, mark = answers(), books.checkpoint()
    for one in after:
        books.take(*one)
    fresh = Accounts(specs, (), CAPACITY)
    for one in (*before, *after):
        fresh.take(*one)
    then = answers()
    books.rollback(mark)
    assert answers() == first
    books = fresh
    assert answers() == then


@EXAMPLES
@given(trees(), st.data())
def test_grounds_are_those_of_what_is_booked_now(specs, data):
    empty = a_snapshot(*POOLS)
    runs = []
    for number, name in enumerate(empty.names):
        gang = a_gang(1, name=f"r{number}", queue=data.draw(QUEUES), priority=data.draw(st.integers(0, 2)))
        runs.append(running(gang, [name], empty, pool=empty.pools[number >= len(empty.pools[0].nodes)].name))
    snapshot = with_running(empty, *runs, queues=specs)
    order = data.draw(st.sampled_from(Order))
    books = Accounts(specs, snapshot.running, CAPACITY)
    kept, marks = Claims(specs, snapshot.running, books, order), [books.checkpoint()]
    for step in range(8):
        match data.draw(st.integers(0, 2)):
            case 0:
                marks.append(books.checkpoint())
            case 1 if len(marks) > 1:
                books.rollback(marks.pop())
            case _:
                devices = data.draw(st.sampled_from((-8, 8, 16)))
                books.take(data.draw(QUEUES), data.draw(st.sampled_from(MODELS)), devices)
        gang = a_gang(1, name=f"w{step}", queue=data.draw(QUEUES), priority=data.draw(st.integers(0, 3)))
        asked = data.draw(st.sampled_from(MODELS)), data.draw(st.sampled_from((1, 8, 32)))
        answer = kept.on(gang, *asked, NOW)
        fresh = Claims(specs, snapshot.running, books, order).on(gang, *asked, NOW)
        for field in ("allowed", "stopped", "reclaimed"):
            np.testing.assert_array_equal(getattr(answer, field), getattr(fresh, field))


@EXAMPLES
@given(st.data())
def test_what_nodes_of_several_pools_hold_is_remembered_right(data):
    snapshot = a_snapshot(*POOLS)
    trial, marks = Trial(snapshot), [0]
    gangs = [a_gang(1, devices, name=f"g{devices}") for devices in (1, 2, 8)]
    for _ in range(12):
        gang, pool = data.draw(st.sampled_from(gangs)), data.draw(st.sampled_from(snapshot.pools))
        match data.draw(st.integers(0, 3)):
            case 0:
                marks.append(trial.checkpoint())
            case 1 if len(marks) > 1:
                trial.rollback(marks.pop())
            case _:
                free = np.flatnonzero(trial.open_slots(gang, pool))
                chosen = free[: data.draw(st.integers(0, len(free)))]
                trial.take(gang, pool, pool.nodes[chosen], np.ones(len(chosen), np.int64))
        fresh = Trial(replace(snapshot, free=trial.free.copy(), grain=trial.grain.copy()))
        for one in gangs:
            for where in snapshot.pools:
                np.testing.assert_array_equal(trial.slots(one, where), fresh.slots(one, where))
                np.testing.assert_array_equal(trial.usable_slots(one, where), fresh.usable_slots(one, where))


def test_a_gang_that_only_looks_like_another_has_its_own_shape():
    one = a_gang(name="a")
    assert shape_of(one) is shape_of(a_gang(name="b", queue="x"))
    assert shape_of(one) is not shape_of(replace(one, workers=one.workers + 1))


@EXAMPLES
@given(st.data())
def test_a_gang_that_one_node_holds_goes_where_the_walk_through_the_levels_leads(data):
    fabric, slots = drawn_slots(data)
    workers = data.draw(st.integers(1, 9))
    preferred = data.draw(st.none() | st.integers(0, len(fabric.levels) - 1))
    assert_packed_as_walked(fabric, slots, Need(workers, preferred=preferred))


@EXAMPLES
@given(st.data())
def test_items_left_in_question_hold_what_they_held_among_all(data):
    fabric, slots = drawn_slots(data)
    count, narrowest = len(slots), len(fabric.levels) - 1
    level = fabric.levels[depth := data.draw(st.integers(0, narrowest))]
    chosen = np.array(sorted(data.draw(st.sets(st.integers(0, level.size - 1), min_size=1))), np.int64)
    inside = np.where(np.isin(level.domain, chosen), slots, 0)
    assume(inside.any())
    items = at_level(fabric, narrowest, slots).only(depth, chosen)
    back = np.zeros(count, np.int64)
    back[items.index] = items.capacity
    np.testing.assert_array_equal(back, inside)
    for each in range(narrowest + 1):
        sums, held = items.sums(each), fabric.levels[each].total(inside)
        np.testing.assert_array_equal(sums[sums > 0], held[held > 0])
