"""A worker that is made again alone: recorded once, gone before it comes anew, and never against the node's will."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.job import Job
from crosstree.core.lifecycle import Finish, Launch, Recover, Remake, Sweep, next_move
from crosstree.core.plan import Rung
from crosstree.core.pods import PodPhase
from crosstree.core.snapshot import NodeState
from tests.support.builders.jobs import T0, a_node, a_pod, facts, failed, moved, placed, running
from tests.support.builders.jobs import nodes as well


def alone(**changes: object) -> Job:
    return replace(running(), alone=True, **changes)  # type: ignore[arg-type]


def recorded() -> Job:
    first = facts(alone(), (a_pod(0), failed(1)))
    return replace(moved(first), alone=True)


def test_a_failed_worker_is_recorded_and_charged_before_anything_is_deleted() -> None:
    move = next_move(facts(alone(), (a_pod(0), failed(1))))
    assert isinstance(move, Remake)
    assert (move.pod.index, move.charged, move.cause.value) == (1, True, "WorkerFailed")
    job = recorded()
    assert job.progress.restarts_charged == 1
    assert job.progress.recovery is not None
    assert (job.progress.recovery.rung, job.progress.recovery.pod) == (Rung.WORKER, "pod-1")
    assert job.progress.placement is not None


def test_what_is_recorded_is_not_charged_again_but_deleted() -> None:
    ended = failed(1)
    job = replace(recorded(), max_restarts=1)
    assert next_move(facts(job, (a_pod(0), ended))) == Sweep(pods=(ended,))
    assert next_move(facts(job, (a_pod(0), replace(ended, terminating=True)))) == Sweep()


def test_the_worker_comes_anew_once_its_pod_is_gone() -> None:
    assert next_move(facts(recorded(), (a_pod(0),))) == Launch((1,))


def test_the_next_pod_that_fails_is_charged_again_until_the_restarts_are_used_up() -> None:
    again = facts(recorded(), (a_pod(0), failed(1, uid="pod-7")))
    assert isinstance(next_move(again), Remake)
    assert isinstance(next_move(replace(again, job=replace(again.job, max_restarts=1))), Finish)


def test_a_worker_on_a_node_that_takes_no_pods_costs_the_gang() -> None:
    cordoned = (a_node(0), a_node(1, NodeState.CORDONED))
    assert isinstance(next_move(facts(alone(), (a_pod(0), failed(1)), nodes=cordoned)), Recover)
    lost = (a_node(0), a_node(1, exists=False))
    assert isinstance(next_move(facts(recorded(), (a_pod(0), failed(1)), nodes=lost)), Recover)


def test_a_worker_that_somebody_deletes_comes_anew_at_no_charge() -> None:
    move = next_move(facts(alone(), (a_pod(0), a_pod(1, terminating=True)), nodes=well(), at=T0 + 60))
    assert isinstance(move, Remake)
    assert not move.charged


def test_before_the_gang_was_ever_whole_a_failure_is_the_gangs() -> None:
    job = replace(placed(), alone=True)
    assert isinstance(next_move(facts(job, (a_pod(0), failed(1)))), Recover)


def test_a_pod_that_its_node_refuses_costs_the_gang() -> None:
    refused = a_pod(1, phase=PodPhase.FAILED, disrupted=True, stuck="OutOfnvidia.com/gpu")
    assert isinstance(next_move(facts(alone(), (a_pod(0), refused))), Recover)
    driven_away = a_pod(1, phase=PodPhase.PENDING, disrupted=True, terminating=True)
    assert isinstance(next_move(facts(alone(), (a_pod(0), driven_away))), Recover)


def test_a_worker_whose_devices_somebody_else_took_costs_the_gang() -> None:
    crowded = (a_node(0), a_node(1, overcommitted=4))
    assert isinstance(next_move(facts(alone(), (a_pod(0), failed(1)), nodes=crowded)), Recover)


def test_a_worker_that_is_gone_from_a_node_that_takes_no_pods_costs_the_gang() -> None:
    cordoned = (a_node(0), a_node(1, NodeState.CORDONED))
    assert isinstance(next_move(facts(alone(), (a_pod(0),), nodes=cordoned)), Recover)


def test_a_worker_made_again_at_no_charge_has_to_last_before_the_next() -> None:
    evicted = a_pod(1, disrupted=True, terminating=True)
    first = facts(alone(), (a_pod(0), evicted), at=T0 + 60)
    job = replace(moved(first), alone=True)
    again = replace(evicted, uid="pod-7")
    assert isinstance(next_move(facts(job, (a_pod(0), again), at=T0 + 119)), Recover)
    assert isinstance(next_move(facts(job, (a_pod(0), again), at=T0 + 120)), Remake)
    elsewhere = a_pod(0, disrupted=True, terminating=True)
    assert isinstance(next_move(facts(job, (elsewhere, a_pod(1, uid="pod-7")), at=T0 + 61)), Remake)
    assert isinstance(next_move(facts(job, (a_pod(0), failed(1, uid="pod-7")), at=T0 + 61)), Remake)
