"""Where gangs go: fewest domains, best fit, whole groups, whole slices, fabric order."""

from __future__ import annotations

import numpy as np
import pytest

from crosstree.base.errors import ShapeError
from crosstree.core.accelerator import Cross, IntraNode, Rule
from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Place, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.snapshot import NodeState, Snapshot
from crosstree.core.workload import NodeConstraint
from tests.support.builders.core import GPU, PoolSpec, a_gang, a_pool, a_snapshot


def placed(snapshot: Snapshot) -> Place:
    decision = run_cycle(snapshot, Policy(), 0.0).decisions[0]
    assert isinstance(decision, Place), decision
    return decision


def waits(snapshot: Snapshot) -> Wait:
    decision = run_cycle(snapshot, Policy(), 0.0).decisions[0]
    assert isinstance(decision, Wait), decision
    return decision


def nodes(place: Place) -> list[str]:
    return [share.name for share in place.nodes]


def spans(place: Place) -> dict[str, tuple[int, int]]:
    return {span.level: (span.domains, span.lower_bound) for span in place.spans}


def test_gang_that_fits_one_leaf_uses_one_leaf():
    place = placed(a_snapshot(a_pool(spines=2, leaves=2, nodes=4), gangs=[a_gang(workers=4)]))
    assert spans(place) == {"spine": (1, 1), "leaf": (1, 1)}


def test_gang_takes_the_leaf_it_leaves_least_behind_in():
    fleet = PoolSpec(spines=((8, 4, 6),))
    place = placed(a_snapshot(fleet, gangs=[a_gang(workers=4)]))
    assert nodes(place) == ["n008", "n009", "n010", "n011"]


def test_small_gang_goes_where_a_leaf_is_broken_already():
    place = placed(a_snapshot(a_pool(leaves=3, nodes=4), used={"n005": 8}, gangs=[a_gang(workers=2)]))
    assert set(nodes(place)) <= {"n004", "n006", "n007"}


def test_among_equal_leaves_the_one_in_the_fuller_spine_is_taken():
    snapshot = a_snapshot(
        a_pool(spines=2, leaves=2, nodes=2), used={"n006": 8, "n007": 8}, gangs=[a_gang(workers=2)]
    )
    assert nodes(placed(snapshot)) == ["n004", "n005"]


def test_gang_larger_than_a_leaf_stays_in_one_spine():
    place = placed(a_snapshot(a_pool(spines=2, leaves=3, nodes=4), gangs=[a_gang(workers=10)]))
    assert spans(place) == {"spine": (1, 1), "leaf": (3, 3)}


def test_gang_larger_than_a_spine_uses_as_few_leaves_as_there_can_be():
    place = placed(a_snapshot(a_pool(spines=2, leaves=2, nodes=4), gangs=[a_gang(workers=12)]))
    assert spans(place) == {"spine": (2, 2), "leaf": (3, 3)}


def test_preferred_leaf_beats_one_spine():
    # s0 holds the gang in 4 leaves of 2; the whole fleet holds it in 2 leaves of 4, one per spine.
    fleet = PoolSpec(spines=((2, 2, 2, 2), (4,), (4,)))
    place = placed(a_snapshot(fleet, gangs=[a_gang(workers=8, preferred="leaf")]))
    assert spans(place) == {"spine": (2, 1), "leaf": (2, 2)}
    without = placed(a_snapshot(fleet, gangs=[a_gang(workers=8)]))
    assert spans(without) == {"spine": (1, 1), "leaf": (4, 2)}


def test_required_leaf_waits_rather_than_spread():
    wait = waits(
        a_snapshot(a_pool(leaves=2, nodes=4), used={"n000": 8, "n005": 8}, gangs=[a_gang(required="leaf")])
    )
    assert wait.reason.value == "NoDomainLargeEnough"
    assert wait.message == (
        "4 workers of 8 nvidia-h100-sxm need one leaf; the best leaf (s0l0) has room for 3 now. "
        "Of 4 nodes there: 3 free, 1 used. Allowing level spine would start it now."
    )


