"""What happens next to a TrainingJob."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.job import Progress, Restart
from crosstree.core.lifecycle import (
    Expire,
    Finish,
    GiveBack,
    Hold,
    Launch,
    Recover,
    Release,
    Reopen,
    StorePlacement,
    Suspend,
    Sweep,
    Trouble,
    Withdraw,
    after_creation,
    avoided,
    backoff,
    banned,
    next_move,
    wants_placement,
)
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.pods import Exit, PodPhase
from crosstree.core.snapshot import NodeState
from tests.support.builders.jobs import (
    T0,
    UID,
    a_job,
    a_node,
    a_place,
    a_pod,
    after_move,
    facts,
    failed,
    moved,
    placed,
    pods,
    running,
)


def test_a_new_job_wants_a_place() -> None:
    assert wants_placement(a_job(), ())


@pytest.mark.parametrize("change", [{"suspend": True}, {"deleting": True}])
def test_a_job_that_may_not_run_wants_no_place(change: dict[str, bool]) -> None:
    assert not wants_placement(a_job(**change), ())


def test_a_placed_job_wants_no_other_place() -> None:
    assert not wants_placement(placed(), ())


def test_a_job_with_a_pod_of_an_earlier_attempt_wants_no_place_yet() -> None:
    assert not wants_placement(a_job(), (a_pod(0),))


def test_a_job_whose_deleted_namesake_left_a_pod_wants_no_place_yet() -> None:
    assert not wants_placement(a_job(), (a_pod(0, job_uid="uid-of-old"),))


def test_somebodys_pod_under_another_name_is_no_obstacle() -> None:
    assert wants_placement(a_job(), (a_pod(0, job_uid="other", name="notebook-0"),))


def test_a_job_decided_on_stores_its_placement_first() -> None:
    move = next_move(facts(a_job(), decision=a_place()))
    assert move == StorePlacement(a_place())


def test_a_job_too_new_to_be_decided_on_is_left_alone() -> None:
    assert next_move(facts(a_job(created=T0), at=T0 + 0.5)) == Hold(until=T0 + 2, quiet=True)


def test_a_placement_for_a_job_suspended_meanwhile_is_given_back() -> None:
    assert next_move(facts(a_job(suspend=True), decision=a_place())) == GiveBack()


def test_a_placement_for_a_deleted_namesake_is_given_back() -> None:
    assert next_move(facts(a_job(), decision=a_place(uid="uid-of-old"))) == GiveBack()


def test_a_placed_job_launches_every_missing_worker() -> None:
    assert next_move(facts(placed(3), pods(3)[1:2])) == Launch((0, 2))


def test_a_place_that_others_have_taken_too_is_given_back_by_the_gang_that_has_no_pod_yet() -> None:
    crowd = (a_node(0, crowded=8), a_node(1))
    assert next_move(facts(placed(2), nodes=crowd)) == Release()
    assert next_move(facts(placed(2), (a_pod(0),), nodes=crowd)) == Launch((1,))


def test_a_gang_whose_place_was_given_twice_waits_for_another_and_says_why() -> None:
    found = facts(placed(2), nodes=(a_node(0, crowded=8), a_node(1)))
    stored = after_move(found, Release())
    assert stored.progress.placement is None
    assert wants_placement(stored, ())
    waiting = stored.progress.observed["waiting"]
    assert waiting["reason"] == "Recovering"
    assert waiting["message"].startswith("The place of attempt 1 was taken by others")


def test_a_worker_lost_before_the_gang_was_ever_ready_is_made_again() -> None:
    assert next_move(facts(placed(2), (a_pod(0),))) == Launch((1,))


def test_a_launch_waits_for_pods_of_an_earlier_attempt() -> None:
    old = a_pod(0, attempt=0)
    assert next_move(facts(placed(2), (old,))) == Sweep(pods=(old,))


def test_a_placed_job_whose_pod_name_is_taken_is_withdrawn() -> None:
    move = next_move(facts(placed(2), (a_pod(1, job_uid="other"),)))
    assert isinstance(move, Withdraw)
    assert "train-worker-1 exists already" in move.message


def test_a_running_gang_is_left_alone() -> None:
    assert next_move(facts(running(), pods())) == Hold()


def test_a_gang_that_succeeded_as_a_whole_has_finished() -> None:
    move = next_move(facts(running(), pods(phase=PodPhase.SUCCEEDED)))
    assert move == Finish(None, "All 2 workers succeeded.")


def test_a_gang_that_succeeded_in_part_goes_on() -> None:
    assert next_move(facts(running(), (a_pod(0, phase=PodPhase.SUCCEEDED), a_pod(1)))) == Hold()


def test_a_pod_deleted_from_a_running_gang_restarts_it_without_charge() -> None:
    move = next_move(facts(running(), (a_pod(0),)))
    assert isinstance(move, Recover)
    assert (move.cause.value, move.charged) == ("PodDeleted", False)


def test_a_pod_being_deleted_from_a_running_gang_restarts_it_at_once() -> None:
    move = next_move(facts(running(), (a_pod(0), a_pod(1, terminating=True))))
    assert isinstance(move, Recover)
    assert "train-worker-1" in move.message


def test_who_ended_for_want_of_a_deleted_worker_is_not_charged() -> None:
    lost = a_pod(0, phase=PodPhase.FAILED, exit=Exit(1, "Error", "", T0 + 40))
    leaving = a_pod(1, terminating=True, due=T0 + 70, grace=30.0)
    for left in ((lost,), (lost, leaving)):
        move = next_move(facts(running(), left))
        assert isinstance(move, Recover)
        assert (move.cause.value, move.charged, move.worker) == ("PodDeleted", False, 1)


def test_a_worker_that_failed_before_another_was_deleted_is_charged() -> None:
    failed = a_pod(0, phase=PodPhase.FAILED, exit=Exit(1, "Error", "", T0 + 39))
    move = next_move(facts(running(), (failed, a_pod(1, terminating=True, due=T0 + 70, grace=30.0))))
    assert isinstance(move, Recover)
    assert (move.cause.value, move.charged, move.worker) == ("WorkerFailed", True, 0)


def test_a_deleted_worker_that_has_succeeded_hides_no_other() -> None:
    done = a_pod(0, phase=PodPhase.SUCCEEDED, terminating=True)
    move = next_move(facts(running(), (done, a_pod(1, terminating=True))))
    assert isinstance(move, Recover) and move.worker == 1


def test_a_recovering_gang_deletes_all_its_pods() -> None:
    job = _recovering()
    assert next_move(facts(job, pods())) == Sweep(pods=pods())


def test_a_recovering_gang_waits_for_the_last_pod() -> None:
    assert next_move(facts(_recovering(), (a_pod(1, terminating=True),))) == Sweep()


def test_a_recovering_gang_without_pods_gives_up_its_placement() -> None:
    assert next_move(facts(_recovering(), ())) == Release()


def test_a_pod_on_a_node_that_is_gone_is_removed_by_force() -> None:
    stranded = a_pod(1, terminating=True)
    looked = facts(_recovering(), (stranded,), nodes=(a_node(0), a_node(1, exists=False)))
    assert next_move(looked) == Sweep(force=(stranded,))


def test_a_pod_on_a_node_that_does_not_answer_is_waited_for() -> None:
    stuck = a_pod(1, terminating=True)
    silent = a_node(1, NodeState.NOT_READY, since=T0, silent=True)
    looked = facts(_recovering(), (stuck,), nodes=(a_node(0), silent))
    assert next_move(looked) == Sweep(until=T0 + 300)
    assert next_move(replace(looked, now=T0 + 299)) == Sweep(until=T0 + 300)


def test_a_pod_on_a_silent_node_is_removed_by_force_once_the_bound_is_over() -> None:
    stuck = a_pod(1, terminating=True)
    silent = a_node(1, NodeState.NOT_READY, since=T0, silent=True)
    looked = facts(_recovering(), (stuck,), nodes=(a_node(0), silent), at=T0 + 120, unreachable_timeout=120.0)
    assert next_move(looked) == Sweep(force=(stuck,))


def test_a_node_that_reports_not_ready_is_waited_for_however_long_it_takes() -> None:
    saving = a_pod(1, terminating=True, due=T0 + 60)
    reporting = a_node(1, NodeState.NOT_READY, since=T0)
    looked = facts(_recovering(), (saving,), nodes=(a_node(0), reporting), at=T0 + 86_400)
    assert next_move(looked) == Sweep()
    down = replace(reporting, out_of_service=True)
    assert next_move(replace(looked, nodes=(a_node(0), down))) == Sweep(force=(saving,))


def test_a_pod_on_a_silent_node_keeps_its_own_grace_where_that_is_longer_than_the_bound() -> None:
    saving = a_pod(1, terminating=True, due=T0 + 630)
    silent = a_node(1, NodeState.NOT_READY, since=T0, silent=True)
    looked = facts(_recovering(), (saving,), nodes=(a_node(0), silent), at=T0 + 629)
    assert next_move(looked) == Sweep(until=T0 + 630)
    assert next_move(replace(looked, now=T0 + 630)) == Sweep(force=(saving,))


def test_a_pod_is_told_to_go_before_it_is_removed_by_force() -> None:
    deaf = a_pod(1)
    silent = a_node(1, NodeState.NOT_READY, since=T0 - 1000, silent=True)
    looked = facts(_recovering(), (deaf,), nodes=(a_node(0), silent))
    assert next_move(looked) == Sweep(pods=(deaf,))


def test_a_node_silent_since_nobody_knows_when_is_waited_for_from_the_end_of_the_attempt_on() -> None:
    stuck = a_pod(1, terminating=True)
    silent = a_node(1, NodeState.NOT_READY, since=0.0, silent=True)
    looked = facts(_recovering(), (stuck,), nodes=(a_node(0), silent))
    assert isinstance(move := next_move(looked), Sweep)
    assert not move.force and move.until is not None and move.until > T0 + 300


def test_what_an_admin_calls_out_of_service_is_not_waited_for() -> None:
    stuck = a_pod(1, terminating=True)
    down = a_node(1, NodeState.NOT_READY, since=T0 + 59, out_of_service=True)
    assert next_move(facts(_recovering(), (stuck,), nodes=(a_node(0), down))) == Sweep(force=(stuck,))
    well = a_node(1, out_of_service=True)
    assert next_move(facts(_recovering(), (stuck,), nodes=(a_node(0), well))) == Sweep()


def test_after_recovery_the_job_wants_a_place_again() -> None:
    looked = facts(_recovering(), ())
    job = moved(looked)
    assert wants_placement(job, ())
    assert job.progress.attempt == 1


def test_the_attempt_rises_with_the_next_placement() -> None:
    looked = facts(_recovering(), ())
    free = facts(moved(looked), decision=a_place())
    assert moved(free).progress.attempt == 2


def test_suspending_a_running_job_stops_it() -> None:
    assert next_move(facts(replace(running(), suspend=True), pods())) == Suspend()


def test_resuming_a_job_while_it_stops_lets_it_stop_first() -> None:
    looked = facts(replace(running(), suspend=True), pods())
    stopping = replace(moved(looked), suspend=False)
    assert next_move(facts(stopping, pods())) == Sweep(pods=pods())


def test_a_job_suspended_from_birth_holds() -> None:
    assert next_move(facts(a_job(suspend=True))) == Hold()


def test_a_finished_job_deletes_workers_that_still_run_and_keeps_the_others() -> None:
    assert next_move(facts(_failed_for_good(), (failed(0), a_pod(1)))) == Sweep(pods=(a_pod(1),))


def test_a_finished_job_expires_when_its_time_is_over() -> None:
    job = replace(_failed_for_good(), ttl_after_finished=100.0)
    ended = job.progress.finished_at
    assert ended is not None
    assert next_move(facts(job, (failed(0),), at=ended + 99)) == Hold(until=ended + 100)
    assert next_move(facts(job, (failed(0),), at=ended + 100)) == Expire()


def test_a_finished_job_without_time_to_live_stays() -> None:
    assert next_move(facts(_failed_for_good(), (failed(0),), at=T0 + 1e9)) == Hold()


def test_a_job_being_deleted_is_not_touched() -> None:
    assert next_move(facts(replace(running(), deleting=True), pods())) == Hold(quiet=True)


def test_refused_pods_are_withdrawn_with_the_servers_sentence() -> None:
    move = after_creation(facts(placed()), [Trouble("Pod a", "exceeded quota", final=True)])
    assert move == Withdraw("Pod a could not be created: exceeded quota")


def test_a_struggling_server_is_given_time() -> None:
    troubles = [Trouble("Pod a", "503", final=False)]
    assert after_creation(facts(placed(), at=T0 + 60), troubles) is None
    assert isinstance(after_creation(facts(placed(), at=T0 + 121), troubles), Withdraw)


def test_a_gang_that_has_been_whole_is_not_given_up_because_the_api_server_struggles() -> None:
    struggling = [Trouble("Pod train-worker-1", "503 Service Unavailable", final=False)]
    assert after_creation(facts(running(), (a_pod(0),), at=T0 + 86_400), struggling) is None
    refused = [Trouble("Pod train-worker-1", "exceeded quota", final=True)]
    assert isinstance(after_creation(facts(running(), (a_pod(0),), at=T0 + 86_400), refused), Withdraw)


def test_after_a_refusal_the_job_pauses_and_is_then_seen_again() -> None:
    job = _refused()
    assert not wants_placement(job, ())
    assert next_move(facts(job, at=T0 + 89)) == Hold(until=T0 + 90)
    looked = facts(job, at=T0 + 90)
    assert next_move(looked) == Reopen()
    assert wants_placement(after_move(looked, Reopen()), ())


@pytest.mark.parametrize(("refusals", "pause"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 600), (9, 600)])
def test_pauses_double_up_to_ten_minutes(refusals: int, pause: int) -> None:
    entries = [Restart(T0 + 600 * n, "PodsRefused", charged=False) for n in range(refusals)]
    assert backoff(entries) == pause


def test_pauses_start_over_after_something_else_happened() -> None:
    entries = [Restart(T0, "PodsRefused"), Restart(T0, "WorkerFailed"), Restart(T0, "PodsRefused")]
    assert backoff(entries) == 30


def test_nodes_at_fault_are_avoided_for_a_while() -> None:
    entries = [
        Restart(T0, "NodeNotReady", "n3"),
        Restart(T0, "WorkerFailed", "n4"),
        Restart(T0, "Disrupted", "n1"),
    ]
    assert avoided(entries, T0 + 299) == ("n1", "n3")
    assert avoided(entries, T0 + 300) == ()


def test_a_node_at_fault_twice_is_banned_for_as_long() -> None:
    entries = [
        Restart(T0, "NodeNotReady", "n3"),
        Restart(T0 + 100, "Disrupted", "n3"),
        Restart(T0, "NodeLost", "n1"),
    ]
    assert avoided(entries, T0 + 200) == ("n1", "n3")
    assert banned(entries, T0 + 200) == ("n3",)
    assert banned(entries, T0 + 310) == ()


def test_a_verdict_alone_moves_nothing() -> None:
    verdict = Wait(a_job().key, UID, WaitReason.NOT_ENOUGH_FREE, "2 workers need 16.")
    assert next_move(facts(a_job(), decision=verdict)) == Hold()


def test_a_fresh_status_is_empty() -> None:
    assert a_job().progress == Progress()


def _recovering():
    looked = facts(running(), (a_pod(0),))
    return moved(looked)


def _failed_for_good():
    looked = facts(running(max_restarts=0), (failed(0), a_pod(1)))
    return moved(looked)


def _refused():
    looked = facts(placed())
    withdrawn = facts(after_move(looked, Withdraw("exceeded quota")), ())
    return moved(withdrawn)
