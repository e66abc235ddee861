"""What a TrainingJob's status says at each point of its life, and that it says it once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.base.clock import to_rfc3339
from crosstree.core.job import Job
from crosstree.core.lifecycle import Hold, JobFacts, Move, Withdraw, next_move
from crosstree.core.lifecycle.decide import RETELL_SECONDS
from crosstree.core.plan import Span, Wait, WaitReason
from crosstree.core.pods import PodPhase
from crosstree.core.snapshot import NodeState
from crosstree.status import job as job_status
from crosstree.translate.stored import progress
from tests.support.builders.jobs import (
    KEY,
    T0,
    UID,
    a_job,
    a_node,
    a_place,
    a_pod,
    facts,
    failed,
    moved,
    placed,
    pods,
    running,
)


def built(looked: JobFacts, move: Move | None = None) -> dict:
    return job_status.build(looked, move or next_move(looked))


def condition(status: dict, kind: str) -> dict:
    return next(c for c in status["conditions"] if c["type"] == kind)


def conditions(status: dict) -> dict[str, str]:
    return {c["type"]: c["status"] for c in status["conditions"]}


def test_a_placed_job_says_where_and_how_tightly() -> None:
    status = built(facts(a_job(2), decision=a_place(2), at=T0))
    assert status["placement"] == {
        "pool": "east-h100",
        "model": "nvidia-h100-sxm",
        "resource": "nvidia.com/gpu",
        "workers": 2,
        "since": to_rfc3339(T0),
        "nodes": [{"name": "n0", "first": 0, "count": 1}, {"name": "n1", "first": 1, "count": 1}],
        "spans": [
            {"level": "leaf", "domains": 1, "lowerBound": 1},
            {"level": "node", "domains": 2, "lowerBound": 2},
        ],
    }
    assert (status["phase"], status["attempt"], status["span"], status["accelerators"]) == (
        "Starting",
        1,
        "1 leaf",
        16,
    )
    assert conditions(status) == {
        "Admitted": "True",
        "Placed": "True",
        "PodsReady": "False",
        "Suspended": "False",
        "Recovering": "False",
        "Preempted": "False",
        "Finished": "False",
    }


def test_a_job_that_cannot_run_says_why() -> None:
    verdict = Wait(KEY, UID, WaitReason.NOT_ENOUGH_FREE, "2 workers of 8 need 16; 4 are free.")
    status = built(facts(a_job(), decision=verdict, at=T0))
    assert status["waiting"] == {
        "reason": "NotEnoughFree",
        "message": "2 workers of 8 need 16; 4 are free.",
        "since": "2023-11-14T22:13:20Z",
        "asOf": "2023-11-14T22:13:20Z",
    }
    assert (status["phase"], condition(status, "Placed")["reason"]) == ("Pending", "NotEnoughFree")
    assert condition(status, "Admitted")["status"] == "True"


@pytest.mark.parametrize(
    "reason", [WaitReason.QUEUE_NOT_FOUND, WaitReason.QUEUE_NOT_ALLOWED, WaitReason.SHAPE_IMPOSSIBLE]
)
def test_a_job_somebody_must_change_is_not_admitted(reason: WaitReason) -> None:
    verdict = Wait(KEY, UID, reason, "There is no JobQueue x.")
    assert condition(built(facts(a_job(), decision=verdict)), "Admitted")["status"] == "False"


def test_waiting_for_the_same_reason_keeps_its_beginning() -> None:
    first = facts(a_job(), decision=Wait(KEY, UID, WaitReason.NOT_ENOUGH_FREE, "4 are free."), at=T0)
    job = moved(first)
    later = built(facts(job, decision=Wait(KEY, UID, WaitReason.NOT_ENOUGH_FREE, "6 are free."), at=T0 + 50))
    assert later["waiting"]["since"] == "2023-11-14T22:13:20Z"
    assert later["waiting"]["message"] == "6 are free."


def told(message: str, *, seconds: float, job: Job, reason: WaitReason = WaitReason.NOT_ENOUGH_FREE) -> dict:
    """Return what the status says of waiting once the scheduler has decided so, seconds after T0."""
    return built(facts(job, decision=Wait(KEY, UID, reason, message), at=T0 + seconds))["waiting"]


def a_waiting_job() -> Job:
    first = facts(a_job(), decision=Wait(KEY, UID, WaitReason.NOT_ENOUGH_FREE, "4 are free."), at=T0)
    return moved(first)


def test_counts_that_move_all_the_time_are_told_at_a_bounded_rate() -> None:
    job = a_waiting_job()
    assert told("5 are free.", seconds=RETELL_SECONDS - 1, job=job) == job.progress.observed["waiting"]
    later = told("6 are free.", seconds=RETELL_SECONDS, job=job)
    assert (later["message"], later["since"]) == ("6 are free.", "2023-11-14T22:13:20Z")
    assert later["asOf"] == "2023-11-14T22:13:40Z"


def test_a_job_whose_words_are_held_back_is_looked_at_when_they_are_due() -> None:
    verdict = Wait(KEY, UID, WaitReason.NOT_ENOUGH_FREE, "5 are free.")
    assert next_move(facts(a_waiting_job(), decision=verdict, at=T0 + 5)) == Hold(until=T0 + RETELL_SECONDS)


def test_a_reason_of_another_kind_is_told_at_once() -> None:
    later = told("2 are cordoned.", seconds=1, job=a_waiting_job(), reason=WaitReason.NODES_UNHEALTHY)
    assert (later["reason"], later["message"]) == ("NodesUnhealthy", "2 are cordoned.")


def test_lack_of_room_that_changes_its_form_is_not_told_at_every_turn() -> None:
    job = a_waiting_job()
    soon = told("Scattered.", seconds=1, job=job, reason=WaitReason.FRAGMENTED)
    assert soon == job.progress.observed["waiting"]
    later = told("Scattered.", seconds=RETELL_SECONDS, job=job, reason=WaitReason.FRAGMENTED)
    assert (later["reason"], later["message"]) == ("Fragmented", "Scattered.")


def test_an_answer_to_a_changed_spec_is_told_at_once() -> None:
    changed = replace(a_waiting_job(), generation=2)
    assert told("5 are free.", seconds=1, job=changed)["message"] == "5 are free."


def test_a_stored_reason_stays_until_the_scheduler_has_looked_again() -> None:
    first = facts(a_job(), decision=Wait(KEY, UID, WaitReason.FRAGMENTED, "x"), at=T0)
    job = moved(first)
    assert built(facts(job, decision=None, at=T0 + 9)) == job.progress.observed


def test_a_ready_gang_is_running_since_then() -> None:
    status = built(facts(placed(), pods(), at=T0 + 10))
    assert (status["phase"], status["startedAt"]) == ("Running", "2023-11-14T22:13:30Z")


LIVES: dict[str, tuple[Job, tuple]] = {
    "waiting": (a_job(), ()),
    "placed": (placed(), ()),
    "running": (running(), pods()),
    "suspended": (a_job(suspend=True), ()),
    "failed": (running(max_restarts=0), (failed(0), a_pod(1, terminating=True))),
}


@pytest.mark.parametrize("life", LIVES)
def test_nothing_new_means_the_very_same_status(life: str) -> None:
    job, some = LIVES[life]
    first = facts(job, some)
    stored = moved(first)
    again = facts(stored, some, at=first.now)
    status = built(again)
    assert job_status.changes(stored.progress.observed, status) == {}
    later = facts(stored, some, at=first.now + 1)
    assert built(later) == status


@pytest.mark.parametrize("life", LIVES)
def test_a_status_survives_being_stored_and_read(life: str) -> None:
    job, some = LIVES[life]
    looked = facts(job, some)
    status = built(looked)
    assert built(replace(looked, job=replace(job, progress=progress(status)))) == status or life == "failed"


def test_a_starting_gang_is_not_counted_aloud_at_first() -> None:
    few = tuple(a_pod(index) for index in range(5))
    status = built(facts(placed(20), few, at=T0 + 14))
    assert condition(status, "PodsReady")["message"] == "20 workers are starting."


def test_a_slow_start_is_counted_in_tenths() -> None:
    coming = tuple(a_pod(i, phase=PodPhase.PENDING) for i in range(5, 20))
    some = tuple(a_pod(i) for i in range(5)) + coming
    assert condition(built(facts(placed(20), some, at=T0 + 16)), "PodsReady")["message"] == (
        "At least 4 of 20 workers are ready."
    )


def test_an_image_that_cannot_be_pulled_is_named_and_stays_as_first_said() -> None:
    first = facts(placed(1), (a_pod(0, phase=PodPhase.PENDING, stuck="ErrImagePull: not found"),), at=T0 + 5)
    job = moved(first)
    said = condition(dict(job.progress.observed), "PodsReady")
    assert (said["reason"], said["message"]) == (
        "WaitingForImage",
        "Worker 0 on node n0 can't start: ErrImagePull: not found",
    )
    later = facts(job, (a_pod(0, phase=PodPhase.PENDING, stuck="ImagePullBackOff: back-off"),), at=T0 + 9)
    assert built(later) == job.progress.observed


def test_a_recovering_job_says_what_happened() -> None:
    status = built(facts(running(), (failed(1, 1, message="loss is nan"), a_pod(0))))
    assert status["phase"] == "Recovering"
    assert (
        condition(status, "Recovering")["message"] == "Worker 1 on node n1 failed: exit code 1: loss is nan."
    )
    assert status["restartsCharged"] == 1
    assert [(r["reason"], r["charged"]) for r in status["restarts"]] == [("WorkerFailed", True)]
    assert status["waiting"]["reason"] == "Recovering"


def test_pods_stuck_on_an_unreachable_node_are_named() -> None:
    first = facts(running(), (a_pod(0),))
    job = moved(first)
    stuck = (a_pod(1, terminating=True),)
    silent = a_node(1, NodeState.NOT_READY, since=T0, silent=True)
    status = built(facts(job, stuck, nodes=(a_node(0), silent)))
    assert (
        "Node n1 is NotReady and can't confirm that train-worker-1 ended"
        in condition(status, "Recovering")["message"]
    )
    assert status["waiting"]["message"] == (
        "Node n1 is NotReady and can't confirm that train-worker-1 ended: they are waited for until "
        "2023-11-14 22:18 UTC, then removed by force. Sooner if the node is back; or, if the machine is certainly "
        "down, delete its Node object or taint it node.kubernetes.io/out-of-service=nodeshutdown:NoExecute."
    )
    over = built(facts(job, stuck, nodes=(a_node(0), silent), at=T0 + 300))
    assert over["waiting"]["message"].endswith("ended: they are being removed by force.")
    reporting = built(
        facts(job, stuck, nodes=(a_node(0), a_node(1, NodeState.NOT_READY, since=T0)), at=T0 + 9000)
    )
    assert reporting["waiting"]["message"].startswith(
        "Node n1 is NotReady, but its kubelet reports: it is waited for until it confirms that train-worker-1 ended."
    )
    healed = built(facts(job, stuck, nodes=(a_node(0), a_node(1))))
    assert healed["waiting"]["message"].startswith("All pods of attempt 1 have to be gone")


def test_a_recovered_job_runs_again() -> None:
    first = facts(running(), (a_pod(0),))
    gone = facts(moved(first), ())
    free = facts(moved(gone), decision=a_place())
    again = facts(moved(free), pods(attempt=2))
    assert built(free)["phase"] == "Recovering"
    status = built(again)
    assert (status["phase"], status["attempt"]) == ("Running", 2)
    assert status["startedAt"] == "2023-11-14T22:13:30Z"


def test_a_suspended_job_is_suspended_once_its_pods_are_gone() -> None:
    first = facts(replace(running(), suspend=True), pods())
    stopping = moved(first)
    assert condition(dict(stopping.progress.observed), "Suspended")["reason"] == "Suspending"
    status = built(facts(stopping, ()))
    assert (status["phase"], status["waiting"]["reason"]) == ("Suspended", "Suspended")
    assert "placement" not in status


def test_a_refused_launch_says_so_with_the_servers_words_and_the_pause() -> None:
    status = built(facts(placed()), Withdraw("Pod train-worker-0 could not be created: exceeded quota"))
    assert status["waiting"]["reason"] == "PodsRefused"
    assert status["waiting"]["message"].endswith(
        "exceeded quota. All pods are taken back; the next try is in 30 s."
    )


def test_a_failed_job_says_so_for_good() -> None:
    first = facts(running(max_restarts=0), (failed(0, 3), a_pod(1)))
    job = moved(first)
    status = built(facts(job, (failed(0, 3),)))
    assert (status["phase"], condition(status, "Finished")["reason"]) == ("Failed", "MaxRestartsExceeded")
    assert "placement" in status
    assert "waiting" not in status


def test_a_gang_that_succeeds_says_when() -> None:
    status = built(facts(running(), pods(phase=PodPhase.SUCCEEDED), at=T0 + 100))
    assert (status["phase"], status["finishedAt"]) == ("Succeeded", "2023-11-14T22:15:00Z")


@pytest.mark.parametrize(
    ("spans", "preferred", "required", "span"),
    [
        ((Span("spine", 1, 1), Span("leaf", 3, 2)), "leaf", "", "3 leaf"),
        ((Span("spine", 1, 1), Span("leaf", 3, 2)), "", "spine", "1 spine"),
        ((Span("spine", 1, 1), Span("leaf", 3, 2), Span("node", 4, 4)), "", "", "3 leaf"),
        ((Span("node", 4, 4),), "", "", ""),
    ],
)
def test_the_span_shown_is_that_of_the_level_that_matters(
    spans: tuple[Span, ...], preferred: str, required: str, span: str
) -> None:
    job = placed()
    assert job.progress.placement is not None
    gang = replace(job.gang, preferred=preferred, required=required)
    assert job_status.span_of(replace(job, gang=gang), replace(job.progress.placement, spans=spans)) == span


def test_a_job_that_cannot_be_understood_says_so_and_keeps_the_rest() -> None:
    stored = dict(running().progress.observed)
    status = job_status.broken(stored, "spec.workers is 'x'.", generation=2, now=T0 + 99)
    assert status["waiting"]["reason"] == "InvalidSpec"
    assert condition(status, "Admitted")["status"] == "False"
    assert (status["placement"], status["phase"]) == (stored["placement"], "Running")
    assert job_status.broken(status, "spec.workers is 'x'.", generation=2, now=T0 + 500) == status


def test_changes_name_what_is_gone_with_null() -> None:
    assert job_status.changes({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5}) == {"b": 5, "c": None}
