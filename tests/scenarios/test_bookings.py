"""What users of other schedulers complain about, 12: nothing can be booked for a day in the calendar.

The number is that of docs/explanation/complaints.md. Times are counted from the beginning of the stage.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from crosstree.core.calendar import Booking
from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Preemption
from crosstree.core.plan import WaitReason
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.record import Recording, recall, record
from crosstree.core.workload import Expectation, Gang, Source
from crosstree.sim.what_if import what_if
from tests.scenarios.stage import H100, HOUR, MINUTE, NOW, Stage

DAY = 24 * HOUR


def booked(
    accelerators: int,
    *,
    start: float,
    duration: float,
    every: float | None = None,
    queue: str = "demo",
    **spec,
) -> QueueSpec:
    """A queue with one booking, `start` seconds after the beginning."""
    booking = Booking("monday", H100, accelerators, NOW + start, duration, every, spec.pop("until", None))
    return QueueSpec(queue, calendar=(booking,), **spec)


def test_12_what_is_booked_is_there_when_the_hour_comes() -> None:
    """Of 8 nodes 6 are booked from the second hour on: a job of unknown length gets 2, a short one the rest."""
    stage = Stage(queues=[booked(48, start=2 * HOUR, duration=4 * HOUR)])
    stage.submit("long", workers=2, runs=DAY, says=None)
    stage.submit("longer", workers=2, runs=DAY, says=None)
    stage.submit("short", workers=6, runs=HOUR)
    assert stage.runs("long", "short")
    told = stage.waits("longer")
    stage.after(HOUR + MINUTE)
    told = stage.waits("longer")
    assert told.reason is WaitReason.RESERVED_FOR_OTHER
    assert told.message.startswith(
        "2 workers of 8 nvidia-h100-sxm would fit now, but JobQueue demo has booked 48 of that model from "
        "2023-11-15 00:13 UTC on (monday), and nothing is known of how long this job runs, which is taken for a day. "
        "A job that ends by 2023-11-15 00:13 UTC may start now: declare spec.expectedDuration."
    )
    stage.after(HOUR - MINUTE)
    stage.submit("show", workers=6, runs=HOUR, queue="demo")
    stage.after(MINUTE)
    assert stage.runs("show", "long")


def test_12b_the_owner_gets_it_back_from_whoever_borrows_it_in_its_hours() -> None:
    """What lies idle is lent while the window is open; the owner's job stops whole gangs for what is booked."""
    stage = Stage(queues=[booked(32, start=HOUR, duration=8 * HOUR)])
    stage.after(HOUR)
    for number in range(4):
        stage.submit(f"borrower{number}", workers=2, runs=DAY, says=None)
    assert stage.runs(*(f"borrower{number}" for number in range(4)))
    stage.submit("show", workers=4, runs=HOUR, queue="demo")
    stage.after(MINUTE)
    assert stage.runs("show")
    assert len(stage.stopped()) == 2


def test_12c_who_ran_before_it_was_booked_is_stopped_for_the_owner_alone() -> None:
    """Neither the booking nor its hour stops anybody: a job of the owner does, and not before the hour."""
    stage = Stage(leaves=1, nodes=4)
    stage.submit("long", workers=4, runs=DAY, says=None)
    stage.cluster.set_queues([booked(16, start=HOUR, duration=4 * HOUR)])
    stage.submit("show", workers=2, runs=HOUR, queue="demo")
    stage.after(HOUR - MINUTE)
    assert stage.runs("long")
    told = stage.waits("show")
    assert told.forecast is not None and told.forecast.start == NOW + HOUR
    assert "when booking monday of its queue begins" in told.message
    stage.after(2 * MINUTE)
    assert stage.runs("show")
    assert [(stop.at, stop.who) for stop in stage.stops] == [(HOUR, "long")]


def test_12d_it_comes_again_every_day_and_ends() -> None:
    """Each morning the nodes are there; after the last one nobody is kept from them any more."""
    queue = booked(32, start=HOUR, duration=2 * HOUR, every=DAY, until=NOW + 3 * DAY)
    stage = Stage(leaves=1, nodes=4, queues=[queue])
    for day in range(3):
        stage.submit(f"night{day}", workers=4, runs=20 * HOUR)
        assert stage.waits(f"night{day}").reason is WaitReason.RESERVED_FOR_OTHER
        stage.after(HOUR - MINUTE)
        stage.submit(f"show{day}", workers=4, runs=HOUR, queue="demo")
        assert stage.runs(f"show{day}")
        stage.after(23 * HOUR + MINUTE)
        assert stage.finished[f"night{day}"] == day * DAY + 21 * HOUR + 59 * MINUTE
    stage.submit("free", workers=4, runs=9 * DAY)
    stage.after(DAY)
    assert stage.runs("free")


