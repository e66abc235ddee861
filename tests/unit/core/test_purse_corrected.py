"""Budgets where what is declared of a duration is corrected: the longer of the two has to be left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.budgets import HOUR
from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Place, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import Budget, QueueSpec
from crosstree.core.workload import Expectation, Gang, Source
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running

DAY = 24 * HOUR


def corrected(name: str, declared: float, percent: int) -> Gang:
    """A gang of eight accelerators that declares so many hours."""
    seconds = declared * HOUR * percent / 100
    known = Expectation(seconds, Source.DECLARED, 0.9, None, percent, declared * HOUR)
    return replace(a_gang(1, name=name, queue="team"), expected=known)


def told(known: Expectation) -> str:
    """Return what a gang of eight accelerators is told that a budget of an hour of them keeps waiting."""
    gang = replace(a_gang(1, queue="team"), expected=known)
    queues = (QueueSpec("team", budgets=(Budget(H100, 8 * HOUR, NOW, DAY),)),)
    view = replace(a_snapshot(a_pool(), gangs=(gang,)), queues=queues)
    (found,) = run_cycle(view, Policy(), NOW).decisions
    assert isinstance(found, Wait)
    return found.message


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (corrected("a", 4, 100).expected, "use 32 by the duration it declares. "),
        (
            corrected("a", 4, 50).expected,
            "use 32 by the duration it declares, though jobs like it run shorter. ",
        ),
        (corrected("a", 4, 200).expected, "use 64. "),
        (Expectation(4 * HOUR, Source.LEARNED, 0.5), "use 32. "),
    ],
    ids=["at its word", "longer than its like", "shorter than its like", "learned"],
)
def test_who_waits_for_a_budget_is_told_where_the_hours_are_those_that_it_declares(
    known: Expectation, says: str
) -> None:
    assert f"this job is expected to {says}" in told(known)


def starts(gang: Gang, hours: float, *there: Gang) -> bool:
    """Say whether a gang starts beside one that began now, within a budget of so many hours."""
    empty = a_snapshot(a_pool(leaves=2, nodes=4))
    busy = [
        running(one, ["n000"], empty, began=NOW, ends=NOW + one.expected.seconds)
        for one in there
        if one.expected
    ]
    view = with_running(empty, *busy, gangs=(gang,))
    queues = (QueueSpec("team", budgets=(Budget(H100, hours * HOUR, NOW, DAY),)),)
    (found,) = run_cycle(replace(view, queues=queues), Policy(), NOW).decisions
    return isinstance(found, Place)


def test_who_declares_more_than_is_left_waits_though_its_like_run_shorter() -> None:
    assert not starts(corrected("a", 4, 50), 24)
    assert starts(corrected("a", 4, 50), 32)


def test_who_declares_less_than_its_like_run_waits_until_that_is_left() -> None:
    assert not starts(corrected("a", 2, 200), 24)
    assert starts(corrected("a", 2, 200), 32)


def test_what_runs_is_expected_to_use_all_that_it_declared() -> None:
    assert not starts(corrected("a", 1, 100), 24, corrected("there", 4, 50))
    assert starts(corrected("a", 1, 100), 40, corrected("there", 4, 50))


def test_what_is_certain_to_start_is_expected_to_use_all_that_it_declares() -> None:
    empty = a_snapshot(a_pool(leaves=2, nodes=4))
    queues = (QueueSpec("team", budgets=(Budget(H100, 24 * HOUR, NOW, DAY),)),)
    gangs = (
        replace(corrected("first", 2, 50), created=1.0),
        replace(corrected("second", 2, 50), created=2.0),
    )
    decisions = run_cycle(replace(empty, gangs=gangs, queues=queues), Policy(), NOW).decisions
    assert [isinstance(one, Place) for one in decisions] == [True, False]