def test_groups_stay_in_their_leaf_and_are_numbered_together():
    fleet = PoolSpec(spines=((3, 5, 4),))
    place = placed(a_snapshot(fleet, gangs=[a_gang(workers=8, groups=(4, "leaf"))]))
    assert nodes(place) == [f"n{i:03d}" for i in (3, 4, 5, 6, 8, 9, 10, 11)]
    assert [share.first for share in place.nodes] == list(range(8))


def test_a_gang_that_can_never_fit_stands_in_no_line_and_who_is_behind_it_moves_up():
    gangs = [
        a_gang(workers=n, name=name, created=at) for n, name, at in ((99, "huge", 1.0), (8, "whole", 2.0))
    ]
    plan = run_cycle(a_snapshot(a_pool(leaves=2, nodes=4), used={"n000": 8}, gangs=gangs), Policy(), 0.0)
    told = {one.key: (one.reason.value, one.position) for one in plan.decisions if isinstance(one, Wait)}
    assert told == {"default/huge": ("ShapeImpossible", 0), "default/whole": ("NotEnoughFree", 1)}


def test_groups_that_fit_in_number_but_not_whole_wait_as_fragmented():
    wait = waits(a_snapshot(PoolSpec(spines=((3, 3),)), gangs=[a_gang(workers=4, groups=(4, "leaf"))]))
    assert wait.reason.value == "ShapeImpossible"
    busy = a_snapshot(
        a_pool(leaves=2, nodes=4), used={"n000": 8, "n004": 8}, gangs=[a_gang(groups=(4, "leaf"))]
    )
    wait = waits(busy)
    assert wait.reason.value == "Fragmented"
    assert "Keeping groups in one spine would start it now." in wait.message


def test_workers_are_numbered_along_the_fabric():
    place = placed(a_snapshot(a_pool(spines=2, leaves=2, nodes=2), gangs=[a_gang(workers=12, devices=4)]))
    assert nodes(place) == sorted(nodes(place))
    assert sum(share.count for share in place.nodes) == 12
    assert [share.first for share in place.nodes] == [0, 2, 4, 6, 8, 10]


def test_several_workers_share_a_node_and_use_as_few_nodes_as_there_can_be():
    place = placed(
        a_snapshot(a_pool(leaves=1, nodes=4), used={"n001": 4}, gangs=[a_gang(workers=10, devices=1)])
    )
    assert [(share.name, share.count) for share in place.nodes] == [("n001", 2), ("n002", 8)] or len(
        place.nodes
    ) == 2


def test_fallback_takes_the_first_model_that_can_start_now():
    amd = a_pool(name="pool-mi300x", model="amd-mi300x", vendor="amd", resource="amd.com/gpu")
    gang = a_gang(workers=4, models=["nvidia-h100-sxm", "amd-mi300x"])
    assert placed(a_snapshot(a_pool(), amd, gangs=[gang])).model == "nvidia-h100-sxm"
    busy = {f"n{i:03d}": 8 for i in range(8)}
    place = placed(a_snapshot(a_pool(), amd, used=busy, gangs=[gang]))
    assert (place.model, place.resource) == ("amd-mi300x", "amd.com/gpu")


def test_nodes_that_are_cordoned_not_ready_or_unhealthy_are_never_used():
    states = {"n000": NodeState.CORDONED, "n001": NodeState.NOT_READY, "n002": NodeState.UNHEALTHY}
    place = placed(a_snapshot(a_pool(leaves=1, nodes=4), states=states, gangs=[a_gang(workers=1)]))
    assert nodes(place) == ["n003"]
    wait = waits(a_snapshot(a_pool(leaves=1, nodes=4), states=states, gangs=[a_gang(workers=2)]))
    assert wait.reason.value == "NodesUnhealthy"
    assert "Of 4 nodes there: 1 free, 1 cordoned, 1 not ready, 1 unhealthy." in wait.message


