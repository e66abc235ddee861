"""What a JobQueue says about itself, and how jobs are counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from crosstree.core.budgets import Charged
from crosstree.core.calendar import Booking
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.diary import Diary
from crosstree.core.job import Job, Placement, Progress
from crosstree.core.plan import NodeShare
from crosstree.core.queues import Budget, Quota
from crosstree.core.queuetree import serving
from crosstree.core.quota import Usage
from crosstree.core.workload import Gang
from crosstree.status.queue import JobCounts, Standing, build, count, standing, used_parts
from crosstree.translate.stored import charged

QUEUE = Queue("default", "u", 1, "3", 0.0)
PLACED = Placement("p", "h100", "nvidia.com/gpu", (NodeShare("n0", 0, 4),))


def a_job(**progress) -> Job:
    gang = Gang("ml/a", "1", workers=4, devices=8)
    return Job(
        "ml/a",
        "ml",
        "a",
        "1",
        1,
        "1",
        0.0,
        "",
        "default",
        "",
        "pytorch",
        gang,
        {},
        progress=Progress(**progress),
    )


def test_placed_jobs_run_and_hold_their_accelerators():
    assert count([a_job(placement=PLACED), a_job(placement=PLACED)]) == JobCounts(2, 0, (("h100", 64),))


def test_finished_suspended_and_ending_jobs_neither_run_nor_wait():
    jobs = [
        a_job(placement=PLACED, finished_at=1.0),
        replace(a_job(), suspend=True),
        replace(a_job(), deleting=True),
    ]
    assert count(jobs) == JobCounts()


def test_a_job_without_placement_waits():
    assert count([a_job()]) == JobCounts(0, 1)


@pytest.mark.parametrize(
    ("reason", "waits"),
    [("NotEnoughFree", 1), ("QuotaExhausted", 1), ("QueueNotAllowed", 0), ("ShapeImpossible", 0), ("?", 1)],
)
def test_only_a_job_in_line_waits(reason: str, waits: int):
    job = a_job(observed={"waiting": {"reason": reason, "message": "x"}})
    assert count([job]).waiting == waits


def test_an_elastic_job_holds_what_it_runs_at():
    placed = replace(PLACED, nodes=(NodeShare("n0", 0, 2),))
    assert count([a_job(placement=placed)]).allocated == (("h100", 16),)


def test_usage_is_told_per_model():
    usage = (Usage("h100", 32, 16, 16, 64), Usage("mi300", 8))
    status = build(QUEUE, Standing(JobCounts(1, 2), usage, 0.12345), cluster_exists=True, now=0.0)
    assert status["usage"] == [
        {"model": "h100", "allocated": 32, "guaranteed": 16, "borrowed": 16, "limit": 64},
        {"model": "mi300", "allocated": 8, "guaranteed": 0, "borrowed": 0},
    ]
    assert (status["running"], status["waiting"], status["fairShare"]) == (1, 2, 0.123)


def test_a_queue_of_no_cluster_is_not_ready():
    queue = replace(QUEUE, cluster="west")
    (condition,) = build(queue, Standing(cluster="west"), cluster_exists=False, now=0.0)["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "ClusterNotFound")
    assert "'west'" in condition["message"]


# in the tree --------------------------------------------------------------------------------------------------

EAST = Cluster(
    "east",
    "u1",
    1,
    "1",
    0.0,
    observed={"pools": [{"model": "h100", "healthy": 100}, {"model": "h100", "healthy": 28}]},
)
WEST = Cluster("west", "u2", 1, "1", 0.0)


def a_queue(name: str, parent: str = "", **changes) -> Queue:
    return Queue(name, f"uid-{name}", 1, "1", 0.0, parent=parent, **changes)


def the_standing(name: str, *queues: Queue, jobs=(), clusters=(EAST,), now=0.0) -> Standing:
    by_name = {one.name: one for one in queues}
    diary = lambda cluster: Diary(serving(by_name, cluster))  # noqa: E731
    return standing(name, by_name, {one.name: one for one in clusters}, jobs, diary, now=now)


def ready(queue: Queue, found: Standing) -> tuple[str, str]:
    (condition,) = build(queue, found, cluster_exists=True, now=0.0)["conditions"]
    return condition["reason"], condition["message"]


def test_a_queue_answers_for_all_below_it():
    research = a_queue("research", quotas=(Quota("h100", 16, 96),))
    jobs = [
        replace(a_job(placement=PLACED), queue="team"),
        replace(a_job(), queue="team"),
        a_job(placement=PLACED),
    ]
    found = the_standing("research", research, a_queue("team", "research", weight=2.0), QUEUE, jobs=jobs)
    assert (found.usage, found.jobs.running, found.jobs.waiting) == ((Usage("h100", 32, 16, 16, 96),), 1, 1)
    assert found.share == 16 / 128


def test_the_share_goes_by_weight_and_by_what_the_cluster_has():
    job = replace(a_job(placement=PLACED), queue="team")
    assert the_standing("team", a_queue("team", weight=2.0), jobs=[job]).share == 32 / 128 / 2


def test_a_share_is_never_more_than_all_even_before_the_cluster_has_told_what_it_has():
    job = replace(a_job(placement=PLACED), queue="team")
    bare = replace(EAST, observed={})
    assert the_standing("team", a_queue("team"), jobs=[job], clusters=[bare]).share == 1.0


@pytest.mark.parametrize(
    "pools",
    [
        7,
        "h100",
        {"model": "h100", "healthy": 128},
        [None, "h100"],
        [{"model": "h100", "healthy": "all"}, {"model": None, "healthy": 128}, {"healthy": 128}],
        [
            {"model": "h100", "healthy": None},
            {"model": "h100", "healthy": -128},
            {"model": ["h100"], "healthy": 1},
        ],
    ],
)
def test_a_cluster_whose_status_makes_no_sense_harms_no_queue(pools):
    jobs = [replace(a_job(placement=PLACED), queue="team", cluster=name) for name in ("east", "west")]
    strange = replace(WEST, observed={"pools": pools})
    found = the_standing("team", a_queue("team", cluster="east"), jobs=jobs, clusters=(EAST, strange))
    assert (found.share, found.jobs.running) == (32 / 128, 2)
    assert the_standing("team", a_queue("team"), jobs=jobs, clusters=(EAST, strange)).share == 1.0


def test_a_queue_of_every_cluster_has_its_quotas_in_each():
    jobs = [replace(a_job(placement=PLACED), cluster=name) for name in ("east", "west", "west")]
    queue = replace(QUEUE, quotas=(Quota("h100", 40, 64),))
    found = the_standing("default", queue, jobs=jobs, clusters=(EAST, WEST))
    assert found.usage == (Usage("h100", 96, 80, 24, 128),)


def test_a_queue_of_a_parent_that_is_not_there_says_so_and_what_holds_meanwhile():
    team = a_queue("team", "reserch")
    assert ready(team, the_standing("team", team)) == (
        "ParentNotFound",
        "spec.parent is 'reserch', and there is no such JobQueue for its AICluster. Create it, or name another. "
        "Until then its jobs run without a guarantee.",
    )


def test_a_parent_of_another_cluster_is_none():
    team = a_queue("team", "far", cluster="east")
    assert ready(team, the_standing("team", team, a_queue("far", cluster="west")))[0] == "ParentNotFound"


def test_a_cycle_is_told_by_all_its_members_and_by_those_below():
    ring = (a_queue("a", "b"), a_queue("b", "c"), a_queue("c", "a"), a_queue("below", "a"))
    assert ready(ring[1], the_standing("b", *ring)) == (
        "ParentCycle",
        "spec.parent leads back to itself: b under c under a under b. Take spec.parent from one of them. "
        "Until then its jobs run without a guarantee.",
    )
    assert ready(ring[3], the_standing("below", *ring))[1].startswith(
        "spec.parent of JobQueue a above leads back to itself: a under b under c under a."
    )


def test_the_status_stays_while_nothing_changes():
    job = replace(a_job(placement=PLACED), queue="team")
    team = a_queue("team", weight=3.0)
    stored = build(team, the_standing("team", team, jobs=[job]), cluster_exists=True, now=0.0)
    again = replace(team, observed=json.loads(json.dumps(stored)))
    assert build(again, the_standing("team", again, jobs=[job]), cluster_exists=True, now=99.0) == stored


# what is booked -----------------------------------------------------------------------------------------------

MONDAY = Booking("monday", "h100", 96, 36_000.0, 3_600.0, 86_400.0, 36_000.0 + 2 * 86_400.0)
DEMO = a_queue("demo", calendar=(MONDAY,))


def at(now: float, queue: Queue, *others: Queue) -> dict[str, object]:
    found = the_standing(queue.name, queue, *others, now=now)
    return build(queue, found, cluster_exists=True, now=now)


@pytest.mark.parametrize(
    ("now", "state", "start"),
    [
        (0.0, "Upcoming", "1970-01-01T10:00:00Z"),
        (36_000.0, "Open", "1970-01-01T10:00:00Z"),
        (39_600.0, "Upcoming", "1970-01-02T10:00:00Z"),
        (999_999.0, "Ended", "1970-01-02T10:00:00Z"),
    ],
)
def test_a_booking_is_told_with_the_times_of_its_window(now: float, state: str, start: str):
    (row,) = at(now, DEMO)["calendar"]
    assert row == {"name": "monday", "state": state, "start": start, "end": start.replace("10:", "11:")}


def test_what_is_booked_is_guaranteed_while_it_is_in_force():
    assert [at(now, DEMO)["usage"] for now in (0.0, 36_000.0)] == [
        [],
        [{"model": "h100", "allocated": 0, "guaranteed": 96, "borrowed": 0}],
    ]


def test_bookings_that_fit_say_so():
    fits = at(0.0, DEMO)["conditions"][1]
    assert (fits["type"], fits["status"]) == ("BookingsFit", "True")


def test_a_queue_is_told_when_more_is_booked_by_all_than_there_is():
    other = a_queue("other", calendar=(Booking("b", "h100", 64, 30_000.0, 36_000.0),))
    fits = at(0.0, DEMO, other)["conditions"][1]
    assert (fits["status"], fits["reason"]) == ("False", "Overbooked")
    assert fits["message"] == (
        "160 h100 are booked in all from 1970-01-01 10:00 UTC on, 128 usable. "
        "Whoever asks first gets what there is: book less, or for another time."
    )
    assert (
        at(0.0, other, DEMO)["conditions"][1]["status"] == "True"
    )  # it begins while the other is not in force


def test_what_is_guaranteed_besides_counts_as_promised():
    sure = a_queue("sure", quotas=(Quota("h100", 40),))
    assert at(0.0, DEMO, sure)["conditions"][1]["message"].startswith(
        "96 h100 are booked in all from 1970-01-01 10:00 UTC on and 40 more are guaranteed, 128 usable."
    )


def test_nothing_is_said_before_the_cluster_has_told_what_it_has():
    found = the_standing("demo", DEMO, clusters=(WEST,))
    assert found.overbooked is None


def test_bookings_that_are_taken_back_leave_the_status():
    queue = replace(DEMO, calendar=(), observed={"calendar": [{"name": "monday"}]})
    assert at(0.0, queue)["calendar"] == []
    assert "calendar" not in at(0.0, a_queue("never"))


def test_an_ai_cluster_without_the_model_says_nothing_of_a_queue_that_serves_all():
    other = replace(WEST, observed={"pools": [{"model": "mi300x", "healthy": 8}]})
    assert the_standing("demo", DEMO, clusters=(EAST, other)).overbooked is None
    found = the_standing("demo", DEMO, clusters=(other,)).overbooked
    assert found is not None and (found.booked, found.usable) == (96, 0)


HOUR, DAY = 3600.0, 86_400.0
BUDGET = Budget("h100", 100 * HOUR, 0.0, DAY)


def test_a_budget_says_what_is_used_in_which_period():
    row = Charged("default", "h100", 45_000.0, DAY, DAY + 60)
    queue = replace(QUEUE, budgets=(BUDGET,))
    status = build(queue, Standing(), (), (row,), cluster_exists=True, now=0.0)
    assert status["budgets"] == [
        {
            "model": "h100",
            "hours": 100.0,
            "usedHours": 12.5,
            "usedSeconds": 45_000.0,
            "periodStart": "1970-01-02T00:00:00Z",
            "periodEnd": "1970-01-03T00:00:00Z",
            "until": "1970-01-02T00:01:00Z",
        }
    ]
    assert charged("default", status) == (row,)


def test_what_is_used_is_stored_so_that_it_is_read_back_as_it_was():
    row = Charged("default", "h100", 1234.5678, DAY, DAY + 60)
    queue = replace(QUEUE, budgets=(BUDGET,))
    once = build(queue, Standing(), (), (row,), cluster_exists=True, now=0.0)
    again = build(queue, Standing(), (), charged("default", once), cluster_exists=True, now=0.0)
    assert again == once


def test_a_budget_that_is_taken_away_leaves_nothing_behind():
    queue = replace(QUEUE, observed={"budgets": [{"model": "h100"}]})
    assert build(queue, Standing(), (), (), cluster_exists=True, now=0.0)["budgets"] == []
    assert "budgets" not in build(QUEUE, Standing(), (), (), cluster_exists=True, now=0.0)


def test_the_part_used_of_nothing_is_all():
    row = Charged("default", "h100", 90 * HOUR, 0.0, 60.0)
    queue = replace(QUEUE, budgets=(BUDGET,), charged=(row,))
    assert used_parts(queue) == [("h100", 0.9)]
    assert used_parts(replace(queue, budgets=(replace(BUDGET, seconds=0.0),))) == [("h100", 1.0)]
    assert used_parts(replace(queue, budgets=())) == []