def test_12e_where_nobody_is_stopped_for_another_an_open_window_is_kept_free() -> None:
    """A booking that lent what it could not get back would be worth nothing."""
    queue = booked(16, start=HOUR, duration=8 * HOUR)
    stage = Stage(leaves=1, nodes=4, queues=[queue], preemption=Preemption.NEVER)
    stage.after(2 * HOUR)
    stage.submit("fits", workers=2, runs=DAY)
    stage.submit("more", workers=1, runs=20 * HOUR)
    assert stage.runs("fits")
    told = stage.waits("more")
    assert told.message.startswith(
        "1 worker of 8 nvidia-h100-sxm would fit now, but JobQueue demo has booked 16 of that model until "
        "07:13 UTC (monday), and nobody is stopped for it here."
    )
    assert told.forecast is not None and told.forecast.start == NOW + 9 * HOUR
    stage.submit("show", workers=2, runs=HOUR, queue="demo")
    assert stage.runs("show")
    stage.after(7 * HOUR)
    assert stage.runs("more")


def test_12f_a_guarantee_stays_one_beside_a_booking() -> None:
    """What a queue is guaranteed it may use in a window of another; what it holds beyond has to be gone by then."""
    owner = booked(16, start=HOUR, duration=4 * HOUR)
    team = QueueSpec("team", quotas=(Quota(H100, 16),))
    stage = Stage(leaves=1, nodes=4, queues=[owner, team])
    stage.submit("lent", workers=1, runs=DAY)
    stage.submit("own", workers=2, runs=DAY, queue="team")
    stage.submit("beyond", workers=1, runs=DAY, queue="team")
    assert stage.runs("lent", "own")
    assert stage.waits("beyond").reason is WaitReason.RESERVED_FOR_OTHER
    stage.delete("beyond")
    stage.after(HOUR)
    stage.submit("show", workers=2, runs=HOUR, queue="demo")
    stage.after(MINUTE)
    assert stage.runs("show", "own")
    assert stage.stopped() == {"lent"}


def test_12g_nobody_is_told_a_start_that_a_booking_forbids() -> None:
    """A job of 3 h that waits for the nodes until an hour before the window is told the end of the window."""
    stage = Stage(leaves=1, nodes=4, queues=[booked(32, start=3 * HOUR, duration=5 * HOUR)])
    stage.submit("holder", workers=4, runs=2 * HOUR)
    stage.submit("three", workers=4, runs=3 * HOUR)
    stage.submit("one", workers=4, runs=HOUR)
    three, one = stage.waits("three").forecast, stage.waits("one").forecast
    assert three is not None and three.start == NOW + 8 * HOUR
    assert one is not None and one.start == NOW + 2 * HOUR


@pytest.mark.parametrize("workers", [1, 2])
def test_12h_an_elastic_job_starts_at_the_size_that_is_left_over(workers: int) -> None:
    """It neither starts larger nor grows into what is booked."""
    stage = Stage(leaves=1, nodes=4, queues=[booked(32 - 8 * workers, start=2 * HOUR, duration=4 * HOUR)])
    stage.submit("elastic", workers=4, sizes=(4, 2, 1), runs=6 * HOUR)
    assert stage.workers("elastic") == workers
    stage.after(HOUR)
    assert stage.workers("elastic") == workers


def test_12i_a_question_and_a_snapshot_know_what_is_booked() -> None:
    """What is answered before a job is submitted is what happens; a snapshot that was read again decides alike."""
    queue = booked(24, start=HOUR, duration=2 * HOUR)
    stage = Stage(leaves=1, nodes=4, queues=[queue], preemption=Preemption.NEVER)
    stage.submit("holder", workers=1, runs=30 * MINUTE)
    before, now = stage.snapshot, stage.clock.now()
    asked = Gang("ml/mine", "mine", 3, 8, created=now, expected=Expectation(2 * HOUR, Source.DECLARED, 0.9))
    after = replace(before, gangs=(*before.gangs, asked))
    (fate,) = what_if(before, after, Policy(), now, asked=["ml/mine"]).fates
    stage.submit("mine", workers=3, runs=2 * HOUR)
    stage.after(4 * HOUR)
    assert fate.start == NOW + (stage.started("mine") or 0.0) == NOW + 3 * HOUR
    assert fate.reason is WaitReason.RESERVED_FOR_OTHER
    again = recall(json.loads(json.dumps(record(Recording(after, now=now)))))
    assert again.snapshot.queues == (queue,)
    assert run_cycle(again.snapshot, Policy(), now) == run_cycle(after, Policy(), now)


def test_12j_a_higher_priority_takes_what_others_would_hold_and_nothing_that_is_booked() -> None:
    """It may have the place of those who stay as long; for a place that would come free in time it waits."""
    stage = Stage(leaves=1, nodes=4, queues=[booked(24, start=2 * HOUR, duration=HOUR)])
    stage.submit("long", workers=1, runs=DAY)
    stage.submit("short", workers=3, runs=HOUR)
    stage.submit("urgent", workers=1, runs=DAY, priority=5)
    stage.after(MINUTE)
    assert stage.runs("urgent", "short")
    assert stage.stopped() == {"long"}
    stage.submit("wide", workers=2, runs=DAY, priority=5)
    stage.after(MINUTE)
    assert stage.runs("urgent", "short")
    assert stage.stopped() == {"long"}