def test_constraint_of_the_job_keeps_it_off_other_nodes():
    constraint = NodeConstraint(selector=(("zone", "b"),))
    mask = np.array([False, True, True, False])
    gang = a_gang(workers=2, constraint=constraint)
    pool = a_pool(leaves=1)
    masks = {gang.demands(pool.resource): mask}
    assert nodes(placed(a_snapshot(pool, masks=masks, gangs=[gang]))) == ["n001", "n002"]


def test_nodes_that_failed_the_gang_are_avoided():
    place = placed(a_snapshot(a_pool(leaves=1, nodes=2), gangs=[a_gang(workers=1, avoid=("n000",))]))
    assert nodes(place) == ["n001"]


def test_a_node_that_failed_the_gang_is_used_where_there_is_no_other_place():
    place = placed(a_snapshot(a_pool(leaves=1, nodes=2), gangs=[a_gang(workers=2, avoid=("n000",))]))
    assert nodes(place) == ["n000", "n001"]


def test_a_node_that_failed_the_gang_and_is_not_well_is_never_used():
    gang = a_gang(workers=2, avoid=("n000",))
    snapshot = a_snapshot(a_pool(leaves=1, nodes=2), gangs=[gang], states={"n000": NodeState.NOT_READY})
    assert waits(snapshot).reason is WaitReason.NODES_UNHEALTHY


def test_a_node_that_failed_the_gang_twice_is_never_used_and_the_verdict_says_so():
    gang = a_gang(workers=2, avoid=("n000",), banned=("n000",))
    wait = waits(a_snapshot(a_pool(leaves=1, nodes=2), gangs=[gang]))
    assert wait.reason is WaitReason.NODES_UNHEALTHY
    assert "1 that failed this job more than once" in wait.message


def test_a_gang_that_nobody_made_a_mask_for_is_an_error():
    masks = {NodeConstraint(): np.ones(4, np.bool_)}
    with pytest.raises(ShapeError, match="no mask"):
        placed(a_snapshot(a_pool(leaves=1), masks=masks, gangs=[a_gang(workers=1)]))


def test_memory_limits_as_well_as_devices():
    gang = a_gang(workers=2, devices=1, requests=(("memory", 3 << 39), ("pods", 1)))
    assert len(placed(a_snapshot(a_pool(leaves=1, nodes=2), gangs=[gang])).nodes) == 2


def test_resource_that_no_node_offers_is_named():
    wait = waits(a_snapshot(gangs=[a_gang(requests=(("rdma/ib", 1),))]))
    assert wait.reason.value == "ShapeImpossible"
    assert "rdma/ib, which no node offers" in wait.message


def test_overcommitted_node_takes_nothing():
    wait = waits(
        a_snapshot(a_pool(leaves=1, nodes=1), used={"n000": 9}, gangs=[a_gang(workers=1, devices=1)])
    )
    assert wait.reason.value == "NotEnoughFree"


def test_tpu_slices_are_taken_whole():
    tpu = PoolSpec(
        spines=((4, 4), (2,)),
        model="google-tpu-v5p",
        devices=4,
        slice_label="cloud.google.com/gke-nodepool",
        intra=IntraNode(Rule.FULL_NODE),
    )
    assert nodes(placed(a_snapshot(tpu, gangs=[a_gang(workers=2, devices=4)]))) == ["n008", "n009"]
    assert len(nodes(placed(a_snapshot(tpu, gangs=[a_gang(workers=8, devices=4)])))) == 8
    wait = waits(a_snapshot(tpu, used={"n000": 4, "n004": 4}, gangs=[a_gang(workers=4, devices=4)]))
    assert wait.reason.value == "Fragmented"


