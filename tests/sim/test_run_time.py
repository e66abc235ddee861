"""Runs that last as long as their queue allows: ended as by the operator, and nobody is expected to run longer."""

from __future__ import annotations

import numpy as np
import pytest

from crosstree.base.clock import VirtualClock
from crosstree.core.plan import Evict, NodeShare, Place, Plan
from crosstree.core.queues import QueueSpec
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import Gang, Source
from crosstree.sim.cluster import NAME, SimulatedCluster
from crosstree.sim.inventory import Inventory
from crosstree.sim.replay import Outcome, Replay, Scenario
from crosstree.sim.results import table
from crosstree.sim.runtime import Runtime
from crosstree.sim.summary import summarise
from crosstree.sim.traces.jobs import Entry, columns

HOUR = 3_600.0
GRACE = 30.0
TEAM = QueueSpec("team", max_run_time=2 * HOUR)


def played(
    nodes: Inventory, *entries: Entry, queues: tuple[QueueSpec, ...] = (TEAM,), **more: object
) -> Outcome:
    return Replay(Scenario(nodes, columns(entries, {}), queues=queues, window=0.0, **more)).run()  # type: ignore[arg-type]


def a_cluster(nodes: Inventory, work: float, **runtime: float) -> tuple[SimulatedCluster, Gang]:
    """Return a cluster on which one job of a node runs since second 0."""
    cluster = SimulatedCluster(nodes, VirtualClock(), runtime=Runtime(**runtime), queues=(TEAM,))
    gang = Gang("trace/a", "a", 1, 8, queue="team")
    cluster.submit(gang, work)
    place(cluster, gang, "n0")
    return cluster, gang


def place(cluster: SimulatedCluster, gang: Gang, node: str) -> None:
    shares = (NodeShare(node, 0, 1),)
    where = Place(gang.key, gang.uid, "v100", "v100", "accelerator", shares, ())
    cluster.apply(Plan(NAME, 1, (where,)))


def test_a_run_is_ended_when_it_has_lasted_as_long_as_its_queue_allows(small: Inventory) -> None:
    outcome = played(
        small,
        Entry("long", 0, 9 * HOUR, 4, 8, queue="team"),
        Entry("next", 1, HOUR, 4, 8, queue="team"),
        Entry("free", 2, 9 * HOUR, 4, 8),
    )
    books = outcome.books
    assert books.exceeded.tolist() == [1, 0, 0]
    assert books.attempts.tolist() == [1, 1, 1], "it is not started again"
    assert books.began.tolist() == [0.0, 2 * HOUR + GRACE, 3 * HOUR + GRACE]
    assert np.isnan(books.ended[0]) and books.ended[2] == 12 * HOUR + GRACE
    assert outcome.progress.over == 3
    summary = summarise("production", outcome)
    assert (summary.exceeded, summary.finished, summary.preemptions, summary.failures) == (1, 2, 0, 0)
    assert table(outcome)["exceeded"] == [1, 0, 0]


def test_the_least_bound_of_a_queue_and_those_above_it_counts(small: Inventory) -> None:
    below = QueueSpec("below", parent="team", max_run_time=5 * HOUR)
    outcome = played(small, Entry("a", 0, 9 * HOUR, 1, 8, queue="below"), queues=(TEAM, below))
    assert outcome.books.used_seconds == 8 * (2 * HOUR + GRACE)


def test_work_that_is_done_just_then_is_done(small: Inventory) -> None:
    outcome = played(small, Entry("a", 0, 2 * HOUR, 1, 8, queue="team"))
    assert outcome.books.exceeded.sum() == 0 and outcome.books.ended.tolist() == [2 * HOUR]


def test_who_waits_behind_a_job_of_unknown_length_is_told_when_its_time_is_over(small: Inventory) -> None:
    outcome = played(
        small,
        Entry("long", 0, 9 * HOUR, 4, 8, queue="team"),
        Entry("next", 1, HOUR, 4, 8, queue="team"),
        hint=0.0,
    )
    assert outcome.books.told[1] == 2 * HOUR


def test_an_owner_declares_no_more_than_the_queue_takes(small: Inventory) -> None:
    cluster, _ = a_cluster(small, 9 * HOUR)
    (running,) = cluster.view()[0].running
    known = running.gang.expected
    assert known is not None and known.source is Source.DECLARED
    assert known.seconds == known.at_most == running.ends == 2 * HOUR


def test_work_that_is_done_before_the_job_is_gone_comes_too_late(small: Inventory) -> None:
    cluster, _ = a_cluster(small, 2 * HOUR + 10)
    cluster.advance(2 * HOUR + 20)
    assert [one.leaving for one in cluster.view()[0].running] == [True]
    cluster.advance(2 * HOUR + GRACE)
    assert cluster.view()[0].running == () and cluster.unfinished == 0


def test_a_node_that_breaks_under_a_job_whose_time_is_over_starts_nothing_again(small: Inventory) -> None:
    cluster, _ = a_cluster(small, 9 * HOUR)
    cluster.advance(2 * HOUR + 20)
    cluster.set_state("n0", NodeState.NOT_READY)
    assert cluster.unfinished == 0 and cluster.waiting == 0


def test_who_makes_room_already_when_its_time_is_over_is_not_started_again(small: Inventory) -> None:
    cluster, gang = a_cluster(small, 9 * HOUR)
    cluster.advance(2 * HOUR - 10)
    cluster.apply(Plan(NAME, 1, (Evict(gang.key, gang.uid, "trace/b", ""),)))
    cluster.advance(2 * HOUR - 10 + GRACE)
    assert cluster.unfinished == 0


def test_each_restart_begins_a_new_run(small: Inventory) -> None:
    cluster, gang = a_cluster(small, 9 * HOUR)
    cluster.advance(HOUR)
    cluster.set_state("n0", NodeState.NOT_READY)
    place(cluster, gang, "n1")
    cluster.advance(3 * HOUR)
    assert cluster.unfinished == 1
    cluster.advance(3 * HOUR + GRACE)
    assert cluster.unfinished == 0


@pytest.mark.parametrize(("saves", "lost"), [(True, 0.0), (False, 8 * (0.5 * HOUR + GRACE))])
def test_what_is_not_saved_of_a_run_that_is_ended_is_lost(small: Inventory, saves: bool, lost: float) -> None:
    runtime = Runtime(checkpoint=1.5 * HOUR, saves_when_told=saves)
    outcome = played(small, Entry("a", 0, 9 * HOUR, 1, 8, queue="team"), runtime=runtime)
    assert outcome.books.lost.tolist() == [lost]
