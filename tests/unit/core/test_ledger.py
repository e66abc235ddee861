"""The ledger of failing nodes: each failure once, however often it is reported and by whomever it is counted."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from crosstree.core.job import Restart
from crosstree.core.ledger import KEPT, MOST, NodeFailures, Report, advance, news, reports, suspects
from crosstree.translate.stored import failures
from tests.support.builders.jobs import T0, a_job

HOUR = 3600.0


def lost(at: float, node: str = "n1", cause: str = "NodeLost") -> Report:
    return Report(at, node, cause)


def test_a_failure_is_counted_once_however_often_it_is_reported() -> None:
    once = advance((), [lost(T0)], T0)
    assert once == (NodeFailures("n1", 1, "NodeLost", T0),)
    assert advance(once, [lost(T0)], T0 + HOUR) == once


def test_ten_gangs_that_lose_one_node_report_one_failure() -> None:
    (entry,) = advance((), [lost(T0 + second) for second in range(10)], T0 + 10)
    assert entry.count == 1


def test_two_failures_within_a_day_make_a_node_suspect_for_a_day() -> None:
    ledger = advance((), [lost(T0), lost(T0 + HOUR, cause="DeviceLost")], T0 + HOUR)
    assert ledger == (NodeFailures("n1", 2, "DeviceLost", T0 + HOUR, T0),)
    assert suspects(ledger, T0 + HOUR) == {"n1"}
    assert suspects(ledger, T0 + 24 * HOUR) == frozenset()


def test_a_report_that_comes_after_a_later_one_is_not_counted() -> None:
    assert advance((), [lost(T0), lost(T0 + 400)], T0 + 400)[0].count == 2
    later = advance((), [lost(T0 + 400)], T0 + 400)
    assert advance(later, [lost(T0), lost(T0 + 400)], T0 + 400) == later


def test_a_clock_that_ran_ahead_stops_no_counting() -> None:
    ahead = (NodeFailures("n1", 1, "NodeLost", T0 + 10 * HOUR),)
    (dated,) = advance(ahead, [], T0)
    assert dated.at == T0
    (entry,) = advance((dated,), [lost(T0 + HOUR)], T0 + HOUR)
    assert (entry.count, entry.at, entry.before) == (2, T0 + HOUR, T0)


def test_a_report_from_the_future_waits_for_its_time() -> None:
    assert advance((), [lost(T0 + HOUR)], T0) == ()
    soon = advance((), [lost(T0 + 30)], T0)
    assert soon == (NodeFailures("n1", 1, "NodeLost", T0),)
    for later in (T0 + 29.5, T0 + 30, T0 + HOUR):
        assert advance(soon, [lost(T0 + 30)], later) == soon


def test_what_a_deleted_job_reported_stays_and_expires_after_a_week() -> None:
    ledger = advance((), [lost(T0)], T0)
    assert advance(ledger, [], T0 + KEPT - 1) == ledger
    assert advance(ledger, [lost(T0)], T0 + KEPT) == ()


def test_the_newest_are_kept_and_what_dropped_out_does_not_come_and_go() -> None:
    many = [lost(T0 + number, f"n{number}") for number in range(MOST + 5)]
    ledger = advance((), many, T0 + 100)
    assert [entry.node for entry in ledger] == [f"n{number}" for number in range(MOST + 4, 4, -1)]
    assert advance(ledger, many, T0 + 200) == ledger


def test_only_failing_hardware_speaks_against_a_node() -> None:
    restarts = (
        Restart(T0, "NodeLost", "n1"),
        Restart(T0, "Disrupted", "n2"),
        Restart(T0, "PodUnschedulable", "n3"),
        Restart(T0, "WorkerFailed", ""),
    )
    job = a_job()
    job = replace(job, progress=replace(job.progress, restarts=restarts))
    assert reports([job]) == [lost(T0)]


def test_news_are_the_failures_counted_since() -> None:
    before = advance((), [lost(T0)], T0)
    after = advance(before, [lost(T0), lost(T0 + HOUR), lost(T0 + HOUR, "n2")], T0 + HOUR)
    assert sorted(news(before, after)) == [("NodeLost", 1), ("NodeLost", 1)]
    assert news(after, after) == []


def stored(ledger: tuple[NodeFailures, ...]) -> tuple[NodeFailures, ...]:
    """Write the ledger into a status and read it back, as another process would."""
    from crosstree.status.cluster import failing

    return failures({"failures": [failing(entry) for entry in ledger]})


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.sampled_from(["n1", "n2"])), max_size=20),
    st.lists(st.integers(0, 20), max_size=6),
    st.booleans(),
)
def test_operators_that_come_and_go_and_jobs_that_are_deleted_change_no_count(
    times: list[tuple[int, str]], cuts: list[int], forgetful: bool
) -> None:
    told = sorted(lost(T0 + at, node) for at, node in times)
    ledger: tuple[NodeFailures, ...] = ()
    done = 0
    for cut in [*sorted(cuts), len(told)]:
        seen = told[done if forgetful else 0 : cut]
        ledger = stored(advance(ledger, seen, T0 + 50_000))
        ledger = stored(advance(ledger, seen, T0 + 50_000))
        done = max(done, min(cut, len(told)))
    assert ledger == advance((), told, T0 + 50_000)
