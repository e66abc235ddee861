"""The optional order inside queues: soonest done first, bounded, and stops that never go in circles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosstree.core.line import in_order
from crosstree.core.policy import Order
from crosstree.core.running import Running
from crosstree.core.shortest import MUCH, PATIENCE, longer, stands_as_of
from crosstree.core.workload import Expectation, Gang, Source
from tests.support.builders.core import a_gang

HOUR = 3600.0


def lasting(name: str, seconds: float, *, created: float = 0.0, **changes: object) -> Gang:
    known = Expectation(seconds, Source.DECLARED, 0.9)
    return a_gang(1, 8, name=name, created=created, expected=known, **changes)


def running(gang: Gang, *, ends: float) -> Running:
    rows = np.array([0], np.int32)
    return Running(gang, "pool", "h100", rows, np.array([1], np.int64), 0.0, ends, 0.0)


def names(*gangs: Gang) -> list[str]:
    return [gang.key.partition("/")[2] for gang in in_order(gangs, Order.SHORTEST_EXPECTED)]


def test_the_one_done_soonest_goes_first():
    assert names(lasting("day", 24 * HOUR), lasting("minute", 60.0, created=100.0)) == ["minute", "day"]


def test_priority_and_recovery_go_before_length():
    short, urgent = lasting("short", 60.0), lasting("urgent", 24 * HOUR, priority=1)
    broken = replace(lasting("broken", 24 * HOUR), recovering=True)
    assert names(short, urgent, broken) == ["urgent", "broken", "short"]


def test_whoever_comes_later_than_patience_allows_does_not_pass():
    long = lasting("long", HOUR)
    early = lasting("early", 60.0, created=PATIENCE * (HOUR - 60.0) - 1)
    late = lasting("late", 60.0, created=PATIENCE * HOUR)
    assert names(long, early, late) == ["early", "long", "late"]


def test_a_job_of_which_nothing_is_known_counts_as_one_of_a_day():
    assert names(a_gang(1, 8, name="unknown"), lasting("hours", 5 * HOUR)) == ["hours", "unknown"]


def test_a_much_longer_gang_of_the_same_queue_and_priority_may_be_stopped():
    short = lasting("short", HOUR)
    much = running(lasting("much", 24 * HOUR), ends=24 * HOUR)
    little = running(lasting("little", 3 * HOUR), ends=MUCH * HOUR)
    urgent = running(lasting("urgent", 24 * HOUR, priority=1), ends=24 * HOUR)
    other = running(lasting("other", 24 * HOUR, queue="b"), ends=24 * HOUR)
    assert longer(short, (much, little, urgent, other), 0.0).tolist() == [True, False, False, False]


def test_nobody_is_stopped_on_a_guess():
    unknown = a_gang(1, 8, name="unknown")
    assert not longer(unknown, (running(lasting("a", 24 * HOUR), ends=24 * HOUR),), 0.0).any()
    assert not longer(lasting("a", 60.0), (running(unknown, ends=24 * HOUR),), 0.0).any()


def test_who_was_stopped_can_t_take_its_place_back():
    short, long = lasting("short", HOUR), lasting("long", 24 * HOUR)
    assert longer(short, (running(long, ends=24 * HOUR),), 0.0).any()
    assert not longer(long, (running(short, ends=HOUR),), 0.0).any()


def test_a_gang_that_has_been_passed_long_enough_is_not_stopped_any_more():
    long = running(lasting("long", 2 * HOUR), ends=1e9)
    assert not longer(lasting("late", 60.0, created=PATIENCE * 2 * HOUR), (long,), PATIENCE * 2 * HOUR).any()


def corrected(name: str, declared: float, percent: int, **changes: object) -> Gang:
    """A gang of which more, or less, is expected than it declares."""
    gang = lasting(name, declared * percent / 100, **changes)
    known = replace(gang.expected, percent_of_declared=percent, declared=declared)
    return replace(gang, expected=known)


def test_nobody_who_runs_is_stopped_because_others_declared_too_little():
    short, honest = lasting("short", HOUR), corrected("honest", HOUR, 1000)
    assert not longer(short, (running(honest, ends=10 * HOUR),), 0.0).any()
    assert longer(short, (running(lasting("long", 10 * HOUR), ends=10 * HOUR),), 0.0).any()


def test_who_declares_much_more_than_its_like_run_is_stopped_no_sooner_for_it():
    careful = running(corrected("careful", 24 * HOUR, 5), ends=1.2 * HOUR)
    assert not longer(lasting("short", HOUR), (careful,), 0.0).any()


def test_who_waits_is_as_long_as_its_like_turned_out_to_be():
    long = running(lasting("long", 10 * HOUR), ends=10 * HOUR)
    assert longer(lasting("short", HOUR), (long,), 0.0).any()
    assert not longer(corrected("sly", HOUR, 1000), (long,), 0.0).any()
    assert names(lasting("long", 5 * HOUR), corrected("sly", HOUR, 1000)) == ["long", "sly"]


def test_who_was_stopped_can_t_take_its_place_back_whatever_others_declared():
    for percents in ((100, 1000), (1000, 100), (1000, 1000), (50, 1000), (1000, 50)):
        one, other = (
            corrected(name, hours * HOUR, percent)
            for name, hours, percent in zip("ab", (1, 5), percents, strict=True)
        )
        stops = [
            longer(mine, (running(theirs, ends=theirs.expected.seconds),), 0.0).any()
            for mine, theirs in ((one, other), (other, one))
        ]
        assert not all(stops), percents


def test_a_running_gang_stands_by_its_own_word_where_that_is_less():
    assert stands_as_of(corrected("a", HOUR, 1000)) == stands_as_of(lasting("a", HOUR))
    assert stands_as_of(corrected("a", HOUR, 50)) == stands_as_of(lasting("a", HOUR / 2))
