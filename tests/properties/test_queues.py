"""What must hold for every queue tree, right or wrong, and whatever is taken from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.core.cycle import run_cycle
from crosstree.core.line import line
from crosstree.core.plan import Place
from crosstree.core.policy import Policy
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.queuetree import tree_of
from crosstree.core.quota import Accounts
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.queues import a_queue, owed

MI300 = "amd-mi300x"
MODELS = (H100, MI300)
CAPACITY = {H100: 128, MI300: 64}
NAMES = tuple(f"q{number}" for number in range(7))
QUEUES = st.sampled_from((*NAMES, "nobody"))
POOLS = (
    a_pool(leaves=2, nodes=4),
    a_pool(leaves=1, nodes=4, name="pool-amd", model=MI300, resource="amd.com/gpu"),
)
EXAMPLES = settings(max_examples=100)
SLOW = settings(max_examples=15)
"""For those that run many cycles an example."""


@st.composite
def quotas(draw: st.DrawFn) -> tuple[Quota, ...]:
    found = []
    for model in draw(st.sets(st.sampled_from((*MODELS, ANY_MODEL)))):
        guaranteed = draw(st.integers(0, 40))
        limit = draw(st.none() | st.integers(guaranteed, 100))
        found.append(Quota(model, guaranteed, limit))
    return tuple(sorted(found, key=lambda quota: quota.model))


@st.composite
def trees(draw: st.DrawFn, *, sound: bool = False) -> tuple[QueueSpec, ...]:
    """Draw queues; unless they are sound, some have an unknown parent, or are their own ancestor."""
    specs = []
    for at, name in enumerate(NAMES[: draw(st.integers(1, len(NAMES)))]):
        above = ("", *NAMES[:at]) if sound else ("", "gone", *(one for one in NAMES if one != name))
        specs.append(
            QueueSpec(
                name,
                draw(st.sampled_from(above)),
                draw(st.sampled_from((0.5, 1.0, 3.0))),
                draw(quotas()),
                draw(st.sampled_from(((), ((MI300, 0.6),)))),
            )
        )
    return tuple(specs)


bookings = st.lists(st.tuples(QUEUES, st.sampled_from(MODELS), st.integers(-20, 40)), max_size=20)
held = st.lists(st.tuples(QUEUES, st.sampled_from(MODELS), st.integers(1, 40)), max_size=20)
waiting = st.lists(
    st.tuples(QUEUES, st.integers(1, 4), st.sampled_from((1, 8)), st.integers(0, 2)), max_size=12
)


def gangs_of(asked: Iterable[tuple[str, int, int, int]]) -> list[Gang]:
    return [
        a_gang(workers, devices, name=f"g{at}", queue=queue, priority=priority, created=float(at % 3))
        for at, (queue, workers, devices, priority) in enumerate(asked)
    ]


def holds(books: Accounts) -> dict[tuple[str, str], int]:
    """What every queue itself holds."""
    return {(queue, model): books.held(queue, model) for queue in (*NAMES, "nobody") for model in MODELS}


def page(books: Accounts, queue: str) -> object:
    return books.usage(queue), books.share(queue), [books.room(queue, model) for model in MODELS]


@EXAMPLES
@given(trees(), bookings)
def test_every_accelerator_is_booked_to_one_queue_and_to_all_above_it(specs, taken):
    books = Accounts(specs, (), CAPACITY)
    own: Counter[tuple[str, str]] = Counter()
    for queue, model, devices in taken:
        books.take(queue, model, devices)
        own[queue, model] += devices
    assert holds(books) == {key: own[key] for key in holds(books)}
    tree = tree_of(specs)
    for spec in specs:
        below = tree.below(spec.name)
        for row in books.usage(spec.name):
            if row.model != ANY_MODEL:
                assert row.held == sum(own[queue, row.model] for queue in below)


@EXAMPLES
@given(trees(), bookings, bookings)
def test_a_rollback_restores_every_answer(specs, before, after):
    books = Accounts(specs, (), CAPACITY)
    for one in before:
        books.take(*one)
    seen = [page(books, name) for name in NAMES]
    mark = books.checkpoint()
    for one in after:
        books.take(*one)
    books.rollback(mark)
    assert [page(books, name) for name in NAMES] == seen


@EXAMPLES
@given(trees(), held, st.randoms(use_true_random=False))
def test_answers_depend_on_what_is_held_and_not_on_the_order_it_was_taken_in(specs, taken, chance):
    one, other = Accounts(specs, (), CAPACITY), Accounts(tuple(reversed(specs)), (), CAPACITY)
    for booking in taken:
        one.take(*booking)
    for booking in chance.sample(taken, len(taken)):
        other.take(*booking)
    assert [page(one, name) for name in NAMES] == [page(other, name) for name in NAMES]


@EXAMPLES
@given(trees(), held, st.sampled_from((0.1, 0.6, 4.0)))
def test_no_share_is_less_than_that_of_all_models_added_up_and_rates_change_none(specs, taken, rate):
    """Unless a guarantee over all models is in it: rates say how far that reaches."""
    plain = tuple(
        replace(spec, rates=(), quotas=tuple(one for one in spec.quotas if one.model != ANY_MODEL))
        for spec in specs
    )
    books = Accounts(plain, (), CAPACITY)
    rated = Accounts([replace(spec, rates=((MI300, rate),)) for spec in plain], (), CAPACITY)
    for one in taken:
        books.take(*one)
        rated.take(*one)
    for spec in plain:
        assert rated.share(spec.name) == pytest.approx(books.share(spec.name))
        above = {row.model: row.borrowed for row in books.usage(spec.name)}
        together = sum(above.values()) / sum(CAPACITY.values()) / spec.weight
        assert books.share(spec.name) >= together - 1e-9


@EXAMPLES
@given(trees(), held, QUEUES, QUEUES, st.sampled_from(MODELS))
def test_who_is_owed_stays_within_its_guarantee_and_who_owes_is_above(specs, taken, owner, borrower, model):
    books = Accounts(specs, (), CAPACITY)
    for one in taken:
        books.take(*one)
    debt = owed(books, owner, borrower, 8, model)
    assert 0 <= debt <= books.held(borrower, model)
    if debt:
        assert not owed(books, borrower, owner, 8, model)
        assert borrower != owner
        # Given back in full, nothing that it is guaranteed is gone.
        books.take(borrower, model, -debt)
        rows = {row.model: row for row in books.usage(borrower)}
        assert model not in rows or rows[model].held >= min(rows[model].guaranteed, rows[model].held + debt)


@EXAMPLES
@given(trees(), waiting, held)
def test_nobody_is_passed_over_who_is_owed_more(specs, asked, taken):
    books = Accounts(specs, (), CAPACITY)
    for one in taken:
        books.take(*one)
    left = gangs_of(asked)
    for _, gang in line(tuple(left), books):
        for other in left:
            if other.queue != gang.queue:
                mine, theirs = parted(books, gang.queue, other.queue)
                rival = next(one for _, one in line(below(books, left, theirs), books))
                assert rank(books, mine, gang) <= rank(books, theirs, rival)
        left.remove(gang)
        books.take(gang.queue, H100, gang.workers * gang.devices)
    assert not left


Side = tuple[str, bool]
"""A queue, and whether its own jobs are meant, beside the queues below it."""


def parted(books: Accounts, queue: str, other: str) -> tuple[Side, Side]:
    """Return the two that compete where the tree parts two queues."""
    mine, theirs = books.chain(queue)[::-1], books.chain(other)[::-1]
    shared = sum(1 for one, two in zip(mine, theirs, strict=False) if one == two)
    one, two = ((way[shared], False) if shared < len(way) else (way[-1], True) for way in (mine, theirs))
    return one, two


def below(books: Accounts, gangs: Iterable[Gang], side: Side) -> list[Gang]:
    queue, own = side
    return [one for one in gangs if (one.queue == queue if own else queue in books.chain(one.queue))]


def rank(books: Accounts, side: Side, head: Gang) -> tuple[float, float]:
    queue, own = side
    return books.rank(queue, (), head.workers * head.devices, beside=own)


@EXAMPLES
@given(trees(), waiting, st.lists(st.tuples(QUEUES, st.sampled_from((0, 1)), st.integers(0, 3)), max_size=4))
def test_no_cycle_takes_a_queue_beyond_a_limit(specs, asked, held):
    snapshot = a_world(specs, gangs_of(asked), held)
    after = Accounts(specs, snapshot.running, CAPACITY)
    by_key = {gang.key: gang for gang in snapshot.gangs}
    before = {spec.name: {row.model: row for row in after.usage(spec.name)} for spec in specs}
    for decision in run_cycle(snapshot, Policy(), 0.0).decisions:
        if isinstance(decision, Place):
            gang = by_key[decision.key]
            after.take(gang.queue, decision.model, gang.workers * gang.devices)
    for spec in specs:
        for row in after.usage(spec.name):
            was = before[spec.name].get(row.model)
            if row.limit is not None:
                assert row.held <= max(row.limit, was.held if was is not None else 0)


@EXAMPLES
@given(trees(sound=True), waiting, trees())
def test_queues_with_a_wrong_parent_change_nothing_for_the_others(specs, asked, odd):
    wrong = [
        replace(spec, name=f"odd-{spec.name}", parent=f"odd-{spec.parent}")
        for spec in odd
        if tree_of(odd).faults
    ]
    ring = (a_queue("ring-a", "ring-b", guaranteed=100), a_queue("ring-b", "ring-a", limit=0))
    gangs = gangs_of(asked)
    alone = run_cycle(a_world(specs, gangs), Policy(), 0.0)
    among = run_cycle(a_world((*specs, *wrong, *ring), gangs), Policy(), 0.0)
    assert alone.decisions == among.decisions


@SLOW
@given(
    st.lists(st.integers(0, 1), min_size=24, max_size=40),
    st.sampled_from(((1, 3), (1, 1), (2, 1), (0.5, 1.5))),
)
def test_queues_of_endless_demand_come_to_hold_their_weights(ends, weights):
    specs = tuple(a_queue(name, weight=weight) for name, weight in zip("ab", weights, strict=True))
    running: list[Running] = []
    born = 0
    for end in (None, *ends):
        if end is not None:
            running.pop(end * (len(running) - 1))  # the oldest or the youngest
        gangs = [
            a_gang(1, 8, name=f"{queue}{born + at}", queue=queue, created=float(born + at))
            for at in range(16)
            for queue in "ab"
        ]
        born += 16
        snapshot = a_filled(specs, gangs, running)
        by_key = {gang.key: gang for gang in gangs}
        for decision in run_cycle(snapshot, Policy(), 0.0).decisions:
            if isinstance(decision, Place):
                row = snapshot.names.index(decision.nodes[0].name)
                running.append(a_run(by_key[decision.key], row))
        held = Counter(one.gang.queue for one in running)
        assert sum(held.values()) == 16
    # What ended last may have been the other's: one gang to each side is as near as whole gangs come.
    assert abs(held["a"] - 16 * weights[0] / sum(weights)) <= 1


@EXAMPLES
@given(st.integers(1, 6), st.integers(0, 8), st.integers(1, 8))
def test_a_queue_under_its_guarantee_goes_first_whatever_the_others_ask(nodes, others, own):
    specs = (a_queue("a"), a_queue("z", guaranteed=8 * nodes), a_queue("b", weight=1000.0))
    rivals = [
        a_gang(1, 8, name=f"r{at}", queue="ab"[at % 2], priority=100, created=0.0) for at in range(others + 8)
    ]
    mine = [a_gang(1, 8, name=f"m{at}", queue="z", created=9.0) for at in range(own)]
    plan = run_cycle(a_filled(specs, [*rivals, *mine], []), Policy(), 0.0)
    placed = [decision.key for decision in plan.decisions if isinstance(decision, Place)]
    first = min(nodes, own)
    assert all(key.startswith("default/m") for key in placed[:first])


def a_world(
    specs: Iterable[QueueSpec], gangs: Iterable[Gang], held: Iterable[tuple[str, int, int]] = ()
) -> Snapshot:
    """Two pools, with gangs that hold whole nodes."""
    snapshot = a_snapshot(*POOLS, gangs=tuple(gangs))
    running, free = [], snapshot.free.copy()
    taken: Mapping[int, set[int]] = {0: set(), 1: set()}
    for at, (queue, which, index) in enumerate(held):
        if index in taken[which]:
            continue
        taken[which].add(index)
        pool = next(one for one in snapshot.pools if one.profile.id == MODELS[which])
        row = int(pool.nodes[index])
        free[row, pool.column] = 0
        running.append(a_run(a_gang(1, 8, name=f"held{at}", queue=queue), row, pool.name, MODELS[which]))
    return replace(snapshot, queues=tuple(specs), running=tuple(running), free=free)


def a_filled(specs: Iterable[QueueSpec], gangs: Iterable[Gang], running: Iterable[Running]) -> Snapshot:
    """Sixteen nodes, of which running gangs hold one each."""
    snapshot = a_snapshot(a_pool(leaves=4, nodes=4), gangs=tuple(gangs))
    free = snapshot.free.copy()
    running = tuple(running)
    for one in running:
        free[one.rows, snapshot.pools[0].column] = 0
    return replace(snapshot, queues=tuple(specs), running=running, free=free)


def a_run(gang: Gang, row: int, pool: str = "pool-h100", model: str = H100) -> Running:
    return Running(gang, pool, model, np.array([row], np.int32), np.array([1], np.int64), 0.0, 1e9, 0.0)
