"""Which Events a change of status implies."""

from __future__ import annotations

from crosstree.core.lifecycle import Withdraw, next_move
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.pods import PodPhase
from crosstree.status import job as job_status
from crosstree.status.events import implied
from tests.support.builders.jobs import KEY, UID, a_job, a_place, a_pod, facts, failed, placed, pods, running


def told(looked, move=None) -> list[tuple[str, str]]:
    new = job_status.build(looked, move or next_move(looked))
    return [(event.type.value, event.reason) for event in implied(looked.job.progress.observed, new)]


def test_nothing_new_is_not_told() -> None:
    assert told(facts(running(), pods())) == []


def test_a_placement_is_told() -> None:
    assert told(facts(a_job(), decision=a_place())) == [("Normal", "GangPlaced")]


def test_a_running_gang_is_told_once() -> None:
    assert told(facts(placed(), pods())) == [("Normal", "Running")]


def test_waiting_for_room_is_normal_and_a_queue_that_does_not_take_the_job_is_a_warning() -> None:
    room = Wait(KEY, UID, WaitReason.NOT_ENOUGH_FREE, "x")
    assert told(facts(a_job(), decision=room)) == [("Normal", "NotEnoughFree")]
    for reason in (WaitReason.QUEUE_NOT_FOUND, WaitReason.QUEUE_NOT_ALLOWED):
        assert told(facts(a_job(), decision=Wait(KEY, UID, reason, "x"))) == [("Warning", reason.value)]


def test_the_end_of_an_attempt_is_a_warning_with_its_cause() -> None:
    assert told(facts(running(), (failed(0), a_pod(1)))) == [("Warning", "WorkerFailed")]


def test_refused_pods_are_told_once_as_such() -> None:
    assert told(facts(placed()), Withdraw("exceeded quota")) == [("Warning", "PodsRefused")]


def test_ends_are_told() -> None:
    assert told(facts(running(), pods(phase=PodPhase.SUCCEEDED))) == [("Normal", "Succeeded")]
    assert told(facts(running(max_restarts=0), (failed(0), a_pod(1)))) == [("Warning", "MaxRestartsExceeded")]


def test_suspension_is_told_when_it_is_complete() -> None:
    assert told(facts(a_job(suspend=True))) == [("Normal", "Suspended")]
