"""Why an attempt ends, who pays for it, and which node is kept away from."""

from __future__ import annotations

import pytest

from crosstree.core.job import Progress
from crosstree.core.lifecycle import Finish, Hold, Move, Recover, next_move
from crosstree.core.lifecycle.facts import NEVER_READY
from crosstree.core.lifecycle.moves import Cause
from crosstree.core.pods import PodPhase
from crosstree.core.snapshot import NodeState
from crosstree.status.conditions import Reason
from tests.support.builders.jobs import (
    T0,
    a_node,
    a_place,
    a_pod,
    after_move,
    facts,
    failed,
    moved,
    outcome,
    placed,
    pods,
    running,
)

NOW = T0 + 100


def decide(*some, nodes=None, **changes) -> Move:
    looked = facts(running(**changes), some, at=NOW)
    return next_move(looked if nodes is None else facts(looked.job, some, at=NOW, nodes=nodes))


def test_a_failed_worker_restarts_the_gang_at_the_jobs_expense() -> None:
    move = decide(failed(0, 1, message="loss is nan"), a_pod(1))
    assert outcome(move) == ("WorkerFailed", True, "")
    assert move.message == "Worker 0 on node n0 failed: exit code 1: loss is nan."


def test_the_worker_that_ended_first_is_blamed() -> None:
    move = decide(failed(0, 1, at=T0 + 60), failed(1, 134, at=T0 + 50))
    assert "Worker 1" in move.message


def test_the_last_restart_allowed_is_followed_by_failure() -> None:
    move = decide(failed(1, 3, message="boom"), a_pod(0), max_restarts=0)
    assert move == Finish(
        Cause.MAX_RESTARTS_EXCEEDED,
        "Worker 1 on node n1 failed: exit code 3: boom. spec.restart.maxRestarts is 0 and all are used.",
    )


@pytest.mark.parametrize("code", [126, 127])
def test_a_command_that_cannot_be_run_fails_the_job_at_once(code: int) -> None:
    move = decide(failed(0, code), a_pod(1))
    assert isinstance(move, Finish)
    assert move.cause is Cause.COMMAND_NOT_RUNNABLE


def test_a_container_without_its_executable_fails_the_job_at_once() -> None:
    words = 'exec: "torchrn": executable file not found in $PATH'
    move = decide(failed(0, 128, reason="StartError", message=words), a_pod(1))
    assert isinstance(move, Finish)


def test_a_container_that_could_not_start_otherwise_is_tried_again() -> None:
    move = decide(failed(0, 128, reason="StartError", message="device hook failed"), a_pod(1))
    assert outcome(move) == ("WorkerFailed", True, "")


def test_a_worker_out_of_memory_is_tried_once_more_and_no_further() -> None:
    end = failed(0, 137, reason="OOMKilled")
    first = facts(running(max_restarts=5), (end, a_pod(1)))
    move = next_move(first)
    assert outcome(move) == ("OutOfMemory", True, "")
    again = _next_attempt(after_move(first, move))
    second = next_move(facts(again, (failed(0, 137, reason="OOMKilled", attempt=2), a_pod(1, attempt=2))))
    assert isinstance(second, Finish)
    assert second.cause is Cause.OUT_OF_MEMORY
    assert "raise the memory limit" in second.message


def test_a_disrupted_worker_costs_nothing_and_its_node_is_avoided() -> None:
    assert outcome(decide(failed(0, 137, disrupted=True), a_pod(1))) == ("Disrupted", False, "n0")


def test_a_worker_about_to_be_evicted_restarts_the_gang_before_it_ends() -> None:
    assert outcome(decide(a_pod(0, disrupted=True), a_pod(1))) == ("Disrupted", False, "n0")


def test_what_a_kubelet_says_of_a_pod_that_it_refused_is_told():
    words = "UnexpectedAdmissionError: Allocate failed:  Requested: 2, Available: 0"
    move = decide(a_pod(0, phase=PodPhase.FAILED, disrupted=True, stuck=words), a_pod(1))
    assert isinstance(move, Recover)
    assert move.message == (
        "Worker 0 on node n0 was disrupted: UnexpectedAdmissionError: Allocate failed: Requested: 2, Available: 0."
    )


def test_a_disruption_outweighs_the_failures_it_caused() -> None:
    move = decide(failed(0, 1, at=T0 + 40), failed(1, 137, at=T0 + 50, disrupted=True))
    assert outcome(move) == ("Disrupted", False, "n1")


def test_a_failure_on_a_node_that_is_not_ready_is_the_nodes() -> None:
    nodes = (a_node(0, NodeState.NOT_READY, since=NOW - 1), a_node(1))
    assert outcome(decide(failed(0, 1), a_pod(1), nodes=nodes)) == ("NodeNotReady", False, "n0")


def test_a_failure_with_a_device_lost_is_the_nodes() -> None:
    assert outcome(decide(failed(0, 1), a_pod(1), nodes=(a_node(0, overcommitted=1), a_node(1)))) == (
        "DeviceLost",
        False,
        "n0",
    )


