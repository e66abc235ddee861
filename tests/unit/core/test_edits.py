from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crosstree.base.errors import SpecError
from crosstree.core.cycle import run_cycle
from crosstree.core.edits import Grant, drained, granted, with_gang, with_nodes, with_rack_like
from crosstree.core.funding import Funding, funded
from crosstree.core.holdings import occupy, release
from crosstree.core.plan import Place, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import ANY_MODEL, Budget, QueueSpec, Quota
from crosstree.core.record import Recording, recall, record
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import Footprint
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.holders import run_on


def decisions(snapshot):
    return run_cycle(snapshot, Policy(), 0.0).decisions


def test_what_is_released_is_free_again_to_the_last_byte():
    before = a_snapshot(used={"n001": 4})
    during = run_on(before, a_gang(2, 2), "n000", "n001")
    assert (during.free != before.free).any()
    assert during.grain.tolist()[:2] == [1, 1]
    after = release(during, during.running)
    assert np.array_equal(after.free, before.free)
    assert after.grain[0] == 7
    assert after.running == ()


def test_the_grain_of_a_node_stays_as_fine_as_the_pods_that_nobody_here_knows():
    during = run_on(a_snapshot(used={"n000": 1}), a_gang(1, 4), "n000")
    assert release(during, during.running).grain[0] == 0


def test_a_drained_node_is_cordoned_and_what_ran_there_waits_whole_with_its_place_remembered():
    before = run_on(a_snapshot(), a_gang(2, name="hit"), "n000", "n001")
    before = run_on(before, a_gang(1, name="spared"), "n004")
    after = drained(before, ["n001"])
    assert NodeState(after.state[1]) is NodeState.CORDONED
    assert [one.gang.key for one in after.running] == ["default/spared"]
    assert after.gangs[0].key == "default/hit"
    assert after.gangs[0].recovering
    assert after.gangs[0].before == Footprint("pool-h100", (("n000", 1), ("n001", 1)))
    (place,) = decisions(after)
    assert "n001" not in {share.name for share in place.nodes}


def test_a_node_that_is_not_there_can_not_be_drained():
    with pytest.raises(SpecError, match="AICluster east has no node n999"):
        drained(a_snapshot(), ["n999"])


def test_a_job_of_the_same_name_in_line_is_replaced_and_one_that_runs_is_refused():
    snapshot = a_snapshot(gangs=[a_gang(99)])
    assert [gang.workers for gang in with_gang(snapshot, a_gang(1), ()).gangs] == [1]
    with pytest.raises(SpecError, match="default/train runs already"):
        with_gang(run_on(a_snapshot(), a_gang(1), "n000"), a_gang(1), ())


def test_a_rack_like_another_is_as_large_and_empty_and_stands_under_the_same_spine():
    before = a_snapshot(a_pool(spines=2, leaves=2, nodes=3), used={"n003": 8})
    after = with_rack_like(before, "s0l1")
    spine, leaf, node = after.pools[0].fabric.levels
    assert leaf.names == ("s0l0", "s0l1", "s0l1+1", "s1l0", "s1l1")
    assert leaf.total(np.ones(15, np.int64)).tolist() == [3] * 5
    assert spine.total(np.ones(15, np.int64)).tolist() == [9, 6]
    assert after.names[-3:] == ("n003+1", "n004+1", "n005+1")
    assert after.free[-3:, 0].tolist() == [8, 8, 8]
    assert after.free[-3:, 2].tolist() == [192_000] * 3
    assert node.names[6:9] == ("n003+1", "n004+1", "n005+1")


def test_a_spine_can_be_copied_with_all_its_leaves():
    after = with_rack_like(a_snapshot(a_pool(spines=1, leaves=2, nodes=2)), "s0")
    assert after.pools[0].fabric.levels[0].names == ("s0", "s0+1")
    assert after.pools[0].fabric.levels[1].names == ("s0l0", "s0l1", "s0l0+1", "s0l1+1")


def test_more_nodes_of_a_model_are_one_more_domain_that_a_gang_can_use():
    gang = a_gang(6, required="leaf")
    before = a_snapshot(a_pool(leaves=2, nodes=4), gangs=[gang])
    assert isinstance(decisions(before)[0], Wait)
    (place,) = decisions(with_nodes(before, 6, H100))
    assert isinstance(place, Place)
    assert len(place.nodes) == 6
    assert all("+" in share.name for share in place.nodes)


def test_more_nodes_of_a_model_are_like_a_whole_one_even_if_the_last_lacks_an_accelerator():
    before = a_snapshot(a_pool(leaves=2, nodes=2))
    column = before.pools[0].column
    allocatable, free = before.allocatable.copy(), before.free.copy()
    allocatable[3, column] = free[3, column] = 7
    after = with_nodes(replace(before, allocatable=allocatable, free=free), 2, H100)
    assert after.names[-2:] == ("n002+1", "n002+2")
    assert after.allocatable[-2:, column].tolist() == [8, 8]


def test_racks_can_be_added_one_after_another():
    after = with_rack_like(with_rack_like(a_snapshot(a_pool(leaves=1, nodes=2)), "s0l0"), "s0l0")
    assert after.pools[0].fabric.levels[1].names == ("s0l0", "s0l0+1", "s0l0+2")
    assert len(set(after.names)) == 6


