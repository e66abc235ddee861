"""What users of other schedulers complain about, 1 to 9: preemption that knows neither the fabric nor its own plan.

The numbers and sentences are those of docs/explanation/complaints.md.
"""

from __future__ import annotations

from crosstree.core.plan import WaitReason
from crosstree.core.queues import QueueSpec
from tests.scenarios.stage import HOUR, MINUTE, Stage, guaranteed


def test_01_victims_are_chosen_so_that_what_they_free_is_one_domain() -> None:
    """The cheapest victims are scattered over the leaves; those of one leaf are stopped, and nobody else."""
    stage = Stage(leaves=3, nodes=4)
    for number in range(12):
        stage.submit(f"low{number}", priority=0, runs=100 * HOUR)
        stage.after(7 * MINUTE)  # the younger, the less it loses: the cheapest four are not all in one leaf
    stage.delete("low5")
    stage.submit("late", priority=0, runs=100 * HOUR)
    stage.submit("clique", workers=4, priority=9, required="leaf", runs=HOUR)
    stage.after(2 * MINUTE)
    assert stage.runs("clique")
    assert len(stage.domains("clique")) == 1
    assert len(stage.stopped()) == 4
    assert sum(stage.runs(f"low{number}") for number in range(12)) + stage.runs("late") == 8


def test_02_freed_accelerators_that_do_not_make_up_a_worker_admit_nobody_and_block_nobody() -> None:
    """8 are free, 2 on each of 4 nodes: a worker of 8 waits and says why, and one that fits starts."""
    stage = Stage(leaves=1, nodes=4)
    for number in range(4):
        stage.submit(f"most{number}", devices=6, runs=2 * HOUR)
    stage.submit("eight", devices=8, runs=HOUR)
    assert stage.waits("eight").reason is WaitReason.FRAGMENTED
    stage.submit("twos", workers=4, devices=2, runs=HOUR)
    assert stage.runs("twos")
    stage.after(2 * HOUR + MINUTE)
    assert stage.runs("eight")


def test_03_a_plan_to_preempt_is_kept_until_the_gang_runs_whatever_comes_in_between() -> None:
    """Neither a restart of the operator nor others who ask meanwhile make it stop anybody else."""
    stage = Stage(leaves=2, nodes=4)
    for number in range(8):
        stage.submit(f"low{number}", runs=100 * HOUR)
    stage.submit("hero", workers=4, priority=5, required="leaf", runs=HOUR)
    plan = stage.promise("hero")
    assert plan is not None and len(plan.victims) == 4
    for number in range(3):
        stage.after(5)
        stage.submit(f"other{number}", runs=MINUTE)
        stage.restart_operator()
        stage.settle()
        assert stage.promise("hero") == plan
    stage.after(MINUTE)
    assert stage.runs("hero")
    assert stage.stopped() == set(plan.victims)
    assert set(stage.nodes("hero")) == {share.name for share in plan.nodes}


def test_04_a_gang_of_high_priority_makes_room_inside_the_domain_it_requires() -> None:
    """Two nodes are free in another leaf; victims are taken where all of it fits, not where two are free."""
    stage = Stage(leaves=2, nodes=4)
    for number in range(6):
        stage.submit(f"low{number}", runs=100 * HOUR)
    stage.submit("high", workers=3, priority=5, required="leaf", runs=HOUR)
    stage.after(MINUTE)
    assert stage.runs("high")
    assert len(stage.domains("high")) == 1
    assert len(stage.stopped()) == 1


def test_05_two_jobs_never_take_from_each_other_in_turn() -> None:
    """Two queues, each guaranteed half: what is borrowed goes back once, and then there is peace."""
    stage = Stage(leaves=2, nodes=4, queues=[guaranteed("a", 32), guaranteed("b", 32)])
    stage.submit("a1", workers=4, queue="a", runs=100 * HOUR)
    stage.submit("a2", workers=4, queue="a", runs=100 * HOUR)
    stage.submit("b1", workers=4, queue="b", runs=100 * HOUR)
    stage.after(HOUR)
    assert stage.runs("b1")
    assert stage.runs("a1") or stage.runs("a2")
    assert len(stage.stops) == 1
    stage.submit("b2", workers=4, queue="b", priority=9, runs=HOUR, says=None)
    stage.after(5 * HOUR)
    assert {stop.who for stop in stage.stops if stop.at > 2 * MINUTE} <= {"b1"}, (
        "a keeps what is guaranteed to it"
    )
    assert len(stage.stops) <= 2