@pytest.mark.parametrize(
    ("state", "cause"), [(NodeState.NOT_READY, "NodeNotReady"), (NodeState.UNHEALTHY, "NodeUnhealthy")]
)
def test_a_node_unwell_for_longer_than_the_grace_restarts_the_gang(state: NodeState, cause: str) -> None:
    assert outcome(decide(*pods(), nodes=(a_node(0), a_node(1, state, since=NOW - 30)))) == (
        cause,
        False,
        "n1",
    )


def test_a_node_unwell_within_the_grace_is_waited_for() -> None:
    nodes = (a_node(0), a_node(1, NodeState.NOT_READY, since=NOW - 10))
    assert decide(*pods(), nodes=nodes) == Hold(until=NOW + 20)


def test_a_node_that_is_gone_restarts_the_gang_at_once() -> None:
    assert outcome(decide(*pods(), nodes=(a_node(0, exists=False), a_node(1)))) == ("NodeLost", False, "n0")


def test_a_cordoned_node_does_not_disturb_what_runs() -> None:
    assert decide(*pods(), nodes=(a_node(0, NodeState.CORDONED), a_node(1))) == Hold()


def test_a_node_whose_workers_all_succeeded_may_go() -> None:
    some = (a_pod(0, phase=PodPhase.SUCCEEDED), a_pod(1))
    assert decide(*some, nodes=(a_node(0, exists=False), a_node(1))) == Hold()


def test_devices_lost_for_longer_than_the_grace_restart_the_gang() -> None:
    lost = (a_node(0, overcommitted=2), a_node(1))
    looked = facts(running(), pods(), at=NOW, nodes=lost)
    assert next_move(looked) == Hold()
    noted = moved(looked)
    assert next_move(facts(noted, pods(), at=NOW + 29, nodes=lost)) == Hold(until=NOW + 30)
    assert outcome(next_move(facts(noted, pods(), at=NOW + 30, nodes=lost))) == ("DeviceLost", False, "n0")


def test_devices_lost_a_moment_ago_have_their_grace_however_long_a_worker_was_not_ready() -> None:
    unready = (a_pod(0), a_pod(1, ready=False))
    before = facts(running(), unready, at=NOW)
    lost = (a_node(0, overcommitted=2), a_node(1))
    looked = facts(moved(before), unready, at=NOW + 600, nodes=lost)
    move = next_move(looked)
    assert isinstance(move, Hold)
    noted = after_move(looked, move)
    assert isinstance(next_move(facts(noted, unready, at=NOW + 629, nodes=lost)), Hold)
    assert outcome(next_move(facts(noted, unready, at=NOW + 630, nodes=lost))) == ("DeviceLost", False, "n0")


def test_devices_that_come_back_within_the_grace_restart_nothing() -> None:
    looked = facts(running(), pods(), at=NOW, nodes=(a_node(0, overcommitted=2), a_node(1)))
    noted = moved(looked)
    assert next_move(facts(noted, pods(), at=NOW + 40)) == Hold()


def test_a_device_reported_unhealthy_restarts_the_gang_after_the_grace() -> None:
    sick = (a_pod(0, unhealthy_device=True), a_pod(1))
    looked = facts(running(), sick, at=NOW)
    noted = moved(looked)
    assert outcome(next_move(facts(noted, sick, at=NOW + 30))) == ("DeviceLost", False, "n0")


def test_a_pinned_pod_that_cannot_be_bound_moves_the_gang_elsewhere() -> None:
    stuck = a_pod(
        1, phase=PodPhase.PENDING, node="", stuck="Unschedulable: 1 Insufficient cpu", stuck_since=T0
    )
    looked = facts(placed(), (a_pod(0), stuck), at=T0 + 30)
    assert outcome(next_move(looked)) == ("PodUnschedulable", False, "n1")


def test_a_pinned_pod_is_given_time_to_be_bound() -> None:
    stuck = a_pod(1, phase=PodPhase.PENDING, node="", stuck="Unschedulable: x", stuck_since=T0 + 5)
    assert next_move(facts(placed(), (a_pod(0), stuck), at=T0 + 20)) == Hold(until=T0 + 35)


def test_an_image_that_cannot_be_pulled_is_waited_for() -> None:
    stuck = a_pod(1, phase=PodPhase.PENDING, stuck="ImagePullBackOff: no such image", stuck_since=T0)
    assert isinstance(next_move(facts(placed(), (a_pod(0), stuck), at=T0 + 4000)), Hold)


def test_every_cause_is_a_reason_of_the_status() -> None:
    assert {cause.value for cause in Cause} <= {reason.value for reason in Reason}


def test_every_reason_of_an_unready_start_is_a_reason_of_the_status() -> None:
    assert {reason.value for reason in Reason} >= NEVER_READY


def _next_attempt(recovering):
    gone = facts(recovering, ())
    free = facts(moved(gone), decision=a_place())
    launched = moved(free)
    assert isinstance(launched.progress, Progress)
    return launched
