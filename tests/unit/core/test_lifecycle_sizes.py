"""The life of an elastic gang: an attempt has the size it was placed at, and may end to go on at another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crosstree.core.job import Job
from crosstree.core.lifecycle import (
    Cause,
    Finish,
    Hold,
    Launch,
    Recover,
    Release,
    StorePlacement,
    Sweep,
    next_move,
    recovering,
    resizing,
    wants_placement,
)
from crosstree.core.plan import Resize, Rung
from crosstree.core.pods import PodPhase
from crosstree.core.recovery import footprint
from crosstree.core.workload import Gang
from crosstree.status import job as job_status
from tests.support.builders.jobs import (
    KEY,
    T0,
    UID,
    a_job,
    a_place,
    a_pod,
    after_move,
    facts,
    moved,
    placed,
    pods,
    running,
)

ELASTIC = Gang(KEY, UID, 8, 8, created=T0 - 60, preferred="leaf", sizes=(8, 6, 4, 2))


def to(workers: int, uid: str = UID) -> Resize:
    return Resize(KEY, uid, workers, "", f"It goes on with {workers} workers.")


def test_an_attempt_launches_as_many_workers_as_it_was_placed_with() -> None:
    assert next_move(facts(placed(4, gang=ELASTIC))) == Launch((0, 1, 2, 3))


def test_an_attempt_is_whole_with_the_workers_it_was_placed_with() -> None:
    job = running(4, gang=ELASTIC)
    assert job_status.phase(list(job.progress.conditions)) == "Running"
    assert isinstance(next_move(facts(job, pods(4))), Hold)


def test_an_attempt_has_succeeded_when_the_workers_it_was_placed_with_have() -> None:
    done = pods(4, phase=PodPhase.SUCCEEDED)
    assert next_move(facts(running(4, gang=ELASTIC), done)) == Finish(None, "All 4 workers succeeded.")


def test_the_status_says_the_size_and_its_bounds() -> None:
    waiting, job = status(a_job(gang=ELASTIC)), running(4, gang=ELASTIC)
    assert (waiting["workers"], waiting["accelerators"]) == ("2..8", 64)
    now = status(job, pods(4))
    assert (now["workers"], now["accelerators"], now["placement"]["workers"]) == ("4 (2..8)", 32, 4)


def test_a_gang_of_a_fixed_size_says_that() -> None:
    assert status(a_job(4))["workers"] == "4"


def test_a_decision_to_resize_ends_the_attempt_at_no_charge() -> None:
    move = next_move(facts(running(4, gang=ELASTIC), pods(4), decision=to(8)))
    assert move == Recover(Cause.RESIZED, charged=False, message="It goes on with 8 workers.")


def test_a_gang_that_is_still_starting_is_resized_as_well() -> None:
    move = next_move(facts(placed(8, gang=ELASTIC), pods(3), decision=to(4)))
    assert isinstance(move, Recover) and move.cause is Cause.RESIZED


def test_a_failure_goes_before_a_resize() -> None:
    lost = facts(running(4, gang=ELASTIC), pods(3), decision=to(8))
    assert isinstance(move := next_move(lost), Recover) and move.cause is Cause.POD_DELETED


def test_a_decision_that_is_carried_out_or_not_legal_or_for_a_namesake_moves_nothing() -> None:
    job = running(4, gang=ELASTIC)
    for decision in (to(4), to(5), to(8, "another")):
        assert isinstance(next_move(facts(job, pods(4), decision=decision)), Hold)
    assert isinstance(next_move(facts(running(4), pods(4), decision=to(8))), Hold)


def test_a_gang_whose_first_workers_are_done_does_not_grow_any_more() -> None:
    some = (a_pod(0, phase=PodPhase.SUCCEEDED), *(a_pod(index) for index in (1, 2, 3)))
    job = running(4, gang=ELASTIC)
    assert isinstance(next_move(facts(job, some, decision=to(8))), Hold)
    room = Resize(KEY, UID, 2, "ml/urgent", "It makes room.")
    assert isinstance(next_move(facts(job, some, decision=room)), Recover)


def test_a_resize_is_no_recovery_to_a_reader_and_remembers_its_nodes() -> None:
    job = stopping(4, 8)
    assert job_status.phase(list(job.progress.conditions)) == "Resizing"
    assert recovering(job.progress) and resizing(job.progress)
    assert isinstance(next_move(facts(job, pods(4), decision=to(8))), Sweep)
    released = after_move(facts(job), Release())
    assert next_move(facts(job)) == Release()
    assert wants_placement(released, ())
    found = footprint(released.progress.recovery)
    assert found is not None and found.counts == (("n0", 1), ("n1", 1), ("n2", 1), ("n3", 1))


def test_a_job_that_failed_is_not_resizing() -> None:
    job = running(2, gang=ELASTIC)
    failed = after_move(facts(job), Recover(Cause.POD_DELETED, charged=False, message="Gone."))
    assert recovering(failed.progress) and not resizing(failed.progress)


def test_the_next_attempt_has_the_size_of_its_place_and_sweeps_what_a_larger_one_left() -> None:
    released = after_move(facts(stopping(8, 4)), Release())
    place = replace(a_place(4), rung=Rung.REPLACED)
    again = facts(released, decision=place)
    assert next_move(again) == StorePlacement(place)
    job = after_move(again, StorePlacement(place))
    assert (job.progress.attempt, job.workers) == (2, 4)
    late = a_pod(7)  # of attempt 1, seen only now
    assert next_move(facts(job, [late])) == Sweep((late,))


def test_an_operator_killed_while_a_gang_resizes_goes_on_with_it() -> None:
    # All it finds is the status; the decision is forgotten.
    job = stopping(4, 8)
    assert isinstance(next_move(facts(job, pods(4))), Sweep)
    assert next_move(facts(job)) == Release()


def stopping(workers: int, wanted: int) -> Job:
    now = facts(running(workers, gang=ELASTIC), pods(workers), decision=to(wanted))
    return moved(now)


def status(job: Job, some: Any = ()) -> dict[str, Any]:
    return job_status.build(facts(job, some), Hold())