@pytest.mark.parametrize(("used", "certain"), [(4, True), (2, True), (1, True), (3, False)])
def test_ring_of_four_is_promised_only_when_it_is_certain(used, certain):
    # One pod of 1, 2 or 4 leaves the other ring whole. With 5 free they may lie 3 and 2.
    rings = IntraNode(Rule.GROUPS, 4, Cross.FORBID, (1, 2, 4, 8))
    pool = a_pool(leaves=1, nodes=1, intra=rings)
    snapshot = a_snapshot(pool, used={"n000": used}, gangs=[a_gang(workers=1, devices=4)])
    assert isinstance(run_cycle(snapshot, Policy(), 0.0).decisions[0], Place) is certain


def test_illegal_count_says_which_counts_are_legal():
    rings = IntraNode(Rule.GROUPS, 4, Cross.FORBID, (1, 2, 4, 8))
    wait = waits(a_snapshot(a_pool(intra=rings), gangs=[a_gang(devices=3)]))
    assert wait.reason.value == "IllegalSize"
    assert wait.message == "accelerators.perWorker is 3, but nvidia-h100-sxm takes 1, 2, 4 or 8 per pod."


def test_unknown_level_names_the_levels_there_are():
    for field in ("required", "preferred"):
        wait = waits(a_snapshot(gangs=[a_gang(**{field: "rack"})]))
        assert wait.reason.value == "LevelUnknown"
        assert wait.message == (
            f"topology.{field} is 'rack', but pool pool-h100 has levels spine, leaf, node. "
            "Name one of these, or declare it in spec.fabric of the AICluster."
        )


def test_missing_model_names_the_models_there_are():
    wait = waits(a_snapshot(gangs=[a_gang(models=["nvidia-b200"])]))
    assert wait.message == "AICluster east has no nvidia-b200. Models here: nvidia-h100-sxm."


def test_models_spelled_like_the_missing_one_come_first():
    names = [f"amd-mi{number}x" for number in range(300, 308)] + ["nvidia-h100-nvl", "nvidia-h100-sxm"]
    pools = [a_pool(name=f"pool-{name}", model=name) for name in names]
    wait = waits(a_snapshot(*pools, gangs=[a_gang(models=["nvidia-h100-smx"])]))
    assert wait.message == (
        "AICluster east has no nvidia-h100-smx. Models here: nvidia-h100-sxm, nvidia-h100-nvl, amd-mi300x, "
        "amd-mi301x, amd-mi302x, amd-mi303x and 4 more."
    )


def test_vendor_that_is_not_there_is_named():
    wait = waits(a_snapshot(gangs=[a_gang(vendor="huawei")]))
    assert wait.message == "AICluster east has no accelerator of vendor huawei. Models here: nvidia-h100-sxm."


def test_free_pool_that_was_not_asked_for_is_offered():
    amd = a_pool(name="pool-mi300x", model="amd-mi300x", vendor="amd", resource="amd.com/gpu")
    busy = {f"n{i:03d}": 8 for i in range(8)}
    wait = waits(a_snapshot(a_pool(), amd, used=busy, gangs=[a_gang(models=["nvidia-h100-sxm"])]))
    assert wait.reason.value == "NotEnoughFree"
    assert "Adding amd-mi300x to accelerators.models would start it now." in wait.message


def test_shape_larger_than_the_fleet_is_impossible_and_says_the_largest_that_is_not():
    wait = waits(a_snapshot(gangs=[a_gang(workers=9)]))
    assert wait.reason.value == "ShapeImpossible"
    assert "Ask for at most 8 workers, or for another model." in wait.message


def test_gang_larger_than_the_pool_is_told_what_the_largest_leaf_and_what_the_pool_would_take():
    fleet = PoolSpec(spines=((3, 5),))
    wait = waits(a_snapshot(fleet, gangs=[a_gang(workers=9, required="leaf")]))
    assert wait.reason.value == "ShapeImpossible"
    assert "even empty and whole it holds only 8." in wait.message
    assert wait.message.endswith(
        "Ask for at most 5 workers, all that the largest leaf holds, or for at most 8 without topology.required, or "
        "for another model."
    )


