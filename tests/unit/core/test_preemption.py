"""Who is stopped for whom: the plan a cycle proposes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.cycle import run_cycle
from crosstree.core.desk import open_desk
from crosstree.core.manners import Manners, Preemption
from crosstree.core.plan import Place, Promise, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.preemption import propose
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.snapshot import NodeState, Snapshot, SpareRule
from crosstree.core.workload import Expectation, Gang, Source
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import LONG_AGO, NOW, running, with_running

POLICY = Policy()


def held(snapshot: Snapshot, **gangs: list[str]) -> Snapshot:
    """Let gangs of priority 0 hold whole nodes: `held(snapshot, a=["n000", "n001"])`."""
    return with_running(
        snapshot, *(running(a_gang(len(nodes), name=name), nodes, snapshot) for name, nodes in gangs.items())
    )


def plan_for(gang: Gang, snapshot: Snapshot) -> Promise | None:
    """Return the plan a cycle makes for the only waiting gang."""
    (answer,) = run_cycle(replace(snapshot, gangs=(gang,)), POLICY, NOW).decisions
    assert isinstance(answer, Wait), answer
    assert (answer.promise is not None) == (answer.reason is WaitReason.WAITING_FOR_PREEMPTION)
    return answer.promise


def nodes(promise: Promise | None) -> list[str]:
    assert promise is not None
    return [share.name for share in promise.nodes]


HIGH = {"priority": 100}


@pytest.fixture
def leaves() -> Snapshot:
    """Four leaves of four nodes, full."""
    return a_snapshot(a_pool(leaves=4, nodes=4))


def test_the_gang_whose_nodes_are_the_leaf_that_is_needed_goes_though_cheaper_ones_lie_scattered(
    leaves: Snapshot,
) -> None:
    full = held(
        leaves,
        cheap1=["n000"],
        cheap2=["n004"],
        cheap3=["n008"],
        cheap4=["n012"],
        a=["n001", "n002", "n003"],
        b=["n005", "n006", "n007"],
        c=["n009", "n010", "n011"],
        d=["n013", "n014", "n015"],
    )
    promise = plan_for(a_gang(4, required="leaf", **HIGH), full)
    assert nodes(promise) == ["n000", "n001", "n002", "n003"]
    assert promise is not None and promise.victims == ("uid-a", "uid-cheap1")


def test_of_equal_leaves_the_one_goes_that_loses_least_since_its_checkpoint(leaves: Snapshot) -> None:
    full = held(leaves, a=["n000", "n001", "n002", "n003"], c=["n008", "n009", "n010", "n011"])
    saved = running(a_gang(4, name="b"), ["n004", "n005", "n006", "n007"], leaves, saved=NOW - 60)
    last = running(
        a_gang(4, name="d"), ["n012", "n013", "n014", "n015"], leaves, saved=NOW - 50, restart_cost=600.0
    )
    promise = plan_for(a_gang(4, required="leaf", **HIGH), with_running(full, saved, last))
    assert promise is not None and promise.victims == ("uid-b",)


def test_nobody_is_stopped_who_turns_out_not_to_be_needed(leaves: Snapshot) -> None:
    full = held(
        leaves, one=["n000"], three=["n001", "n002", "n003"], rest=[f"n{i:03d}" for i in range(4, 16)]
    )
    promise = plan_for(a_gang(3, required="leaf", **HIGH), full)
    assert promise is not None and promise.victims == ("uid-three",)


def test_a_gang_of_equal_or_higher_priority_is_not_stopped(leaves: Snapshot) -> None:
    full = held(leaves, rest=[f"n{i:03d}" for i in range(16)])
    assert plan_for(a_gang(4), full) is None


def test_a_gang_that_has_just_begun_is_left_alone_until_it_has_had_its_time(leaves: Snapshot) -> None:
    young = with_running(leaves, running(a_gang(16, name="young"), leaves.names, leaves, began=NOW - 500))
    waiting = replace(young, gangs=(a_gang(4, **HIGH),))
    plan = run_cycle(waiting, POLICY, NOW)
    assert isinstance(plan.decisions[0], Wait) and plan.decisions[0].promise is None
    assert plan.due == NOW + 100
    (later,) = run_cycle(waiting, POLICY, plan.due).decisions
    assert isinstance(later, Wait) and later.promise is not None


def test_nobody_is_stopped_where_the_admin_says_never(leaves: Snapshot) -> None:
    full = held(leaves, rest=[f"n{i:03d}" for i in range(16)])
    never = replace(full, manners=Manners(preemption=Preemption.NEVER))
    assert plan_for(a_gang(4, **HIGH), never) is None


def test_nobody_is_stopped_if_all_that_may_go_would_not_make_enough_room(leaves: Snapshot) -> None:
    full = with_running(
        held(leaves, low=["n000", "n001", "n004", "n008", "n012"]),
        running(
            a_gang(11, name="high", priority=100),
            [n for n in leaves.names if n not in ("n000", "n001", "n004", "n008", "n012")],
            leaves,
        ),
    )
    assert plan_for(a_gang(3, required="leaf", **HIGH), full) is None
    assert plan_for(a_gang(2, required="leaf", **HIGH), full) is not None


def test_whoever_is_being_stopped_already_is_waited_for_and_nobody_else_goes(leaves: Snapshot) -> None:
    going = running(
        a_gang(4, name="going"), ["n000", "n001", "n002", "n003"], leaves, leaving=True, ends=NOW + 300
    )
    full = with_running(held(leaves, rest=[f"n{i:03d}" for i in range(4, 16)]), going)
    assert plan_for(a_gang(4, **HIGH), full) is None


def test_who_ends_within_a_minute_anyway_is_waited_for(leaves: Snapshot) -> None:
    def full(left: float, confidence: float) -> Snapshot:
        gang = a_gang(4, name="ending", expected=Expectation(7200.0 + left, Source.DECLARED, confidence))
        ending = running(gang, ["n000", "n001", "n002", "n003"], leaves, ends=NOW + max(left, 50))
        return with_running(held(leaves, rest=[f"n{i:03d}" for i in range(4, 16)]), ending)

    assert plan_for(a_gang(4, **HIGH), full(50, 0.9)) is None
    assert plan_for(a_gang(4, **HIGH), full(50, 0.3)) is not None, "one lesson is not much"
    assert plan_for(a_gang(4, **HIGH), full(90, 0.9)) is not None
    assert plan_for(a_gang(4, **HIGH), full(-10, 0.9)) is not None, "it should have ended by now"


def test_what_is_free_is_used_and_held_for_the_plan(leaves: Snapshot) -> None:
    full = held(leaves, a=["n000", "n001"], rest=[f"n{i:03d}" for i in range(4, 16)])
    waiting = (a_gang(4, name="big", required="leaf", **HIGH), a_gang(1, name="small", priority=-1))
    first, second = run_cycle(replace(full, gangs=waiting), POLICY, NOW).decisions
    assert isinstance(first, Wait) and first.promise is not None
    assert nodes(first.promise) == ["n000", "n001", "n002", "n003"]
    assert isinstance(second, Wait), "n002 is free, but held"


def test_two_who_need_room_in_one_cycle_do_not_count_on_the_same_nodes(leaves: Snapshot) -> None:
    full = held(leaves, **{f"l{leaf}": [f"n{leaf * 4 + i:03d}" for i in range(4)] for leaf in range(4)})
    waiting = tuple(a_gang(4, name=f"w{i}", required="leaf", **HIGH) for i in range(5))
    decided = run_cycle(replace(full, gangs=waiting), POLICY, NOW).decisions
    promises = [one.promise for one in decided if isinstance(one, Wait) and one.promise is not None]
    assert sorted(one.victims[0] for one in promises) == ["uid-l0", "uid-l1", "uid-l2", "uid-l3"]
    assert len({name for one in promises for name in nodes(one)}) == 16


def test_workers_that_share_nodes_are_only_stopped_where_that_frees_whole_places() -> None:
    plain = a_snapshot(a_pool(leaves=1, nodes=3))
    halves = [
        running(a_gang(1, 4, name=f"half{i}"), {f"n00{i // 2}": 1}, plain, saved=NOW - 10 * i)
        for i in range(6)
    ]
    promise = plan_for(a_gang(1, 8, **HIGH), with_running(plain, *halves))
    assert promise is not None and promise.victims == ("uid-half0", "uid-half1")


def test_groups_get_whole_domains(leaves: Snapshot) -> None:
    gangs = [
        running(a_gang(1, name=f"g{i:02d}"), [f"n{i:03d}"], leaves, saved=NOW - 100 * (i % 4))
        for i in range(16)
    ]
    promise = plan_for(a_gang(4, groups=(2, "leaf"), **HIGH), with_running(leaves, *gangs))
    assert promise is not None
    per_leaf = [
        sum(name in leaves.names[4 * leaf : 4 * leaf + 4] for name in nodes(promise)) for leaf in range(4)
    ]
    assert all(count % 2 == 0 for count in per_leaf)
    assert len(promise.victims) == 4


# queues -----------------------------------------------------------------------------------------------------

QUEUES = (
    QueueSpec("owner", quotas=(Quota(H100, guaranteed=64),)),
    QueueSpec("borrower", quotas=(Quota(H100, guaranteed=64),)),
)


def borrowed(leaves: Snapshot, *, priority: int = 50) -> Snapshot:
    """All 128 accelerators are held by `borrower`, in eight gangs of two nodes."""
    gangs = [
        running(
            a_gang(2, name=f"b{i}", queue="borrower", priority=priority),
            [f"n{2 * i:03d}", f"n{2 * i + 1:03d}"],
            leaves,
            began=LONG_AGO + i,
        )
        for i in range(8)
    ]
    return with_running(leaves, *gangs, queues=QUEUES)


def test_a_queue_gets_back_what_it_is_guaranteed_whatever_the_priorities(leaves: Snapshot) -> None:
    promise = plan_for(a_gang(4, queue="owner", required="leaf"), borrowed(leaves))
    assert promise is not None and len(promise.victims) == 2


def test_a_queue_gets_no_more_than_its_guarantee_by_reclaiming(leaves: Snapshot) -> None:
    full = borrowed(leaves)
    assert plan_for(a_gang(8, queue="owner"), full) is not None
    assert plan_for(a_gang(9, queue="owner"), full) is None


def test_what_a_queue_is_guaranteed_is_not_taken_from_it_by_priority(leaves: Snapshot) -> None:
    full = borrowed(leaves, priority=0)
    stranger = {"queue": "stranger", "priority": 1000}
    assert plan_for(a_gang(8, **stranger), full) is not None  # what is borrowed
    assert plan_for(a_gang(9, **stranger), full) is None  # not one node more


def test_the_oldest_gangs_of_a_queue_are_those_its_guarantee_pays_for(leaves: Snapshot) -> None:
    promise = plan_for(a_gang(8, queue="owner"), borrowed(leaves))
    assert promise is not None and set(promise.victims) == {"uid-b4", "uid-b5", "uid-b6", "uid-b7"}


def test_inside_a_queue_a_higher_priority_takes_the_guarantee_over(leaves: Snapshot) -> None:
    full = borrowed(leaves, priority=0)
    promise = plan_for(a_gang(8, queue="borrower", **HIGH), full)
    assert promise is not None and len(promise.victims) == 4


def test_a_limit_is_made_room_under_by_those_who_are_under_it(leaves: Snapshot) -> None:
    queues = (QueueSpec("small", quotas=(Quota(H100, limit=32),)),)
    low = running(a_gang(4, name="low", queue="small"), ["n000", "n001", "n002", "n003"], leaves)
    cheap = running(a_gang(4, name="cheap"), ["n004", "n005", "n006", "n007"], leaves, saved=NOW)
    room = with_running(leaves, low, cheap, queues=queues)
    promise = propose(a_gang(2, queue="small", **HIGH), open_desk(room, POLICY, NOW))
    assert promise is not None and promise.victims == ("uid-low",)


MI300X = "amd-mi300x"
PARTED = (
    QueueSpec("top", quotas=(Quota(ANY_MODEL, limit=32),)),
    QueueSpec("lent", "top", quotas=(Quota(H100, guaranteed=8),)),
)


@pytest.mark.parametrize(("models", "goes"), [((), False), ((MI300X, H100), False), ((MI300X,), True)])
def test_who_could_take_the_place_back_by_a_guarantee_of_another_model_is_not_stopped(
    models: tuple[str, ...], goes: bool
) -> None:
    """It runs on the model that is not guaranteed to it, and stands in the way by a limit over both."""
    amd = a_pool(leaves=1, name="pool-amd", model=MI300X, vendor="amd", resource="amd.com/gpu")
    both = a_snapshot(a_pool(), amd)
    lent = running(a_gang(1, name="lent", queue="lent", models=models), ["o000"], both)
    room = with_running(both, lent, queues=PARTED)
    high = a_gang(4, queue="top", models=[H100], **HIGH)
    promise = propose(high, open_desk(room, POLICY, NOW))
    assert (promise is not None and promise.victims == ("uid-lent",)) == goes


def test_instead_of_who_could_take_the_place_back_another_is_stopped() -> None:
    amd = a_pool(leaves=1, name="pool-amd", model=MI300X, vendor="amd", resource="amd.com/gpu")
    both = a_snapshot(a_pool(), amd)
    lent = running(a_gang(1, name="lent", queue="lent"), ["o000"], both, saved=NOW)
    dear = running(a_gang(1, name="dear", queue="top"), ["o001"], both)
    room = with_running(both, lent, dear, queues=PARTED)
    promise = propose(a_gang(3, queue="top", models=[H100], **HIGH), open_desk(room, POLICY, NOW))
    assert promise is not None and promise.victims == ("uid-dear",)


# elastic ----------------------------------------------------------------------------------------------------


def test_an_elastic_gang_is_made_smaller_before_another_is_stopped(leaves: Snapshot) -> None:
    elastic = a_gang(8, name="elastic", sizes=(8, 6, 4))
    full = with_running(
        held(leaves, other=[f"n{i:03d}" for i in range(8, 16)]), running(elastic, leaves.names[:8], leaves)
    )
    promise = plan_for(a_gang(3, required="leaf", **HIGH), full)
    assert promise is not None
    assert (promise.victims, promise.smaller) == (("uid-elastic",), (("uid-elastic", 4),))
    far = plan_for(a_gang(2, **HIGH), full)
    assert far is not None and far.smaller == (("uid-elastic", 6),)


def test_an_elastic_gang_does_not_shrink_to_nodes_that_take_no_new_work(leaves: Snapshot) -> None:
    """It starts again there: of its four nodes one is given, and one is cordoned."""
    elastic = a_gang(4, name="elastic", sizes=(4, 3, 2))
    full = with_running(
        held(leaves, other=[f"n{i:03d}" for i in range(4, 16)]), running(elastic, leaves.names[:4], leaves)
    )
    sick = replace(full, state=full.state.copy())
    sick.state[3] = NodeState.CORDONED
    for snapshot, left in ((full, 3), (sick, 2)):
        promise = plan_for(a_gang(1, **HIGH), snapshot)
        assert promise is not None and promise.smaller == (("uid-elastic", left),)


def test_an_elastic_gang_is_stopped_where_what_it_may_give_is_not_enough(leaves: Snapshot) -> None:
    elastic = a_gang(8, name="elastic", sizes=(8, 6))
    full = with_running(
        leaves,
        running(elastic, leaves.names[:8], leaves),
        running(a_gang(8, name="high", priority=100), leaves.names[8:], leaves),
    )
    promise = plan_for(a_gang(4, required="leaf", **HIGH), full)
    assert promise is not None and (promise.victims, promise.smaller) == (("uid-elastic",), ())


def test_an_elastic_gang_gives_back_what_its_guarantee_does_not_pay_for_and_is_not_stopped(
    leaves: Snapshot,
) -> None:
    elastic = a_gang(12, name="elastic", queue="borrower", sizes=(12, 8, 4))
    other = a_gang(4, name="other", queue="borrower", priority=10)
    full = with_running(
        leaves,
        running(elastic, leaves.names[:12], leaves),
        running(other, leaves.names[12:], leaves),
        queues=QUEUES,
    )
    back = plan_for(a_gang(8, queue="owner"), full)
    assert back is not None and (back.victims, back.smaller) == (("uid-elastic",), (("uid-elastic", 4),))
    # Smaller it is paid for in full: it would take back at once what it was stopped for.
    assert plan_for(a_gang(9, queue="stranger", priority=1000), full) is None


def test_nobody_goes_for_workers_that_an_elastic_gang_could_do_without(leaves: Snapshot) -> None:
    full = held(leaves, **{f"g{i:02d}": [f"n{i:03d}"] for i in range(16)})
    promise = plan_for(a_gang(8, sizes=(8, 4, 2), **HIGH), full)
    assert promise is not None and len(promise.victims) == 2


# spares -----------------------------------------------------------------------------------------------------


def test_a_gang_that_recovers_takes_lent_spares_back_at_once(leaves: Snapshot) -> None:
    loan = running(a_gang(1, name="loan", priority=-10), ["n003"], leaves, began=NOW - 5)
    full = with_running(
        held(leaves, rest=[n for n in leaves.names if n != "n003"]), loan, spares=SpareRule(1, "leaf")
    )
    assert plan_for(a_gang(1, **HIGH), full) is not None  # rest has run for long
    rested = replace(
        full, running=tuple(one if one.gang.priority < 0 else replace_priority(one) for one in full.running)
    )
    assert plan_for(a_gang(1), rested) is None
    promise = plan_for(a_gang(1, recovering=True), rested)
    assert promise is not None and promise.victims == ("uid-loan",)


def replace_priority(one: Running) -> Running:
    return replace(one, gang=replace(one.gang, priority=1000))


def test_spares_are_lent_to_negative_priorities_and_count_as_spares_still(leaves: Snapshot) -> None:
    rule = replace(leaves, spares=SpareRule(1, "leaf"))
    (decided,) = run_cycle(
        replace(rule, gangs=(a_gang(16, name="loan", priority=-1),)), POLICY, NOW
    ).decisions
    assert isinstance(decided, Place)
    (refused,) = run_cycle(replace(rule, gangs=(a_gang(13),)), POLICY, NOW).decisions
    assert isinstance(refused, Wait)
    lent = with_running(rule, running(a_gang(1, name="loan", priority=-1), ["n003"], leaves))
    (again,) = run_cycle(replace(lent, gangs=(a_gang(12),)), POLICY, NOW).decisions
    assert isinstance(again, Place), "the node on loan is the spare of its leaf: the other three are not kept"


def test_a_tree_of_any_depth_covers_by_its_guarantees(leaves: Snapshot) -> None:
    sure = (Quota(H100, guaranteed=8 * len(leaves.names)),)
    queues = tuple(QueueSpec(f"q{at}", f"q{at - 1}" if at else "", quotas=sure) for at in range(80))
    low = running(a_gang(len(leaves.names), name="low", queue="q79"), leaves.names, leaves)
    full = with_running(leaves, low, queues=queues)
    assert plan_for(a_gang(4, name="high", queue="q79", **HIGH), full) is not None  # type: ignore[arg-type]
    assert plan_for(a_gang(4, name="high", queue="other", **HIGH), full) is None  # type: ignore[arg-type]


def test_who_waits_deep_in_the_tree_finds_whom_it_may_stop_further_up(leaves: Snapshot) -> None:
    sure = (Quota(H100, guaranteed=32),)
    queues = tuple(QueueSpec(f"q{at}", f"q{at - 1}" if at else "", quotas=sure) for at in range(80))
    low = running(a_gang(len(leaves.names), name="low", queue="other"), leaves.names, leaves)
    full = with_running(leaves, low, queues=queues)
    assert plan_for(a_gang(4, name="high", queue="q79"), full) is not None


@pytest.mark.parametrize("restart_cost", [1e9, 1e12, 1e300])
def test_nobody_is_too_dear_to_be_stopped(leaves: Snapshot, restart_cost: float) -> None:
    dear = [
        running(a_gang(4, name=name), leaves.names[at : at + 4], leaves, restart_cost=restart_cost)
        for name, at in (("a", 0), ("b", 4), ("c", 8), ("d", 12))
    ]
    full = with_running(leaves, *dear)
    found = plan_for(a_gang(16, name="high", **HIGH), full)  # type: ignore[arg-type]
    assert found is not None and len(found.victims) == 4
