"""Turns that are answered without being had are answered as if they had been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.core.alike import Asking
from crosstree.core.calendar import Booking
from crosstree.core.cycle import decide, run_cycle
from crosstree.core.desk import open_desk
from crosstree.core.line import line
from crosstree.core.manners import Backfill
from crosstree.core.plan import Plan
from crosstree.core.policy import Order, Policy
from crosstree.core.queues import Budget, QueueSpec
from crosstree.core.refused import Refused
from crosstree.core.snapshot import Snapshot
from crosstree.core.start import start
from crosstree.core.tried import Vain
from crosstree.core.workload import Gang
from tests.properties.test_preemption import QUEUES, a_crowd, a_world
from tests.support.builders.core import H100, a_gang
from tests.support.builders.running import NOW

CYCLES = 6

_CHANGED = (
    replace(QUEUES[2], calendar=(Booking("demo", H100, 40, NOW + 900.0, 3_600.0, 7_200.0),)),
    replace(QUEUES[4], calendar=(Booking("now", H100, 24, NOW - 60.0, 3_600.0),)),
    replace(QUEUES[3], budgets=(Budget(H100, 300_000.0, NOW - 60.0, 86_400.0),)),
    replace(QUEUES[0], budgets=(Budget("*", 5_000_000.0, NOW - 60.0),)),
)
TREES = ((), QUEUES, tuple({one.name: one for one in (*QUEUES, *_CHANGED)}.values()))


def alike(crowd: list[Gang], copies: int) -> Iterator[Gang]:
    """Let gangs that ask for the same wait in two namespaces."""
    for at in range(copies):
        for gang in crowd:
            yield replace(gang, key=f"n{at % 2}/{gang.key.partition('/')[2]}-{at}", uid=f"{gang.uid}-{at}")


class Forgetful(dict[Asking, Vain]):
    """Keeps nothing."""

    def __setitem__(self, key: Asking, value: Vain) -> None:
        pass


def both_ways(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    """Decide, and assert that it would be decided so if everybody had a turn."""
    plan = run_cycle(snapshot, policy, now)
    assert plan == decide(replace(open_desk(snapshot, policy, now), vain=Forgetful()))
    return plan


@settings(max_examples=80, deadline=None)
@given(
    a_crowd(),
    st.integers(2, 5),
    st.integers(0, 3),
    st.sampled_from(TREES),
    st.sampled_from(list(Backfill)),
    st.sampled_from(list(Order)),
    st.booleans(),
)
def test_a_turn_in_vain_comes_to_what_it_would_have_come_to(
    crowd: list[Gang],
    copies: int,
    reservations: int,
    queues: tuple[QueueSpec, ...],
    backfill: Backfill,
    order: Order,
    sentences: bool,
) -> None:
    world = a_world(list(alike(crowd, copies)), queues, backfill, order)
    world.policy = Policy(order=order, reservations=reservations, sentences=sentences)
    world.decide = both_ways
    for _ in range(CYCLES):
        world.step()


def test_a_long_line_of_gangs_alike_has_few_turns() -> None:
    """Else the property above would hold of nothing."""
    crowd = [a_gang(16, name=f"g{at:02d}", queue="d", created=float(at)) for at in range(40)]
    snapshot = replace(a_world([], QUEUES, Backfill.CONSERVATIVE).empty, gangs=tuple(crowd))
    desk = open_desk(snapshot, Policy(reservations=2), NOW)
    turns = [start(gang, position, desk) for position, gang in line(crowd, desk.accounts)]
    assert sum(isinstance(one, Refused) and one.again is not None for one in turns) > 30
