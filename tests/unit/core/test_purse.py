"""Who may start within a budget, and what everybody else is told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from crosstree.core.budgets import HOUR, NO_TAB, Charged, Stint, Tab
from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Manners, Preemption
from crosstree.core.plan import Decision, Evict, Place, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.queues import ANY_MODEL, Budget, QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Expectation, Footprint, Gang, Source
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running

MI300 = "amd-mi300x"
DAY = 24 * HOUR
BEGAN = NOW - 6 * HOUR
ENDS = BEGAN + DAY


def a_queue(hours: float, *, name: str = "team", parent: str = "", **changes: object) -> QueueSpec:
    """Describe a queue with a budget a day."""
    budget = replace(Budget(H100, hours * HOUR, BEGAN, DAY), **changes)  # type: ignore[arg-type]
    return QueueSpec(name, parent, budgets=(budget,))


def spent(hours: float, *, queue: str = "team", model: str = H100) -> Tab:
    """Say what was charged, up to now."""
    return Tab((Charged(queue, model, hours * HOUR, BEGAN, NOW),))


def known(hours: float, source: Source = Source.DECLARED) -> Expectation:
    return Expectation(hours * HOUR, source, 0.9)


def team(name: str = "train", workers: int = 1, **changes: object) -> Gang:
    return a_gang(workers, name=name, **{"queue": "team", "models": (H100,), **changes})  # type: ignore[arg-type]


def a_cluster(*gangs: Gang, queues: tuple[QueueSpec, ...], tab: Tab = NO_TAB, **changes: object) -> Snapshot:
    pools = (a_pool(leaves=2, nodes=4), a_pool(1, 1, 4, name="amd", model=MI300, resource="amd.com/gpu"))
    return replace(a_snapshot(*pools, gangs=gangs), queues=queues, tab=tab, **changes)  # type: ignore[arg-type]


def decided(snapshot: Snapshot, now: float = NOW) -> dict[str, Decision]:
    plan = run_cycle(snapshot, Policy(), now)
    return {one.key.partition("/")[2]: one for one in plan.decisions}


def told(snapshot: Snapshot, name: str = "train") -> Wait:
    found = decided(snapshot)[name]
    assert isinstance(found, Wait), found
    return found


def placed(snapshot: Snapshot) -> set[str]:
    return {name for name, one in decided(snapshot).items() if isinstance(one, Place)}


def test_a_gang_starts_while_something_is_left() -> None:
    assert placed(a_cluster(team(), queues=(a_queue(100),), tab=spent(99.9))) == {"train"}


def test_a_gang_waits_once_all_is_used_and_is_told_whose_budget_and_until_when() -> None:
    wait = told(a_cluster(team(), queues=(a_queue(100),), tab=spent(100)))
    assert wait.reason is WaitReason.BUDGET_EXHAUSTED
    assert wait.message == (
        "JobQueue team has used 100 of its 100 accelerator-hours of nvidia-h100-sxm since 1970-01-12 07:46 UTC. "
        "The next period begins 1970-01-13 07:46 UTC; to start before, have spec.budgets of JobQueue team raised. "
        "Expected by 1970-01-13 08:00 UTC."
    )
    assert wait.forecast is not None and wait.forecast.start == ENDS


def test_a_cycle_is_due_when_the_period_begins_and_then_it_starts() -> None:
    snapshot = a_cluster(team(), queues=(a_queue(100),), tab=spent(100))
    plan = run_cycle(snapshot, Policy(), NOW)
    assert plan.due == ENDS
    assert isinstance(decided(snapshot, ENDS)["train"], Place)


def test_a_budget_once_and_for_all_has_no_next_period() -> None:
    wait = told(a_cluster(team(), queues=(a_queue(100, every=None),), tab=spent(100)))
    assert wait.forecast is None
    assert wait.message.endswith("There is no next period: have spec.budgets of JobQueue team raised.")


def test_before_its_start_there_is_no_budget() -> None:
    assert placed(a_cluster(team(), queues=(a_queue(0, start=NOW + HOUR),))) == {"train"}


def test_what_a_gang_is_expected_to_use_has_to_be_left() -> None:
    gang = team(workers=2, expected=known(4))  # 64 accelerator-hours
    queues = (a_queue(100),)
    assert placed(a_cluster(gang, queues=queues, tab=spent(36))) == {"train"}
    wait = told(a_cluster(gang, queues=queues, tab=spent(37)))
    assert "has used 37 of its 100 accelerator-hours" in wait.message
    assert "this job is expected to use 64 by the duration it declares." in wait.message


def test_what_nobody_knows_the_length_of_needs_something_to_be_left() -> None:
    guess = Expectation(1000 * HOUR, Source.ASSUMED, 0.0)
    assert placed(a_cluster(team(expected=guess), queues=(a_queue(100),), tab=spent(99))) == {"train"}


def test_more_than_the_whole_budget_is_never_expected_to_fit() -> None:
    snapshot = a_cluster(team(expected=known(20)), queues=(a_queue(100),))
    wait = told(snapshot)
    assert wait.forecast is None
    assert run_cycle(snapshot, Policy(), NOW).due is None, "no period will have room for it"
    assert "That is more than the whole budget: ask for fewer accelerators or less time" in wait.message


def holder(snapshot: Snapshot, hours: float, *, ends: float) -> Running:
    gang = team("holder", expected=known(hours))
    return running(gang, ["n000"], snapshot, began=NOW, ends=NOW + ends * HOUR)


def test_what_running_gangs_are_expected_to_use_is_spoken_for() -> None:
    cluster = a_cluster(team(expected=known(5)), queues=(a_queue(100),), tab=spent(10))
    busy = with_running(cluster, holder(cluster, 7, ends=7))
    wait = told(busy)
    assert (
        "jobs that run or are about to are expected to use 56 more; this job is expected to use 40 by the duration it "
        "declares." in wait.message
    )
    assert placed(with_running(cluster, holder(cluster, 6, ends=6))) == {"train"}


def test_only_what_they_use_in_this_period_counts_in_it() -> None:
    cluster = a_cluster(team(expected=known(1)), queues=(a_queue(160),))
    busy = with_running(
        cluster, holder(cluster, 100, ends=100)
    )  # 18 hours are left of the day: 144 of its 800
    assert placed(busy) == {"train"}


def test_who_runs_into_the_next_period_uses_of_that_one() -> None:
    cluster = a_cluster(team(expected=known(2)), queues=(a_queue(200),), tab=spent(60))
    busy = with_running(cluster, holder(cluster, 100, ends=100))
    wait = told(busy)
    assert wait.forecast is None
    assert "but what is expected to run then leaves too little of it" in wait.message


def test_gangs_of_one_cycle_do_not_speak_for_the_same_hours() -> None:
    gangs = [team(f"g{number}", expected=known(5), created=float(number)) for number in range(3)]
    found = placed(a_cluster(*gangs, queues=(a_queue(100),), tab=spent(20)))
    assert found == {"g0", "g1"}


def test_what_goes_on_and_is_not_charged_yet_counts() -> None:
    stints = (Stint("team", H100, 16, NOW - 3 * HOUR), Stint("team", H100, 8, BEGAN - HOUR, BEGAN + 2 * HOUR))
    cluster = a_cluster(team(), queues=(a_queue(64),), tab=Tab((), stints))
    assert told(cluster).reason is WaitReason.BUDGET_EXHAUSTED
    assert placed(replace(cluster, queues=(a_queue(65),))) == {"train"}


def test_a_queue_answers_for_all_below_it() -> None:
    queues = (a_queue(100, name="research"), QueueSpec("team", "research"))
    stints = (Stint("other", H100, 800, NOW - HOUR), Stint("team", H100, 100, NOW - HOUR))
    wait = told(a_cluster(team(), queues=queues, tab=Tab((), stints)))
    assert wait.message.startswith("JobQueue research above team has used 100 of its 100")


def test_the_budget_over_all_models_counts_by_exchange_rate() -> None:
    queue = replace(a_queue(100, model=ANY_MODEL), rates=((MI300, 0.5),))
    tab = spent(70, model=ANY_MODEL)
    gang = team(models=(MI300,), expected=known(7))
    assert placed(a_cluster(gang, queues=(queue,), tab=tab)) == {"train"}
    wait = told(a_cluster(replace(gang, models=(H100,)), queues=(queue,), tab=tab))
    assert "accelerator-hours of all models together" in wait.message


def test_a_gang_passes_over_a_model_whose_budget_is_used_up() -> None:
    gang = team(models=(H100, MI300))
    found = decided(a_cluster(gang, queues=(a_queue(100),), tab=spent(100)))["train"]
    assert isinstance(found, Place) and found.model == MI300


@pytest.mark.parametrize(
    ("every", "other", "named"),
    [(30 * DAY, DAY, MI300), (None, DAY, MI300), (DAY, 30 * DAY, H100), (DAY, DAY, H100), (None, None, H100)],
)
def test_of_several_models_that_one_is_told_of_whose_budget_opens_first(
    every: float | None, other: float | None, named: str
) -> None:
    budgets = (Budget(H100, 8 * HOUR, BEGAN, every), Budget(MI300, 8 * HOUR, BEGAN, other))
    used = Tab((*spent(72).charged, *spent(72, model=MI300).charged))
    gang = team(models=(H100, MI300), expected=known(1))
    wait = told(a_cluster(gang, queues=(QueueSpec("team", budgets=budgets),), tab=used))
    assert f"8 accelerator-hours of {named} since" in wait.message
    period = every if named == H100 else other
    assert (wait.forecast and wait.forecast.start) == (period and BEGAN + period)


def test_nobody_is_stopped_for_who_has_no_budget() -> None:
    urgent = team(workers=8, priority=100)
    cluster = a_cluster(urgent, queues=(a_queue(100),), tab=spent(100), manners=Manners(min_runtime=0.0))
    low = running(a_gang(1, name="low", queue="else"), ["n000"], cluster)
    found = decided(with_running(cluster, low))
    assert not any(isinstance(one, Evict) for one in found.values())
    assert told(with_running(cluster, low)).reason is WaitReason.BUDGET_EXHAUSTED
    assert cluster.manners.preemption is Preemption.LOWER_PRIORITY


def test_who_has_no_budget_keeps_no_place_from_others() -> None:
    big = team("big", workers=8, created=1.0)
    small = a_gang(1, name="small", queue="else", created=2.0)
    assert placed(a_cluster(big, small, queues=(a_queue(100),), tab=spent(100))) == {"small"}


@pytest.mark.parametrize(
    "changes", [{"recovering": True}, {"before": Footprint("pool-h100", (("n000", 1),))}]
)
def test_who_lost_its_place_or_changes_its_size_goes_on(changes: dict[str, object]) -> None:
    assert placed(a_cluster(team(**changes), queues=(a_queue(100),), tab=spent(500))) == {"train"}


def test_work_on_cpus_needs_no_budget() -> None:
    assert placed(a_cluster(team(devices=0), queues=(a_queue(0),))) == {"train"}


def test_a_gang_that_never_fits_is_told_that_first() -> None:
    wait = told(a_cluster(team(workers=1000, models=(H100,)), queues=(a_queue(100),), tab=spent(100)))
    assert wait.reason is WaitReason.SHAPE_IMPOSSIBLE


def test_a_quota_still_holds_beside_a_budget() -> None:
    queue = replace(a_queue(100), quotas=(Quota(H100, 0, 4),))
    assert told(a_cluster(team(models=(H100,)), queues=(queue,))).reason is WaitReason.QUOTA_EXHAUSTED


@pytest.mark.parametrize("seconds", [0.0, 1e-320, 1e15])
@pytest.mark.parametrize("used", [0.0, 1e-320, 1e300])
@pytest.mark.parametrize("expected", [None, known(1e-9), Expectation(1e300, Source.DECLARED, 0.9)])
def test_no_number_ends_the_cycle(seconds: float, used: float, expected: Expectation | None) -> None:
    queue = a_queue(0, seconds=seconds, start=0.0, every=60.0)
    tab = Tab((Charged("team", H100, used, math.floor(NOW / 60) * 60, NOW),))
    cluster = a_cluster(team(expected=expected), a_gang(1, name="other"), queues=(queue,), tab=tab)
    found = decided(cluster)
    assert isinstance(found["other"], Place) and "train" in found


def test_the_words_stay_while_little_is_used() -> None:
    gang, queues = team(expected=known(5)), (a_queue(100),)
    first = told(a_cluster(gang, queues=queues, tab=spent(80.1)))
    assert told(a_cluster(gang, queues=queues, tab=spent(80.9))).message == first.message


def test_what_a_place_is_cleared_for_is_spoken_for() -> None:
    rushed = team("first", workers=4, priority=10, expected=known(1), created=1.0)
    second = replace(rushed, key="default/second", uid="uid-second", created=2.0)
    cluster = a_cluster(
        rushed, second, queues=(a_queue(32), QueueSpec("else")), manners=Manners(min_runtime=0.0)
    )
    low = [
        running(a_gang(1, name=f"low{at}", queue="else"), [f"n00{at}"], cluster, ends=NOW + DAY)
        for at in range(8)
    ]
    busy = with_running(cluster, *low)
    found = decided(busy)
    planned, refused = found["first"], found["second"]
    assert isinstance(planned, Wait) and planned.promise is not None
    assert isinstance(refused, Wait) and refused.reason is WaitReason.BUDGET_EXHAUSTED, (
        "none is left for a second plan"
    )
    # A cycle later somebody is on his way out for the first: still nobody else may use what it is going to.
    going = [replace(one, leaving=one.gang.uid in planned.promise.victims, ends=NOW + 30) for one in low]
    small = team("small", expected=known(1))
    under_way = replace(
        with_running(cluster, *going[:7]), gangs=(replace(rushed, promise=planned.promise), small)
    )
    assert told(under_way, "small").reason is WaitReason.BUDGET_EXHAUSTED
    assert placed(replace(under_way, queues=(a_queue(40), QueueSpec("else")))) == {"small"}
    # Once its place is free it starts, on the same hours.
    there = replace(under_way, free=cluster.free, grain=cluster.grain, running=())
    assert placed(there) == {"first"}
    assert placed(replace(there, queues=(a_queue(40),))) == {"first", "small"}


@pytest.mark.parametrize(
    "changes", [{"recovering": True}, {"before": Footprint("pool-h100", (("n001", 4),))}]
)
def test_what_waits_to_go_on_is_spoken_for(changes: dict[str, object]) -> None:
    lost = team("lost", workers=4, required="leaf", expected=known(1), **changes)
    cluster = a_cluster(lost, team("fresh", expected=known(1)), queues=(a_queue(32), QueueSpec("else")))
    held = [
        running(a_gang(1, name=name, queue="else", priority=9), [node], cluster)
        for name, node in (("one", "n000"), ("two", "n004"))
    ]
    found = decided(with_running(cluster, *held))
    assert isinstance(found["lost"], Wait)
    assert isinstance(found["fresh"], Wait) and found["fresh"].reason is WaitReason.BUDGET_EXHAUSTED
    assert placed(replace(with_running(cluster, *held), queues=(a_queue(40), QueueSpec("else")))) == {"fresh"}
    assert placed(replace(cluster, queues=(a_queue(40),))) == {"lost", "fresh"}, "its hours count once"


def test_what_goes_on_for_ever_is_spoken_for_once_as_well() -> None:
    endless = Expectation(math.inf, Source.DECLARED, 0.9)
    lost = team("lost", recovering=True, expected=endless)
    cluster = a_cluster(lost, team("fresh", created=1.0), queues=(a_queue(100, every=None),))
    assert placed(cluster) == {"lost"}


def test_what_starts_smaller_is_expected_to_use_its_hours_until_its_bound() -> None:
    only_one = tuple(f"n00{at}" for at in range(1, 8))
    elastic = team("elastic", workers=2, sizes=(2, 1), banned=only_one, expected=known(2))
    cluster = a_cluster(elastic, team("after", expected=known(2), created=1.0), queues=(a_queue(32),))
    assert placed(cluster) == {"elastic"}, "eight accelerators for four hours"
    assert elastic.expected is not None
    bounded = replace(elastic, expected=replace(elastic.expected, at_most=2 * HOUR))
    assert placed(replace(cluster, gangs=(bounded, *cluster.gangs[1:]))) == {"elastic", "after"}
