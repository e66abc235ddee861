"""Plans on their way: from the status that holds one to the start of the gang, or to nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Manners, Preemption
from crosstree.core.plan import Decision, Evict, Place, Promise, Resize, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.snapshot import NodeState, Snapshot
from crosstree.core.workload import Gang
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running

POLICY = Policy()
LATER = NOW + 10


@pytest.fixture
def empty() -> Snapshot:
    """Two leaves of four nodes."""
    return a_snapshot(a_pool(leaves=2, nodes=4))


@pytest.fixture
def low(empty: Snapshot) -> Running:
    """Holds the first leaf."""
    return running(a_gang(4, name="low"), ["n000", "n001", "n002", "n003"], empty)


@pytest.fixture
def full(empty: Snapshot, low: Running) -> Snapshot:
    """`low` on the first leaf, a gang nobody may stop on the second."""
    top = running(a_gang(4, name="top", priority=1000), ["n004", "n005", "n006", "n007"], empty)
    return with_running(empty, low, top)


def high(**changes: object) -> Gang:
    return a_gang(4, name="high", priority=100, **{"required": "leaf", **changes})  # type: ignore[arg-type]


def planned(snapshot: Snapshot, gang: Gang) -> Gang:
    """Return the gang with the plan that a cycle makes for it, as its status would hold it."""
    (answer,) = run_cycle(replace(snapshot, gangs=(gang,)), POLICY, NOW).decisions
    assert isinstance(answer, Wait) and answer.promise is not None and answer.had is None
    return replace(gang, promise=answer.promise)


def begun(gang: Gang) -> Gang:
    """Return the gang with its plan as it is stored once its victims have been told."""
    assert gang.promise is not None
    return replace(gang, promise=replace(gang.promise, begun=True))


def decided(snapshot: Snapshot, *gangs: Gang, now: float = LATER) -> tuple[Decision, ...]:
    return run_cycle(replace(snapshot, gangs=gangs), POLICY, now).decisions


def without(snapshot: Snapshot, *names: str) -> Snapshot:
    """The same after these gangs have gone."""
    kept = [one for one in snapshot.running if one.gang.uid.removeprefix("uid-") not in names]
    return with_running(
        a_snapshot(a_pool(leaves=2, nodes=4)), *kept, queues=snapshot.queues, manners=snapshot.manners
    )


def leaving(snapshot: Snapshot, name: str) -> Snapshot:
    return replace(
        snapshot,
        running=tuple(
            replace(one, leaving=True, ends=NOW + 40) if one.gang.uid == f"uid-{name}" else one
            for one in snapshot.running
        ),
    )


def test_nobody_is_stopped_for_a_plan_that_is_not_stored(full: Snapshot) -> None:
    (answer,) = decided(full, high())
    assert isinstance(answer, Wait) and answer.reason is WaitReason.WAITING_FOR_PREEMPTION


def test_a_stored_plan_stops_its_victims_and_says_so_to_both(full: Snapshot) -> None:
    gang = planned(full, high())
    order, answer = decided(full, gang)
    assert isinstance(order, Evict)
    assert (order.uid, order.beneficiary, order.reclaimed) == ("uid-low", "default/high", False)
    assert order.message == (
        "It makes room for high (queue default, priority 100): its own priority is 0. It starts again from its last "
        "checkpoint, and keeps its age in the queue."
    )
    assert isinstance(answer, Wait) and (answer.promise, answer.had) == (begun(gang).promise, gang.promise)
    assert "low is being stopped for it" in answer.message


def test_who_is_on_the_way_out_is_not_told_again_and_the_words_stay_the_same(full: Snapshot) -> None:
    gang = planned(full, high())
    _, before = decided(full, gang)
    (answer,) = decided(leaving(full, "low"), gang)
    assert isinstance(before, Wait) and isinstance(answer, Wait)
    assert (answer.message, answer.promise) == (before.message, begun(gang).promise)
    assert answer.forecast is not None and answer.forecast.start == NOW + 40


def test_the_gang_starts_where_it_was_promised_once_its_victims_have_gone(full: Snapshot) -> None:
    gang = planned(full, high())
    (place,) = decided(without(full, "low"), begun(gang))
    assert isinstance(place, Place)
    assert gang.promise is not None and place.nodes == gang.promise.nodes


def test_what_has_come_free_is_held_against_those_before_it_in_the_line(
    full: Snapshot, empty: Snapshot
) -> None:
    slow = running(a_gang(2, name="slow"), ["n000", "n001"], empty)
    fast = running(a_gang(2, name="fast"), ["n002", "n003"], empty)
    top = next(one for one in full.running if one.gang.uid == "uid-top")
    gang = planned(with_running(empty, slow, fast, top), high())
    half = leaving(with_running(empty, slow, top), "slow")
    answers = {one.key: one for one in decided(half, gang, a_gang(1, name="urgent", priority=5000))}
    assert isinstance(answers["default/urgent"], Wait), "n002 and n003 are free, and held"
    assert isinstance(answers["default/high"], Wait)


def test_a_victim_that_came_back_since_is_another_matter(full: Snapshot, empty: Snapshot) -> None:
    gang = planned(full, high())
    top = next(one for one in full.running if one.gang.uid == "uid-top")
    again = running(a_gang(4, name="low"), ["n000", "n001", "n002", "n003"], empty, began=NOW + 5)
    answers = decided(with_running(empty, again, top), gang)
    assert not [one for one in answers if isinstance(one, Evict)]


def test_a_victim_that_began_in_the_second_in_which_the_plan_was_made_is_stopped(empty: Snapshot) -> None:
    low = running(a_gang(8, name="low"), empty.names, empty, began=NOW + 0.2)
    snapshot = with_running(empty, low, manners=Manners(min_runtime=0.0))
    (answer,) = decided(snapshot, high(), now=NOW + 0.9)
    assert isinstance(answer, Wait)
    order, _ = decided(snapshot, replace(high(), promise=answer.promise), now=NOW + 0.95)
    assert isinstance(order, Evict)


def test_the_plan_is_void_once_it_has_expired(full: Snapshot) -> None:
    gang = planned(full, high())
    assert gang.promise is not None
    plan = run_cycle(replace(leaving(full, "low"), gangs=(gang,)), POLICY, LATER)
    assert plan.due == gang.promise.until
    (answer,) = decided(leaving(full, "low"), gang, now=gang.promise.until)
    assert isinstance(answer, Wait) and answer.promise is None and answer.had == gang.promise


def test_the_plan_is_void_if_one_of_its_nodes_can_not_be_used(full: Snapshot) -> None:
    gang = planned(full, high())
    state = full.state.copy()
    state[full.names.index("n002")] = NodeState.CORDONED
    (answer,) = decided(replace(full, state=state), gang)
    assert isinstance(answer, Wait) and answer.promise is None


def test_nobody_is_stopped_if_the_gang_fits_without_by_now(full: Snapshot) -> None:
    gang = planned(full, high())
    (place,) = decided(without(full, "top"), gang)
    assert isinstance(place, Place)
    assert {share.name for share in place.nodes} == {"n004", "n005", "n006", "n007"}


def test_a_place_that_comes_free_elsewhere_first_is_as_good(full: Snapshot) -> None:
    gang = planned(full, high())
    (place,) = decided(leaving(without(full, "top"), "low"), gang)
    assert isinstance(place, Place)
    assert {share.name for share in place.nodes} == {"n004", "n005", "n006", "n007"}


def test_the_plan_is_void_if_the_admin_forbids_it_before_anybody_was_stopped(full: Snapshot) -> None:
    gang = planned(full, high())
    never = Manners(preemption=Preemption.NEVER)
    (answer,) = decided(replace(full, manners=never), gang)
    assert isinstance(answer, Wait) and answer.promise is None
    (kept,) = decided(replace(leaving(full, "low"), manners=never), begun(gang))
    assert isinstance(kept, Wait) and kept.promise == begun(gang).promise, (
        "what was stopped was stopped for it"
    )


def test_a_victim_that_ended_by_itself_was_not_stopped_for_the_plan(full: Snapshot, empty: Snapshot) -> None:
    ones = [running(a_gang(1, name=f"low{at}"), [f"n00{at}"], empty) for at in range(4)]
    top = next(one for one in full.running if one.gang.uid == "uid-top")
    gang = planned(with_running(empty, *ones, top), high())
    never = with_running(empty, *ones[1:], top, manners=Manners(preemption=Preemption.NEVER))
    (void,) = decided(never, gang)
    assert isinstance(void, Wait) and void.promise is None
    *orders, _ = decided(never, begun(gang))
    assert len(orders) == 3, "the others were told already"


def test_the_plan_is_void_if_the_quota_has_gone(full: Snapshot) -> None:
    gang = planned(full, high(queue="small"))
    limited = replace(full, queues=(QueueSpec("small", quotas=(Quota(H100, limit=16),)),))
    (answer,) = decided(limited, gang)
    assert isinstance(answer, Wait) and answer.promise is None


def test_the_plan_is_void_if_the_job_was_made_another(full: Snapshot) -> None:
    gang = replace(planned(full, high()), workers=3)
    answers = decided(full, gang)
    assert not [one for one in answers if isinstance(one, Evict)]


def test_a_victim_whose_priority_rose_meanwhile_is_let_off(full: Snapshot) -> None:
    gang = planned(full, high())
    raised = replace(
        full,
        running=tuple(replace(one, gang=replace(one.gang, priority=1000)) for one in full.running),
    )
    (answer,) = decided(raised, gang)
    assert isinstance(answer, Wait) and answer.promise is None


def test_an_elastic_victim_is_told_its_smaller_size_until_it_has_it(empty: Snapshot) -> None:
    elastic = a_gang(8, name="elastic", sizes=(8, 4))
    snapshot = with_running(empty, running(elastic, empty.names, empty))
    gang = planned(snapshot, high(required=""))
    order, _ = decided(snapshot, gang)
    assert isinstance(order, Resize) and order.workers == 4 and order.beneficiary == "default/high"
    small = with_running(empty, running(elastic, empty.names[4:], empty, began=NOW + 3))
    (place,) = decided(small, gang)
    assert isinstance(place, Place)


def test_a_job_of_another_namespace_is_counted_and_not_named(full: Snapshot) -> None:
    stranger = replace(high(), key="secret/merger")
    gang = planned(full, stranger)
    order, answer = decided(full, gang)
    assert isinstance(order, Evict) and isinstance(answer, Wait)
    assert "merger" not in order.message and "secret" not in order.message
    assert "low" not in answer.message and "1 job is being stopped" in answer.message
    assert gang.promise is not None and gang.promise.jobs == ("",)


def test_reclaiming_says_whose_guarantee_it_is(empty: Snapshot) -> None:
    queues = (QueueSpec("owner", quotas=(Quota(H100, guaranteed=32),)),)
    lent = running(a_gang(8, name="lent", queue="borrower", priority=500), empty.names, empty)
    snapshot = with_running(empty, lent, queues=queues)
    gang = planned(snapshot, a_gang(4, name="high", queue="owner"))
    order, _ = decided(snapshot, gang)
    assert isinstance(order, Evict) and order.reclaimed
    assert "queue owner takes back what it is guaranteed and queue borrower had borrowed" in order.message


def test_a_plan_that_makes_no_sense_any_more_counts_as_none(full: Snapshot) -> None:
    good = planned(full, high()).promise
    assert good is not None
    for odd in (
        replace(good, pool="gone"),
        replace(good, nodes=(replace(good.nodes[0], name="gone"), *good.nodes[1:])),
        replace(good, nodes=good.nodes[:2]),
        replace(good, victims=("nobody",)),
    ):
        answers = decided(full, replace(high(), promise=odd))
        assert isinstance(answers[-1], Wait)
        assert not [one for one in answers if isinstance(one, Evict)], odd


def test_the_same_snapshot_gives_the_same_plan(full: Snapshot) -> None:
    gang = high()
    plans: set[Promise | None] = {planned(full, gang).promise for _ in range(3)}
    assert len(plans) == 1
    assert np.array_equal(full.free, with_running(a_snapshot(a_pool(leaves=2, nodes=4)), *full.running).free)