def test_05b_several_gangs_never_hold_parts_of_what_each_of_them_needs() -> None:
    """Three gangs of three nodes on four: one runs whole, the others hold nothing."""
    stage = Stage(leaves=1, nodes=4)
    for number in range(3):
        stage.submit(f"gang{number}", workers=3, runs=HOUR)
    assert [stage.workers(f"gang{number}") for number in range(3)] == [3, 0, 0]
    stage.after(3 * HOUR + MINUTE)
    assert len(stage.finished) == 3


def test_06_who_lost_least_since_the_last_checkpoint_is_stopped() -> None:
    """The older job saved its work a minute ago; the younger one has an hour to lose."""
    stage = Stage(leaves=1, nodes=2, checkpoint=2 * HOUR)
    stage.submit("older", runs=100 * HOUR)
    stage.after(HOUR)
    stage.submit("younger", runs=100 * HOUR)
    stage.after(HOUR + MINUTE)
    stage.submit("urgent", priority=5, runs=HOUR)
    stage.after(MINUTE)
    assert stage.stopped() == {"older"}
    assert stage.runs("urgent", "younger")


def test_07_an_elastic_job_shrinks_instead_of_being_stopped() -> None:
    """A rigid one of the same priority would have to go whole; the elastic one gives up two workers and goes on."""
    stage = Stage(leaves=1, nodes=4)
    stage.submit("elastic", workers=4, sizes=(4, 3, 2, 1), runs=10 * HOUR)
    assert stage.workers("elastic") == 4
    stage.submit("urgent", workers=2, priority=5, runs=HOUR)
    stage.after(2 * MINUTE)
    assert stage.runs("urgent", "elastic")
    assert stage.workers("elastic") == 2
    assert stage.stopped() == set()


def test_08_a_job_that_started_is_left_alone_for_its_guaranteed_time() -> None:
    """Ten minutes are promised to whoever starts; then it can be stopped."""
    stage = Stage(leaves=1, nodes=1, min_runtime=10 * MINUTE)
    stage.submit("young", runs=10 * HOUR)
    stage.after(MINUTE)
    stage.submit("urgent", priority=5, runs=HOUR)
    stage.after(8 * MINUTE)
    assert stage.runs("young")
    stage.after(3 * MINUTE)
    assert stage.runs("urgent")


def test_09_a_job_that_is_stopped_leaves_no_worker_behind_and_comes_back_whole_by_itself() -> None:
    """No zombie of it is on any node, it keeps its age, and goes on where it left off."""
    stage = Stage(leaves=1, nodes=4, checkpoint=10 * MINUTE)
    stage.submit("first", workers=4, runs=2 * HOUR)
    stage.after(HOUR)
    stage.submit("urgent", workers=1, priority=5, runs=HOUR)
    stage.submit("newcomer", workers=4, runs=HOUR)
    stage.after(2 * MINUTE)
    assert stage.runs("urgent")
    assert all("first" not in stage.on(f"n{number}") for number in range(4))
    stage.after(HOUR)
    assert stage.runs("first"), "it is older than the newcomer"
    stage.after(90 * MINUTE)
    assert stage.finished["first"] < 4 * HOUR, "its saved hour was not lost"


def test_05c_a_circle_of_three_queues_over_guarantees_comes_to_rest() -> None:
    """Each queue could point at the next as the borrower; evictions stay bounded."""
    stage = Stage(leaves=3, nodes=2, queues=[guaranteed(name, 16) for name in "abc"] + [QueueSpec("free")])
    for name in "abc":
        stage.submit(f"{name}-over", workers=4, queue=name, runs=50 * HOUR)
    for name in "abc":
        stage.submit(f"{name}-owed", workers=2, queue=name, runs=50 * HOUR)
    stage.after(10 * HOUR)
    before = len(stage.stops)
    assert before <= 6
    stage.after(10 * HOUR)
    assert len(stage.stops) == before