def test_numbers_told_to_a_gang_larger_than_the_pool_are_the_largest_that_would_do():
    fleet = PoolSpec(spines=((3, 5),))
    for workers, level, fits in ((5, "leaf", True), (6, "leaf", False), (8, "", True), (9, "", False)):
        decision = run_cycle(
            a_snapshot(fleet, gangs=[a_gang(workers=workers, required=level)]), Policy(), 0.0
        )
        assert isinstance(decision.decisions[0], Place) is fits, (workers, level)


def test_leaf_is_counted_in_whole_groups_for_a_gang_larger_than_the_pool():
    fleet = PoolSpec(spines=((3, 4), (3,)))
    gang = a_gang(workers=12, required="spine", groups=(2, "leaf"))
    wait = waits(a_snapshot(fleet, gangs=[gang]))
    assert (
        "Ask for at most 6 workers, all that the largest spine holds, or for at most 8 without"
        in wait.message
    )


def test_pool_of_one_leaf_names_one_number_to_a_gang_larger_than_it():
    wait = waits(a_snapshot(a_pool(leaves=1, nodes=4), gangs=[a_gang(workers=9, required="leaf")]))
    assert wait.message.endswith("Ask for at most 4 workers, or for another model.")


def test_slices_of_a_device_take_no_gang():
    mig = a_pool(model="nvidia-a100-mig", gang=False)
    assert waits(a_snapshot(mig, gangs=[a_gang(workers=2, devices=1)])).reason.value == "IllegalSize"
    assert placed(a_snapshot(mig, gangs=[a_gang(workers=1, devices=1)])).resource == GPU


def test_closed_pool_takes_nobody():
    wait = waits(a_snapshot(a_pool(schedulable=False), gangs=[a_gang()]))
    assert wait.message == "AcceleratorPool pool-h100 is closed (spec.schedulable: false)."


def test_higher_priority_goes_first_then_the_older():
    gangs = [
        a_gang(workers=8, name="young", created=2.0),
        a_gang(workers=8, name="old", created=1.0),
        a_gang(workers=8, name="urgent", created=3.0, priority=10),
    ]
    decisions = run_cycle(a_snapshot(gangs=gangs), Policy(), 0.0).decisions
    assert [(type(one).__name__, one.key) for one in decisions] == [
        ("Place", "default/urgent"),
        ("Wait", "default/old"),
        ("Wait", "default/young"),
    ]


def test_smaller_gang_may_start_past_a_larger_one_that_does_not_fit():
    gangs = [a_gang(workers=9, name="big", created=1.0), a_gang(workers=1, name="small", created=2.0)]
    decisions = run_cycle(a_snapshot(gangs=gangs), Policy(), 0.0).decisions
    assert {one.key: type(one).__name__ for one in decisions} == {
        "default/big": "Wait",
        "default/small": "Place",
    }


def test_a_model_whose_nodes_a_gang_may_not_use_is_not_said_to_be_short():
    pools = (
        a_pool(leaves=1, nodes=2),
        a_pool(leaves=1, nodes=2, name="b", model="amd-mi300x", resource="amd.com/gpu"),
    )
    gang = a_gang(workers=2, constraint=NodeConstraint(selector=(("zone", "a"),)))
    masks = {
        gang.demands(GPU): np.array([True, True, False, False]),
        gang.demands("amd.com/gpu"): np.array([True, True, False, False]),
    }
    wait = waits(a_snapshot(*pools, masks=masks, gangs=[gang], used={"n000": 8}))
    assert "Also short" not in wait.message
    assert "All nodes excluded by node selector, affinity or taints: amd-mi300x." in wait.message
