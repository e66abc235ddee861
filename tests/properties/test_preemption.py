"""Preemption as a whole: cycle after cycle until nothing happens any more.

Nobody arrives and nobody ends, so whatever goes on for ever is gangs that take turns at one place, or plans that are
made anew in every cycle. Of some it is said when they end: those that wait have reservations by that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crosstree.core.cycle import run_cycle
from crosstree.core.expect import ends
from crosstree.core.manners import Backfill, Manners
from crosstree.core.plan import Evict, Place, Plan, Promise, Resize, Wait
from crosstree.core.policy import Order, Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Expectation, Gang, Source
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, at_place, with_running

QUIET = 4
"""Cycles without any change after which nothing will change by itself."""

PATIENCE = 120
"""Cycles in which a handful of gangs must have come to rest."""


@dataclass
class World:
    """Gangs that never end on nodes that never fail."""

    empty: Snapshot
    gangs: list[Gang]
    policy: Policy = field(default_factory=Policy)
    tick: float = 7.0
    now: float = NOW
    decide: Callable[[Snapshot, Policy, float], Plan] = run_cycle
    waiting: dict[str, Gang] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    stopped_for: dict[str, Promise] = field(default_factory=dict)
    evictions: list[tuple[str, str]] = field(default_factory=list)
    held: list[Counter[str]] = field(default_factory=list)
    """For each eviction, the accelerators that the gangs of each queue held in the cycle that ordered it."""

    def __post_init__(self) -> None:
        self.waiting = {gang.key: gang for gang in self.gangs}

    def step(self) -> bool:
        """Let a cycle happen, and the world follow it; return whether anything changed."""
        self.now += self.tick
        for key, one in self.running.items():
            if one.gang.expected is not None and not one.leaving:
                self.running[key] = replace(one, ends=ends(one.gang.expected, one.began, self.now))
        snapshot = with_running(self.empty, *self.running.values(), gangs=tuple(self.waiting.values()))
        assert (snapshot.free >= 0).all(), "a node holds more than it has"
        for key in [key for key, one in self.running.items() if one.leaving]:
            gone = self.running.pop(key)
            self.waiting[key] = replace(gone.gang, promise=None)
        changed = self.waiting.keys() != {gang.key for gang in snapshot.gangs}
        for decision in self.decide(snapshot, self.policy, self.now).decisions:
            match decision:
                case Place():
                    gang = replace(self.waiting.pop(decision.key), promise=None)
                    placed = sum(share.count for share in decision.nodes)
                    assert placed in (gang.sizes or (gang.workers,))
                    self.running[decision.key] = at_place(gang, decision, self.empty, began=self.now)
                    self.stopped_for.pop(decision.key, None)
                    changed = True
                case Evict() | Resize():
                    self._stop(decision, snapshot)
                    changed = True
                case Wait() if decision.key in self.waiting:
                    gang = self.waiting[decision.key]
                    assert decision.had == gang.promise
                    if decision.promise is None:
                        self.stopped_for.pop(decision.key, None)  # void
                    changed |= decision.promise != gang.promise
                    self.waiting[decision.key] = replace(gang, promise=decision.promise)
                case Wait():
                    pass
        return changed

    def _stop(self, order: Evict | Resize, snapshot: Snapshot) -> None:
        victim = self.running[order.key]
        assert not victim.leaving, "told to stop twice"
        self.running[order.key] = replace(victim, leaving=True, ends=self.now + self.tick)
        if isinstance(order, Resize) and not order.beneficiary:  # it grows
            assert order.workers > victim.workers
            return
        beneficiary = next(gang for gang in snapshot.gangs if gang.key == order.beneficiary)
        assert beneficiary.promise is not None and order.uid in beneficiary.promise.victims
        self.stopped_for[order.beneficiary] = beneficiary.promise
        self.evictions.append((order.beneficiary, order.key))
        held: Counter[str] = Counter()
        for one in snapshot.running:
            held[one.gang.queue] += 0 if one.leaving else one.devices
        self.held.append(held)

    def settle(self) -> int:
        """Go on until nothing changes; return how many cycles that took."""
        quiet = 0
        for cycle in range(PATIENCE):
            quiet = 0 if self.step() else quiet + 1
            if quiet == QUIET:
                return cycle
        raise AssertionError(f"no rest after {PATIENCE} cycles; the last evictions: {self.evictions[-12:]}")


QUEUES = (
    QueueSpec("root", quotas=(Quota(H100, guaranteed=64),)),
    QueueSpec("a", "root", quotas=(Quota(H100, guaranteed=32),)),
    QueueSpec("b", "root", quotas=(Quota(H100, guaranteed=16),)),
    QueueSpec("c", quotas=(Quota(H100, guaranteed=40, limit=96),)),
    QueueSpec("d"),
    QueueSpec("e", "c"),
)


@st.composite
def a_crowd(draw: st.DrawFn) -> list[Gang]:
    """Up to a dozen gangs of all shapes, some elastic, with the order in which they come left to chance."""
    shapes = draw(
        st.lists(
            st.tuples(
                st.integers(1, 9),
                st.sampled_from([8, 8, 8, 4]),
                st.sampled_from(["a", "b", "c", "d", "e", "root"]),
                st.sampled_from([-5, 0, 0, 5, 10]),
                st.sampled_from(["", "", "leaf", "spine"]),
                st.booleans(),
                st.sampled_from([None, None, 300.0, 5_000.0, 80_000.0]),
            ),
            min_size=2,
            max_size=12,
        )
    )
    gangs = []
    for index, (workers, devices, queue, priority, level, elastic, lasts) in enumerate(shapes):
        sizes = tuple(range(workers, max(workers // 2, 1) - 1, -1)) if elastic and workers > 1 else ()
        gangs.append(
            a_gang(
                workers,
                devices,
                name=f"g{index:02d}",
                queue=queue,
                priority=priority,
                required=level,
                sizes=sizes,
                created=NOW + index,
                expected=None if lasts is None else Expectation(lasts, Source.DECLARED, 0.9),
            )
        )
    return gangs


def a_world(
    crowd: list[Gang],
    queues: tuple[QueueSpec, ...],
    backfill: Backfill = Backfill.NONE,
    order: Order = Order.AGE,
) -> World:
    manners = Manners(backfill=backfill, min_runtime=0.0)
    empty = replace(a_snapshot(a_pool(spines=2, leaves=2, nodes=4)), queues=queues, manners=manners)
    return World(empty, crowd, Policy(order=order))


TURNS = [
    # y takes back what x has borrowed; z of the same queue would take y's place without being guaranteed it; x of
    # higher priority would then take z's: the three would take turns for ever.
    a_gang(16, name="x", queue="d", priority=9),
    a_gang(4, name="y", queue="a", priority=1, created=1.0),
    a_gang(16, name="z", queue="a", priority=5, created=2.0),
]


LONGER = [
    # The same, with z in y's place because it is shorter.
    TURNS[0],
    replace(TURNS[1], expected=Expectation(80_000.0, Source.DECLARED, 0.9)),
    replace(TURNS[2], priority=1, expected=Expectation(300.0, Source.DECLARED, 0.9)),
]

ORDERS = st.sampled_from(list(Order))


@settings(max_examples=150, deadline=None)
@given(a_crowd(), st.booleans(), st.sampled_from(list(Backfill)), ORDERS, st.data())
@example(TURNS, True, Backfill.NONE, Order.AGE, None)
@example(LONGER, True, Backfill.NONE, Order.SHORTEST_EXPECTED, None)
def test_whoever_waits_and_runs_comes_to_rest(
    crowd: list[Gang], guarantees: bool, backfill: Backfill, order: Order, data: st.DataObject | None
) -> None:
    made = a_world([], QUEUES if guarantees else (), backfill, order)
    for gang in crowd:
        made.waiting[gang.key] = gang
        for _ in range(data.draw(st.integers(0, 3)) if data is not None else 8):
            made.step()
    made.settle()
    assert not made.stopped_for, "gangs were stopped, but the one they were stopped for does not run"


@settings(max_examples=60, deadline=None)
@given(a_crowd(), ORDERS)
def test_who_is_covered_by_a_guarantee_is_stopped_for_nobody_of_another_queue(
    crowd: list[Gang], order: Order
) -> None:
    made = a_world([], QUEUES, order=order)
    for gang in crowd:
        made.waiting[gang.key] = gang
        made.settle()
    for (beneficiary, victim), held in zip(made.evictions, made.held, strict=True):
        queue = next(one for one in crowd if one.key == victim).queue
        within = sum(held[one] for one in _under(queue))
        if _guaranteed(queue) and within <= _guaranteed(queue):
            other = next(one for one in crowd if one.key == beneficiary)
            assert queue in _above(other.queue)


def _guaranteed(queue: str) -> int:
    spec = next(one for one in QUEUES if one.name == queue)
    return spec.quotas[0].guaranteed if spec.quotas else 0


def _above(queue: str) -> set[str]:
    found = {queue}
    parent = next(one.parent for one in QUEUES if one.name == queue)
    return found | (_above(parent) if parent else set())


def _under(queue: str) -> set[str]:
    return {one.name for one in QUEUES if queue in _above(one.name)}


@settings(max_examples=60, deadline=None)
@given(a_crowd(), st.permutations(range(12)), st.sampled_from(list(Backfill)), ORDERS)
def test_neither_the_order_of_gangs_nor_a_second_process_changes_what_happens(
    crowd: list[Gang], shuffled: list[int], backfill: Backfill, order: Order
) -> None:
    one = a_world(crowd, QUEUES, backfill, order)
    other = a_world([crowd[i] for i in shuffled if i < len(crowd)], QUEUES, backfill, order)
    one.settle()
    other.settle()
    assert one.evictions == other.evictions
    for key in one.running.keys() | other.running.keys():
        assert np.array_equal(one.running[key].rows, other.running[key].rows)