def test_a_snapshot_with_a_new_rack_is_whole_it_can_be_recorded():
    busy = replace(
        run_on(a_snapshot(gangs=[a_gang()]), a_gang(1, name="r"), "n000"),
        suspect=np.arange(8) > 5,
        signal=np.ones(8, np.int32),
        signals=("", "Bad"),
        masks={a_gang().demands("nvidia.com/gpu"): np.ones(8, np.bool_)},
    )
    after = with_rack_like(busy, "s0l1")
    assert after.suspect.tolist()[-4:] == [False] * 4
    assert after.signal.tolist()[-4:] == [0] * 4
    again = recall(record(Recording(after))).snapshot
    assert decisions(again) == decisions(after)


@pytest.mark.parametrize(
    "edit",
    [
        lambda snapshot: with_rack_like(snapshot, "r9"),
        lambda snapshot: with_nodes(snapshot, 3, "mi300"),
        lambda snapshot: with_nodes(snapshot, 0, H100),
    ],
)
def test_what_is_not_there_can_not_be_copied_and_what_there_is_is_named(edit):
    with pytest.raises(SpecError, match=r"s0l0|nvidia-h100-sxm"):
        edit(a_snapshot())


@pytest.mark.parametrize(
    ("grant", "guaranteed", "limit"),
    [
        (Grant("a", more=8), 16, 40),
        (Grant("a", more=-16), 0, 16),
        (Grant("a", limit=100), 8, 100),
        (Grant("a", limit=-1), 8, None),
        (Grant("a", guaranteed=0), 0, 32),
        (Grant("a", H100, more=8), 16, 40),
    ],
)
def test_a_quota_is_changed_as_asked(grant, guaranteed, limit):
    before = replace(a_snapshot(), queues=(QueueSpec("a", quotas=(Quota(H100, 8, 32),)), QueueSpec("b")))
    after = granted(before, grant)
    assert after.queues == (QueueSpec("a", quotas=(Quota(H100, guaranteed, limit),)), QueueSpec("b"))


def test_a_queue_without_quotas_gets_one_over_all_models():
    after = granted(replace(a_snapshot(), queues=(QueueSpec("b"),)), Grant("b", more=64))
    assert after.queues[0].quotas == (Quota(ANY_MODEL, 64, None),)


def test_which_of_several_quotas_is_meant_has_to_be_said():
    queue = QueueSpec("a", quotas=(Quota("mi300", 1), Quota(H100, 1)))
    with pytest.raises(SpecError, match="has quotas for mi300, nvidia-h100-sxm; name one"):
        granted(replace(a_snapshot(), queues=(queue,)), Grant("a", more=1))
    with pytest.raises(SpecError, match="there is no queue 'c' in AICluster east; queues: a"):
        granted(replace(a_snapshot(), queues=(queue,)), Grant("c", more=1))


def test_a_quota_for_a_model_that_nobody_has_is_a_slip_and_the_models_are_named():
    snapshot = replace(a_snapshot(), queues=(QueueSpec("a", quotas=(Quota("mi300", 1),)),))
    with pytest.raises(
        SpecError, match=r"'nvidia-h100-smx', and no pool .* models: mi300, nvidia-h100-sxm\."
    ):
        granted(snapshot, Grant("a", "nvidia-h100-smx", limit=8))


@pytest.mark.parametrize("model", ["mi300", H100, ANY_MODEL])
def test_a_quota_may_be_changed_for_a_model_that_the_queue_or_a_pool_has(model):
    snapshot = replace(a_snapshot(), queues=(QueueSpec("a", quotas=(Quota("mi300", 1),)),))
    (queue,) = granted(snapshot, Grant("a", model, limit=8)).queues
    assert {quota.model: quota.limit for quota in queue.quotas}[model] == 8


MONTHLY, ONCE = Budget(ANY_MODEL, 7200.0, 5.0, 60.0), Budget(H100, 3600.0)


@pytest.mark.parametrize(
    ("funding", "budgets"),
    [
        (Funding("a", more=1.0), (replace(MONTHLY, seconds=10_800.0), ONCE)),
        (Funding("a", more=-9.0), (replace(MONTHLY, seconds=0.0), ONCE)),
        (Funding("a", H100, hours=2.0), (MONTHLY, replace(ONCE, seconds=7200.0))),
        (Funding("a", lifted=True), (ONCE,)),
    ],
)
def test_a_budget_is_changed_as_asked_and_its_periods_stay(funding, budgets):
    before = replace(a_snapshot(), queues=(QueueSpec("a", budgets=(MONTHLY, ONCE)), QueueSpec("b")))
    assert funded(before, funding).queues == (QueueSpec("a", budgets=budgets), QueueSpec("b"))


@pytest.mark.parametrize(
    ("budgets", "model", "said"),
    [
        ((), "", "queue a has no budgets"),
        ((ONCE,), "mi300", "no budget for 'mi300'; it has budgets for nvidia-h100-sxm"),
        (
            (ONCE, replace(ONCE, model="mi300")),
            "",
            "has budgets for mi300, nvidia-h100-sxm; name one: a:mi300=",
        ),
    ],
)
def test_which_budget_is_meant_has_to_be_clear(budgets, model, said):
    with pytest.raises(SpecError, match=said):
        funded(
            replace(a_snapshot(), queues=(QueueSpec("a", budgets=budgets),)), Funding("a", model, more=1.0)
        )


def test_gangs_that_are_put_somewhere_stand_in_order_of_their_names():
    snapshot = run_on(run_on(a_snapshot(), a_gang(1, name="b"), "n000"), a_gang(1, name="a"), "n001")
    assert [one.gang.key for one in snapshot.running] == ["default/a", "default/b"]
    assert occupy(snapshot, ()).running == snapshot.running
