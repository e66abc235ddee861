"""What users of other schedulers complain about, 13: budgets of hours for a group.

The numbers and sentences are those of docs/explanation/complaints.md.
"""

from __future__ import annotations

from crosstree.core.plan import WaitReason
from crosstree.core.policy import Policy
from crosstree.core.queues import Budget, QueueSpec
from crosstree.sim.what_if import ahead
from tests.scenarios.stage import H100, HOUR, MINUTE, NOW, Stage

DAY = 24 * HOUR


def a_group(hours: float, name: str = "group", parent: str = "") -> QueueSpec:
    """Describe a queue that may use so many accelerator-hours a day."""
    return QueueSpec(name, parent, budgets=(Budget(H100, hours * HOUR, NOW, DAY),))


def test_13_a_group_uses_its_hours_and_not_more_until_the_next_period() -> None:
    """A hundred hours a day: twelve hours of one node, then nothing, then the next day's."""
    stage = Stage(leaves=1, nodes=2, queues=(a_group(100),))
    for number in range(4):
        stage.submit(f"job{number}", runs=5 * HOUR, queue="group")
    assert stage.runs("job0", "job1")
    wait = stage.waits("job2")
    assert wait.reason is WaitReason.BUDGET_EXHAUSTED
    assert wait.forecast is not None and wait.forecast.start == NOW + DAY
    stage.submit("other", runs=HOUR, queue="elsewhere")
    stage.after(6 * HOUR)
    assert stage.started("other") is not None, "nodes that a group may not use are not kept from others"
    assert stage.started("job2") is None
    stage.after(DAY - 6 * HOUR + MINUTE)
    assert stage.started("job2") == stage.started("job3") == DAY


def test_13b_nobody_is_stopped_when_the_hours_are_used_up() -> None:
    """A job that runs longer than its owner said uses more than there is, and the next ones wait for it."""
    stage = Stage(leaves=1, nodes=2, queues=(a_group(20),))
    stage.submit("late", runs=8 * HOUR, says=0.25, queue="group")
    stage.submit("next", runs=HOUR, says=None, queue="group")
    assert stage.runs("late")
    stage.after(8 * HOUR + MINUTE)
    assert stage.finished["late"] == 8 * HOUR
    stage.submit("after", runs=HOUR, queue="group")
    assert stage.waits("after").reason is WaitReason.BUDGET_EXHAUSTED


def test_13c_a_budget_holds_for_the_whole_tree() -> None:
    """Two teams of one group have its hours together, and one of them less."""
    tree = (a_group(60, "group"), a_group(30, "team-a", "group"), QueueSpec("team-b", "group"))
    stage = Stage(leaves=1, nodes=4, queues=tree)
    stage.submit("a1", runs=3 * HOUR, queue="team-a")
    stage.submit("a2", runs=3 * HOUR, queue="team-a")
    stage.submit("b1", runs=4 * HOUR, queue="team-b")
    stage.submit("b2", runs=HOUR, queue="team-b")
    assert stage.runs("a1", "b1")
    assert "JobQueue team-a has used" in stage.waits("a2").message
    assert "JobQueue group above team-b has used" in stage.waits("b2").message


def test_13d_a_restart_of_the_operator_forgets_nothing_that_was_used() -> None:
    """The sums are in what is stored."""
    stage = Stage(leaves=1, nodes=2, queues=(a_group(50),))
    stage.submit("first", runs=5 * HOUR, queue="group")
    stage.after(5 * HOUR + MINUTE)
    stage.restart_operator()
    stage.submit("second", runs=5 * HOUR, queue="group")
    assert stage.waits("second").reason is WaitReason.BUDGET_EXHAUSTED
    stage.submit("small", runs=HOUR, queue="group")
    assert stage.runs("small")


def test_13e_what_if_knows_of_budgets() -> None:
    """Asked before submitting, a job of a group without hours starts with the next period."""
    stage = Stage(leaves=1, nodes=2, queues=(a_group(40),))
    stage.submit("first", runs=5 * HOUR, queue="group")
    stage.submit("second", runs=5 * HOUR, queue="group")
    course = ahead(stage.snapshot, Policy(), NOW, horizon=2 * DAY)
    assert course.starts["ml/second"].at == NOW + DAY
    assert course.reasons["ml/second"][0] is WaitReason.BUDGET_EXHAUSTED
