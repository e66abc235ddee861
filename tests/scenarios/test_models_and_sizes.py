"""What users of other schedulers complain about, 29, 30, 35 and 36: models, fabrics and sizes that differ.

The numbers and sentences are those of docs/explanation/complaints.md.
"""

from __future__ import annotations

from crosstree.core.plan import WaitReason
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.sim.inventory import NodeFact
from tests.scenarios.stage import ASCEND, H100, HOUR, MINUTE, Stage, guaranteed

ASCENDS = [NodeFact(f"a{number}", ASCEND, 8, f"al{number // 2}", "as0") for number in range(4)]


def test_29_one_queue_spans_models_with_a_quota_for_each_and_fairness_over_all() -> None:
    """At its limit of one model a job spills over to the next model it takes, and waits where it takes none."""
    queue = QueueSpec("team", quotas=(Quota(H100, 0, 16), Quota(ASCEND, 0, 16)), rates=((ASCEND, 0.5),))
    stage = Stage(leaves=1, nodes=4, more=ASCENDS, queues=[queue, QueueSpec("other")])
    stage.submit("one", workers=2, models=(H100, ASCEND), queue="team")
    stage.submit("two", workers=2, models=(H100, ASCEND), queue="team")
    stage.submit("three", workers=1, models=(H100, ASCEND), queue="team")
    assert stage.running("one").model == H100  # type: ignore[union-attr]
    assert stage.running("two").model == ASCEND  # type: ignore[union-attr]
    assert stage.waits("three").reason is WaitReason.QUOTA_EXHAUSTED
    stage.submit("theirs", workers=2, models=(H100,), queue="other")
    assert stage.runs("theirs"), "what one queue may not use is nobody else's loss"


def test_29b_whose_largest_share_of_any_model_is_smaller_is_next() -> None:
    """Three quarters of one model against a quarter of the other: the queue that holds less goes first."""
    stage = Stage(leaves=1, nodes=4, more=ASCENDS, queues=[QueueSpec("much"), QueueSpec("little")])
    stage.submit("much1", workers=3, models=(H100,), queue="much", runs=10 * HOUR)
    stage.submit("little1", workers=1, models=(ASCEND,), queue="little", runs=10 * HOUR)
    stage.submit("rest", workers=1, models=(H100,), queue="much", runs=HOUR)
    stage.after(MINUTE)
    stage.submit("much2", workers=1, models=(H100,), queue="much", runs=HOUR)
    stage.after(MINUTE)
    stage.submit("little2", workers=1, models=(H100,), queue="little", runs=HOUR)
    stage.after(HOUR)
    assert stage.runs("little2")
    assert not stage.runs("much2")


def test_29c_a_guarantee_of_one_model_is_given_back_in_that_model() -> None:
    """Who borrowed the other model is left alone."""
    owner = QueueSpec("owner", quotas=(Quota(H100, 16, None),))
    stage = Stage(leaves=1, nodes=2, more=ASCENDS, queues=[owner, QueueSpec("guest")])
    stage.submit("on-h100", workers=2, models=(H100,), queue="guest", runs=100 * HOUR)
    stage.submit("on-ascend", workers=4, models=(ASCEND,), queue="guest", runs=100 * HOUR)
    stage.submit("mine", workers=2, models=(H100,), queue="owner", runs=HOUR)
    stage.after(2 * MINUTE)
    assert stage.runs("mine", "on-ascend")
    assert stage.stopped() == {"on-h100"}


def test_30_generations_with_fabrics_of_other_depth_stand_in_one_cluster() -> None:
    """A gang that prefers a leaf uses it where there is one; one that requires it never goes where there is none."""
    flat = [NodeFact(f"f{number}", ASCEND, 8) for number in range(4)]
    stage = Stage(leaves=2, nodes=2, more=flat)
    stage.submit("strict", workers=2, models=(ASCEND, H100), required="leaf", runs=HOUR)
    stage.submit("loose", workers=4, models=(ASCEND, H100), preferred="leaf", runs=HOUR)
    assert stage.running("strict").model == H100  # type: ignore[union-attr]
    assert len(stage.domains("strict")) == 1
    assert stage.running("loose").model == ASCEND  # type: ignore[union-attr]
    stage.submit("never", workers=2, models=(ASCEND,), required="leaf", runs=HOUR)
    assert stage.waits("never").reason is WaitReason.LEVEL_UNKNOWN


def test_35_an_elastic_job_starts_small_and_grows_without_leaving_the_domain_it_requires() -> None:
    """Idle nodes of another leaf do not tempt it; those of its own do once nobody waits."""
    stage = Stage(leaves=2, nodes=4)
    stage.submit("neighbour", workers=2, required="leaf", runs=HOUR)
    stage.submit("other", workers=3, required="leaf", runs=10 * HOUR)
    stage.submit("elastic", workers=4, sizes=(4, 3, 2, 1), required="leaf", runs=20 * HOUR)
    assert stage.runs("elastic")
    assert stage.workers("elastic") == 2
    stage.after(2 * HOUR)
    assert stage.workers("elastic") == 4
    assert len(stage.domains("elastic")) == 1


def test_35b_growing_never_takes_what_a_waiting_gang_needs() -> None:
    """The gang in line gets the nodes that come free, not the elastic job beside them."""
    stage = Stage(leaves=1, nodes=4)
    stage.submit("holder", workers=2, runs=HOUR)
    stage.submit("elastic", workers=4, sizes=(4, 3, 2, 1), runs=20 * HOUR)
    stage.submit("gang", workers=2, runs=HOUR)
    stage.after(HOUR + MINUTE)
    assert stage.runs("gang", "elastic")
    assert stage.started("gang") == HOUR


def test_36_one_job_may_require_a_block_and_prefer_a_rack_in_it() -> None:
    """No rack holds it: it takes the fewest racks of one block."""
    stage = Stage(spines=2, leaves=2, nodes=4)
    stage.submit("seed0", workers=3, required="leaf", runs=100 * HOUR)
    stage.submit("both", workers=5, required="spine", preferred="leaf", runs=HOUR)
    assert len(stage.domains("both", "spine")) == 1
    assert len(stage.domains("both", "leaf")) == 2
    stage.submit("one", workers=3, required="spine", preferred="leaf", runs=HOUR)
    assert len(stage.domains("one", "leaf")) == 1


def test_29d_a_limit_over_all_models_is_in_normalised_accelerators() -> None:
    """16 slow accelerators at a rate of a half leave room for 8 fast ones under a limit of 16."""
    queue = guaranteed("team", 0, model=ANY_MODEL, limit=16, rates=((ASCEND, 0.5),))
    stage = Stage(leaves=1, nodes=4, more=ASCENDS, queues=[queue])
    stage.submit("slow", workers=2, models=(ASCEND,), queue="team")
    stage.submit("fast", workers=1, models=(H100,), queue="team")
    assert stage.runs("slow", "fast")
    stage.submit("more", workers=1, models=(H100,), queue="team")
    assert stage.waits("more").reason is WaitReason.QUOTA_EXHAUSTED
