"""A gang that is stopped for another one, from the order to its next start; and the plan it is stopped for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crosstree.base.clock import to_rfc3339
from crosstree.core.checkpoint import Checkpoint
from crosstree.core.job import Job
from crosstree.core.lifecycle import Cause, Hold, JobFacts, Launch, Preempt, Release, Sweep, next_move, stands
from crosstree.core.plan import Evict, NodeShare, Promise, Resize, Wait, WaitReason
from crosstree.core.pods import PodFact
from crosstree.status import job as job_status
from tests.support.builders.jobs import (
    KEY,
    T0,
    UID,
    a_job,
    a_place,
    after_move,
    failed,
    moved,
    nodes,
    placed,
    pods,
    running,
)

NOW = T0 + 1000
ORDER = Evict(KEY, UID, "ml/big", "It makes room for big.")
PLAN = Promise(
    "east-h100", (NodeShare("n0", 0, 1), NodeShare("n1", 1, 1)), ("uid-v",), T0 + 700, T0 + 60, (), ("v",)
)


def ordered(job: Job | None = None, order: Any = ORDER, **changes: Any) -> JobFacts:
    return JobFacts(
        job or running(), **{"pods": pods(2), "nodes": nodes(2), "decision": order, "now": NOW, **changes}
    )


def stopping(**changes: Any) -> Job:
    facts = ordered(replace(running(), **changes))
    return moved(facts)


def status_of(facts: JobFacts) -> dict[str, Any]:
    return job_status.build(facts, next_move(facts))


def test_a_gang_whose_place_another_gets_is_stopped_and_nothing_is_charged() -> None:
    facts = ordered()
    assert next_move(facts) == Preempt(Cause.PREEMPTED, "It makes room for big.")
    status = status_of(facts)
    assert status["phase"] == "Preempted"
    assert (status["restartsCharged"], status["restarts"][-1]["reason"]) == (0, "Preempted")
    found = {one["type"]: (one["status"], one["reason"], one["message"]) for one in status["conditions"]}
    assert found["Preempted"] == ("True", "Preempted", "It makes room for big.")
    assert found["Recovering"][0] == "False"
    assert found["Placed"][0] == "False"
    assert "recovery" not in status and "placement" in status


def test_what_was_borrowed_is_said_to_be_reclaimed() -> None:
    assert next_move(ordered(order=replace(ORDER, reclaimed=True))) == Preempt(Cause.RECLAIMED, ORDER.message)


def test_a_gang_that_starts_is_stopped_as_well() -> None:
    assert isinstance(next_move(ordered(placed(), pods=pods(1))), Preempt)


def test_an_order_to_another_job_of_the_name_is_not_obeyed() -> None:
    assert isinstance(next_move(ordered(order=replace(ORDER, uid="old"))), Hold)


def test_a_failure_goes_before_an_order_and_is_told_as_what_it_is() -> None:
    made = (*pods(2)[:1], failed(1))
    assert not isinstance(next_move(ordered(pods=made)), Preempt)


def test_its_pods_have_the_time_to_save_that_the_job_asks_for() -> None:
    job = stopping(checkpoint=Checkpoint(grace=120.0))
    move = next_move(ordered(job))
    assert isinstance(move, Sweep) and (len(move.pods), move.grace) == (2, 120.0)


def test_its_pods_never_have_less_time_than_their_own_template_gives_them() -> None:
    template = {"spec": {"terminationGracePeriodSeconds": 600, "containers": []}}
    move = next_move(ordered(stopping(checkpoint=Checkpoint(grace=120.0), template=template)))
    assert isinstance(move, Sweep) and move.grace is None


@pytest.mark.parametrize(("reported", "hurried"), [(NOW + 5, 2), (NOW - 5, 0), (None, 0)])
def test_pods_that_have_saved_their_work_since_are_told_to_hurry(
    reported: float | None, hurried: int
) -> None:
    text = "" if reported is None else to_rfc3339(reported)
    job = stopping(checkpoint=Checkpoint(grace=600.0, reported=text))
    going = tuple(replace(pod, terminating=True, due=NOW + 600) for pod in pods(2))
    move = next_move(ordered(job, pods=going, now=NOW + 10))
    assert isinstance(move, Sweep) and (len(move.pods), len(move.hurried)) == (0, hurried)


def test_a_report_of_one_pod_counts_for_all() -> None:
    job = stopping(checkpoint=Checkpoint(grace=600.0))
    going = [replace(pod, terminating=True, due=NOW + 600) for pod in pods(2)]
    going[1] = replace(going[1], checkpointed=to_rfc3339(NOW + 5))
    move = next_move(ordered(job, pods=tuple(going), now=NOW + 10))
    assert isinstance(move, Sweep) and len(move.hurried) == 2


def test_it_waits_as_any_other_and_is_preempted_until_it_runs_again() -> None:
    job = stopping()
    release = ordered(job, None, pods=())
    assert next_move(release) == Release()
    job = after_move(release, Release())
    assert job.progress.placement is None and job.progress.recovery is None
    waiting = ordered(job, Wait(KEY, UID, WaitReason.NOT_ENOUGH_FREE, "Nothing is free."), pods=())
    assert status_of(waiting)["phase"] == "Preempted"
    place = ordered(job, a_place(2), pods=())
    job = moved(place)
    again = tuple(replace(pod, attempt=2) for pod in pods(2))
    starting = ordered(job, None, pods=again[:1])
    assert isinstance(next_move(starting), Launch)
    ready = status_of(ordered(job, None, pods=again))
    assert ready["phase"] == "Running"
    assert next(one for one in ready["conditions"] if one["type"] == "Preempted")["status"] == "False"


def test_a_checkpoint_that_is_no_time_is_told_in_a_condition() -> None:
    facts = ordered(replace(running(), checkpoint=Checkpoint(reported="yesterday")), None)
    told = next(one for one in status_of(facts)["conditions"] if one["type"] == "Preempted")
    assert (told["status"], told["reason"]) == ("False", "NotPreempted")
    assert "'yesterday'" in told["message"] and "2026-01-31T12:00:00Z" in told["message"]


# the plan ---------------------------------------------------------------------------------------------------


def waiting(decision: Wait | None, plan: Promise | None = None) -> JobFacts:
    job = a_job()
    known = Wait(KEY, UID, WaitReason.WAITING_FOR_PREEMPTION, "Soon.", promise=plan)
    if plan is not None:
        facts = JobFacts(job, decision=known, now=NOW)
        job = moved(facts)
        assert job.progress.plan == plan, "a plan is read back as it was written"
    return JobFacts(job, decision=decision, now=NOW)


def verdict(promise: Promise | None, had: Promise | None) -> Wait:
    return Wait(KEY, UID, WaitReason.WAITING_FOR_PREEMPTION, "Soon.", promise=promise, had=had)


def test_a_plan_is_stored_with_its_nodes_victims_and_end() -> None:
    shrinking = replace(PLAN, victims=("uid-v", "uid-w"), smaller=(("uid-w", 4),), jobs=("v", ""))
    assert status_of(waiting(verdict(shrinking, None)))["plan"] == {
        "pool": "east-h100",
        "nodes": [{"name": "n0", "first": 0, "count": 1}, {"name": "n1", "first": 1, "count": 1}],
        "victims": [{"uid": "uid-v", "job": "v"}, {"uid": "uid-w", "workers": 4}],
        "since": to_rfc3339(T0 + 60),
        "until": to_rfc3339(T0 + 700),
        "begun": False,
    }
    told = replace(shrinking, begun=True)
    assert status_of(waiting(verdict(told, shrinking), shrinking))["plan"]["begun"] is True
    assert waiting(None, told).job.progress.plan == told
    assert waiting(None, shrinking).job.progress.plan == shrinking


def test_a_plan_stays_while_nobody_has_decided_anew() -> None:
    assert "plan" in status_of(waiting(None, PLAN))


def test_a_decision_that_did_not_know_the_plan_does_not_change_it() -> None:
    other = replace(PLAN, victims=("uid-x",), jobs=("x",))
    stale = status_of(waiting(verdict(other, None), PLAN))
    assert [one["uid"] for one in stale["plan"]["victims"]] == ["uid-v"]
    assert "plan" in status_of(waiting(verdict(None, None), PLAN))


def test_a_plan_that_is_void_goes() -> None:
    assert "plan" not in status_of(waiting(verdict(None, PLAN), PLAN))
    other = replace(PLAN, victims=("uid-x",), jobs=("x",))
    assert status_of(waiting(verdict(other, PLAN), PLAN))["plan"]["victims"] == [{"uid": "uid-x", "job": "x"}]


def test_a_plan_goes_with_the_placement_that_came_of_it() -> None:
    facts = replace_decision(waiting(None, PLAN))
    assert "plan" not in status_of(facts)


def replace_decision(facts: JobFacts) -> JobFacts:
    return JobFacts(facts.job, decision=a_place(2), now=NOW)


def test_a_plan_goes_when_the_job_is_suspended() -> None:
    facts = waiting(None, PLAN)
    assert "plan" not in status_of(JobFacts(replace(facts.job, suspend=True), now=NOW))


def test_an_order_stands_as_long_as_the_plan_is_in_the_status_of_who_gets_the_place() -> None:
    big = waiting(None, replace(PLAN, victims=(UID,))).job
    assert stands(ORDER, big)
    assert not stands(ORDER, None)
    assert not stands(ORDER, replace(big, deleting=True))
    assert not stands(ORDER, replace(big, suspend=True))
    assert not stands(ORDER, waiting(None, PLAN).job)
    assert not stands(ORDER, a_job())
    assert stands(Resize(KEY, UID, 4, "", "It grows."), None)


def test_a_pod_with_nothing_left_is_not_waited_for_longer_than_it_has() -> None:
    late: PodFact = replace(pods(1)[0], terminating=True, due=NOW + 3)
    job = stopping(checkpoint=Checkpoint(reported=to_rfc3339(NOW + 5)))
    move = next_move(ordered(job, pods=(late,), now=NOW + 10))
    assert isinstance(move, Sweep) and not move.hurried
