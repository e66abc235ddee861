"""What a gang is told that waits for its queue's quota."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Place, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.workload import Gang
from tests.support.builders.core import GPU, H100, a_gang, a_pool, a_snapshot
from tests.support.builders.queues import a_queue, holding

MI300 = "amd-mi300x"
AMD = a_pool(name="pool-amd", model=MI300, vendor="amd", resource="amd.com/gpu")

ONE_POOL = (a_pool(),)


def decided(
    *gangs: Gang, queues: Iterable[QueueSpec], pools=ONE_POOL, held: Iterable[Running] = (), used=None
):
    snapshot = a_snapshot(*pools, gangs=gangs, used=used)
    return run_cycle(replace(snapshot, queues=tuple(queues), running=tuple(held)), Policy(), 0.0).decisions


def test_who_holds_what_is_under_the_limit_and_what_would_help():
    (wait,) = decided(
        a_gang(4, queue="a"), queues=[a_queue("a", limit=64)], held=[holding("a", 24), holding("a", 16)]
    )
    assert (wait.reason, wait.message) == (
        WaitReason.QUOTA_EXHAUSTED,
        f"4 workers of 8 {H100} are 32 accelerators; JobQueue a is limited to 64 of that model, of which 40 are held by"
        f" 2 jobs (a-{H100}-24, a-{H100}-16 in this namespace). It starts when they give back 8; a limit of 72 would"
        " start it now, and 3 workers would stay within it.",
    )


def test_the_limit_of_a_queue_above_is_named_with_both():
    (wait,) = decided(
        a_gang(8, queue="a"),
        queues=[a_queue("all", limit=64), a_queue("a", "all"), a_queue("b", "all")],
        held=[holding("b", 64)],
    )
    assert (
        "JobQueue all above a is limited to 64 of that model, of which 64 are held by 1 job" in wait.message
    )


def test_a_gang_larger_than_the_limit_is_told_the_largest_that_is_not():
    (wait,) = decided(a_gang(4, queue="a"), queues=[a_queue("a", limit=20)])
    assert wait.message == (
        f"4 workers of 8 {H100} are 32 accelerators, and JobQueue a is limited to 20 of that model. Ask for at most"
        " 2 workers, or have that limit raised."
    )


def test_a_queue_that_may_have_nothing_is_told_so():
    (wait,) = decided(a_gang(1, queue="a"), queues=[a_queue("a", limit=0)])
    assert wait.message.endswith("JobQueue a is limited to 0 of that model. Have that limit raised.")


def test_a_limit_over_all_models_is_told_in_accelerators_times_their_rate():
    (wait,) = decided(
        a_gang(4, queue="a", models=[MI300]),
        queues=[a_queue("a", also=[Quota(ANY_MODEL, 0, 40)], rates={MI300: 0.8})],
        pools=(AMD,),
        held=[holding("a", 20)],
    )
    assert wait.message.startswith(
        f"4 workers of 8 {MI300} are 25.6 accelerators at exchange rate 0.8; JobQueue a is limited to 40 of all models"
        " together, of which 20 are held by 1 job"
    )
    assert (
        "give back 5.6; a limit of 45.6 would start it now, and 3 workers would stay within it."
        in wait.message
    )


def test_jobs_of_other_namespaces_are_only_counted():
    stranger = holding("a", 64)
    stranger = replace(stranger, gang=replace(stranger.gang, key="secret/project"))
    (wait,) = decided(a_gang(1, queue="a"), queues=[a_queue("a", limit=64)], held=[stranger])
    assert "64 are held by 1 job. " in wait.message
    assert "project" not in wait.message


def test_no_room_either_is_said_where_a_larger_limit_would_not_be_enough():
    (wait,) = decided(
        a_gang(8, queue="a"), queues=[a_queue("a", limit=64)], held=[holding("a", 8)], used={"n000": 8}
    )
    assert "with a limit of 72 it would wait for room" in wait.message


def test_an_exhausted_model_is_passed_over_for_the_next_one():
    (place,) = decided(
        a_gang(2, queue="a", models=[H100, MI300]), queues=[a_queue("a", limit=8)], pools=(a_pool(), AMD)
    )
    assert isinstance(place, Place)
    assert place.model == MI300


def test_room_is_the_reason_where_the_exhausted_model_has_none_either():
    (wait,) = decided(
        a_gang(2, queue="a", models=[H100, MI300]),
        queues=[a_queue("a", limit=8)],
        pools=(
            a_pool(leaves=1, nodes=1),
            a_pool(leaves=1, nodes=2, name=AMD.name, model=MI300, resource="amd.com/gpu"),
        ),
        used={"n000": 8, "o000": 8},
    )
    assert wait.reason is WaitReason.NOT_ENOUGH_FREE
    assert f"2 workers of 8 {MI300}" in wait.message
    assert wait.message.endswith(f"Its quota is exhausted for {H100} (JobQueue a holds 0 of 8).")


def test_the_quota_is_the_reason_where_only_it_keeps_a_gang_from_room():
    (wait,) = decided(
        a_gang(2, queue="a", models=[MI300, H100]),
        queues=[a_queue("a", limit=8)],
        pools=(a_pool(), a_pool(leaves=1, nodes=2, name=AMD.name, model=MI300, resource="amd.com/gpu")),
        used={"o000": 8},
    )
    assert (wait.reason, wait.message.partition(" are ")[0]) == (
        WaitReason.QUOTA_EXHAUSTED,
        f"2 workers of 8 {H100}",
    )


def test_a_shape_that_fits_nowhere_is_no_matter_of_quota():
    (wait,) = decided(a_gang(99, queue="a"), queues=[a_queue("a", limit=8)])
    assert wait.reason is WaitReason.SHAPE_IMPOSSIBLE


def test_gangs_of_other_queues_are_told_of_their_own_limits():
    waits = decided(
        a_gang(2, name="one", queue="a"),
        a_gang(2, name="two", queue="b"),
        queues=[a_queue("a", limit=0), a_queue("b", limit=8)],
    )
    assert [isinstance(one, Wait) and one.message.split("JobQueue ")[1][:18] for one in waits] == [
        "a is limited to 0 ",
        "b is limited to 8 ",
    ]


def test_words_stay_while_nothing_changes():
    first, again = (
        decided(a_gang(4, queue="a"), queues=[a_queue("a", limit=64)], held=[holding("a", 40)])
        for _ in range(2)
    )
    assert first == again
    assert GPU not in first[0].message
