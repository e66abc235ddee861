"""Searches for victims: who gets one, and what one gang's search says about another's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Backfill, Manners
from crosstree.core.plan import Plan, Promise, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.search_turns import IN_TURN, SEARCHES, TURN_SECONDS
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Expectation, Gang, Source
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running

TOP = {"priority": 1000}


def plan(snapshot: Snapshot, *gangs: Gang, now: float = NOW) -> Plan:
    return run_cycle(replace(snapshot, gangs=gangs), Policy(sentences=False), now)


def promise_of(name: str, made: Plan) -> Promise | None:
    (answer,) = (one for one in made.decisions if isinstance(one, Wait) and one.key == f"default/{name}")
    return answer.promise


def lasting(seconds: float) -> Expectation:
    return Expectation(seconds, Source.DECLARED, 0.9)


def three_of_four() -> Snapshot:
    """Four leaves in each of which one node is held by a gang that nobody may stop, and three by one of priority 0."""
    empty = a_snapshot(a_pool(leaves=4, nodes=4))
    every = [empty.names[at : at + 4] for at in range(0, 16, 4)]
    top = [running(a_gang(1, name=f"top-{leaf[0]}", **TOP), leaf[:1], empty) for leaf in every]
    low = [running(a_gang(3, name=f"low-{leaf[0]}"), leaf[1:], empty) for leaf in every]
    return with_running(empty, *top, *low)


def hopeless(number: int) -> Gang:
    """A gang for which no leaf can be cleared, of a shape of its own: counting accelerators does not show it."""
    asks = (("cpu", 1000 + number), ("memory", 1 << 30), ("pods", 1))
    return a_gang(4, name=f"a{number:04d}", priority=200, required="leaf", requests=asks)


def cycles_until_planned(late: Gang, others: list[Gang], most: int) -> int:
    snapshot, now = three_of_four(), NOW
    for cycle in range(most):
        made = plan(snapshot, *others, late, now=now)
        if promise_of("late", made) is not None:
            return cycle
        assert made.due is not None and made.due <= now + TURN_SECONDS, "it is looked at again"
        now = made.due
    raise AssertionError(f"no plan in {most} cycles")


LATE = a_gang(3, name="late", priority=100, required="leaf")


def test_a_gang_behind_as_many_searches_in_vain_as_a_cycle_makes_has_its_turn_all_the_same() -> None:
    assert cycles_until_planned(LATE, [hopeless(number) for number in range(SEARCHES - 1)], 1) == 0
    assert cycles_until_planned(LATE, [hopeless(number) for number in range(SEARCHES)], 3) <= 2


def test_the_last_of_a_long_line_has_its_turn_after_few_others() -> None:
    behind = 6 * IN_TURN
    assert cycles_until_planned(LATE, [hopeless(number) for number in range(SEARCHES + behind)], 40) > 0


def test_the_middle_of_a_long_line_has_its_turn_after_few_others() -> None:
    line = [hopeless(number) for number in range(SEARCHES + 6 * IN_TURN)]
    middle = replace(LATE, priority=200, key="default/a0112b", uid="late")
    snapshot, now = three_of_four(), NOW
    for _ in range(40):
        made = plan(snapshot, *line, middle, now=now)
        if any(isinstance(one, Wait) and one.uid == "late" and one.promise for one in made.decisions):
            return
        assert made.due is not None
        now = made.due
    raise AssertionError("no plan in 40 cycles")


def test_that_waiting_is_better_for_one_says_nothing_of_one_that_stays_longer() -> None:
    """The nodes of `ending` are free in half a minute, and reserved for `big` an hour later."""
    empty = a_snapshot(a_pool(leaves=2, nodes=4))
    ending = a_gang(2, name="ending", expected=lasting(7230.0), **TOP)
    blocker = a_gang(2, name="blocker", expected=lasting(10_800.0), **TOP)
    snapshot = with_running(
        empty,
        running(ending, ["n000", "n001"], empty, ends=NOW + 30),
        running(blocker, ["n002", "n003"], empty, ends=NOW + 3600),
        running(a_gang(2, name="low"), ["n004", "n005"], empty),
        running(a_gang(2, name="top", **TOP), ["n006", "n007"], empty),
    )
    big = a_gang(4, name="big", priority=300, required="leaf", expected=lasting(600.0))
    short = a_gang(2, name="short", priority=100, required="leaf", expected=lasting(100.0))
    long = a_gang(2, name="unending", priority=100, required="leaf", created=1.0)
    made = plan(snapshot, big, short, long)
    assert promise_of("short", made) is None
    promise = promise_of("unending", made)
    assert promise is not None and promise.victims == ("uid-low",)


def test_that_nobody_can_be_stopped_for_one_says_nothing_of_one_that_stays_shorter() -> None:
    """The nodes of `low` are reserved for `big` later on."""
    empty = a_snapshot(a_pool(leaves=2, nodes=4))
    snapshot = with_running(
        empty,
        running(a_gang(2, name="low", expected=lasting(10_800.0)), ["n000", "n001"], empty, ends=NOW + 3600),
        running(
            a_gang(2, name="blocker", expected=lasting(10_800.0), **TOP),
            ["n002", "n003"],
            empty,
            ends=NOW + 3600,
        ),
        running(a_gang(4, name="top", **TOP), ["n004", "n005", "n006", "n007"], empty),
    )
    big = a_gang(4, name="big", priority=300, required="leaf", expected=lasting(600.0))
    long = a_gang(2, name="unending", priority=100, required="leaf")
    short = a_gang(2, name="short", priority=100, required="leaf", created=1.0, expected=lasting(100.0))
    made = plan(snapshot, big, long, short)
    assert promise_of("unending", made) is None
    promise = promise_of("short", made)
    assert promise is not None and promise.victims == ("uid-low",)


@pytest.mark.parametrize("guaranteed", [0, 24])
def test_gangs_alike_never_count_on_the_same_one_to_go(guaranteed: int) -> None:
    snapshot = a_snapshot(a_pool(leaves=1, nodes=4))
    victims = [
        running(a_gang(1, name=f"v{at}", queue="x"), [name], snapshot)
        for at, name in enumerate(snapshot.names)
    ]
    queues = (QueueSpec("q", quotas=(Quota(H100, guaranteed=guaranteed),)), QueueSpec("x"))
    three = tuple(a_gang(1, name=f"w{at}", queue="q", priority=10, created=float(at)) for at in range(3))
    full = with_running(
        snapshot, *victims, gangs=three, queues=queues, manners=Manners(backfill=Backfill.NONE)
    )
    plans = [one.promise for one in run_cycle(full, Policy(), NOW).decisions if isinstance(one, Wait)]
    gone = [uid for plan in plans if plan is not None for uid in plan.victims]
    assert len(gone) == len(set(gone)) == 3
