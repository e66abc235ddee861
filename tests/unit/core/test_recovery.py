"""Where a gang goes after a failure: where it was, with the lost workers replaced near by, else anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from crosstree.core.accelerator import IntraNode
from crosstree.core.cycle import run_cycle
from crosstree.core.job import Placement
from crosstree.core.line import in_order
from crosstree.core.plan import Decision, NodeShare, Place, Rung, Wait
from crosstree.core.policy import Policy
from crosstree.core.recovery import footprint, seated, stopped, unseated
from crosstree.core.snapshot import NodeState, Snapshot
from crosstree.core.workload import Footprint, Gang
from tests.support.builders.core import PoolSpec, a_gang, a_pool, a_snapshot

LOST = NodeState.NOT_READY


def broken(had: Mapping[str, int], **asked: Any) -> Gang:
    """A gang that ran on these nodes, with so many workers on each."""
    before = Footprint("pool-h100", tuple(had.items()))
    return a_gang(workers=sum(had.values()), recovering=True, before=before, **asked)


def decided(snapshot: Snapshot) -> Decision:
    return run_cycle(snapshot, Policy(), 0.0).decisions[0]


def placed(snapshot: Snapshot) -> Place:
    decision = decided(snapshot)
    assert isinstance(decision, Place), decision
    return decision


def nodes(place: Place) -> list[str]:
    return [share.name for share in place.nodes]


def test_a_gang_whose_nodes_are_well_starts_again_on_them_though_a_tighter_leaf_is_free():
    gang = broken({"n001": 1, "n005": 1})
    place = placed(a_snapshot(a_pool(leaves=3, nodes=4), gangs=[gang]))
    assert (place.rung, nodes(place)) == (Rung.SAME_NODES, ["n001", "n005"])


def test_only_the_lost_worker_goes_to_another_node_and_that_one_is_in_the_same_leaf():
    gang = broken({"n005": 1, "n006": 1, "n007": 1}, required="spine")
    place = placed(a_snapshot(a_pool(leaves=3, nodes=5), states={"n006": LOST}, gangs=[gang]))
    assert place.rung is Rung.REPLACED
    assert nodes(place) == ["n005", "n007", "n008"]
    assert [share.first for share in place.nodes] == [0, 1, 2]


def test_a_node_that_failed_the_gang_is_left_even_if_it_looks_well_again():
    gang = broken({"n000": 1, "n001": 1}, avoid=("n001",))
    place = placed(a_snapshot(a_pool(leaves=1, nodes=4), gangs=[gang]))
    assert (place.rung, nodes(place)) == (Rung.REPLACED, ["n000", "n002"])


def test_a_replacement_outside_the_leaf_stays_in_the_spine():
    gang = broken({"n004": 1, "n005": 1})
    fleet = a_pool(spines=2, leaves=2, nodes=2)
    place = placed(a_snapshot(fleet, states={"n005": LOST}, gangs=[gang]))
    assert (place.rung, nodes(place)) == (Rung.REPLACED, ["n004", "n006"])


def test_the_whole_gang_moves_if_its_required_leaf_has_no_node_left():
    gang = broken({"n000": 1, "n001": 1}, required="leaf")
    place = placed(a_snapshot(a_pool(leaves=2, nodes=2), states={"n001": LOST}, gangs=[gang]))
    assert (place.rung, nodes(place)) == (Rung.MOVED, ["n002", "n003"])


def test_a_gang_that_prefers_one_leaf_moves_there_rather_than_reach_into_a_second():
    gang = broken({"n000": 1, "n001": 1}, preferred="leaf")
    fleet = a_pool(leaves=2, nodes=2)
    place = placed(a_snapshot(fleet, states={"n001": LOST}, gangs=[gang]))
    assert (place.rung, nodes(place)) == (Rung.MOVED, ["n002", "n003"])


def test_a_group_that_lost_a_worker_is_completed_in_its_own_leaf():
    gang = broken({"n000": 1, "n001": 1, "n003": 1, "n004": 1}, groups=(2, "leaf"))
    place = placed(a_snapshot(a_pool(leaves=3, nodes=3), states={"n001": LOST}, gangs=[gang]))
    assert (place.rung, nodes(place)) == (Rung.REPLACED, ["n000", "n002", "n003", "n004"])


def test_a_group_without_room_in_its_leaf_goes_whole_to_another():
    gang = broken({"n000": 1, "n001": 1, "n002": 1, "n003": 1}, groups=(2, "leaf"))
    place = placed(a_snapshot(a_pool(leaves=3, nodes=2), states={"n001": LOST}, gangs=[gang]))
    assert (place.rung, nodes(place)) == (Rung.REPLACED, ["n002", "n003", "n004", "n005"])


def test_a_slice_that_lost_a_node_is_replaced_whole():
    fleet = PoolSpec(spines=((2, 2, 2),), devices=4, intra=IntraNode(), slice_label="slice")
    gang = broken({"n000": 1, "n001": 1, "n002": 1, "n003": 1}, devices=4)
    place = placed(a_snapshot(fleet, states={"n001": LOST}, gangs=[gang]))
    assert (place.rung, nodes(place)) == (Rung.REPLACED, ["n002", "n003", "n004", "n005"])


def test_a_gang_stays_with_the_model_it_ran_on_though_it_prefers_another():
    other = a_pool(leaves=1, nodes=4, name="pool-a", model="nvidia-a100-sxm")
    gang = broken({"n000": 1, "n001": 1}, models=("nvidia-a100-sxm", "nvidia-h100-sxm"))
    place = placed(a_snapshot(a_pool(leaves=1, nodes=2), other, gangs=[gang]))
    assert (place.pool, place.rung) == ("pool-h100", Rung.SAME_NODES)


def test_a_gang_that_recovers_goes_before_others_of_its_priority_and_behind_higher_ones():
    old = a_gang(name="old", created=1.0)
    lost = a_gang(name="lost", created=9.0, recovering=True)
    high = a_gang(name="high", created=9.0, priority=5)
    assert [gang.key for gang in in_order([old, lost, high])] == [high.key, lost.key, old.key]


def test_a_gang_that_recovers_and_does_not_fit_says_what_was_tried():
    gang = broken({"n000": 1, "n001": 1}, required="leaf")
    wait = decided(a_snapshot(a_pool(leaves=1, nodes=2), states={"n001": LOST}, gangs=[gang]))
    assert isinstance(wait, Wait)
    assert "1 of the 2 nodes it had can be used" in wait.message


def test_where_a_gang_was_is_remembered_until_it_has_a_place_again():
    place = Placement("pool", "h100", "gpu", (NodeShare("a", 0, 1), NodeShare("b", 1, 1)))
    begun = stopped("NodeLost", "b", 10.0)
    lost = unseated(begun, place)
    assert lost is not None and lost.rung is Rung.WAITING
    assert footprint(lost) == Footprint("pool", (("a", 1), ("b", 1)))
    new = Place(
        "k", "u", "pool", "h100", "gpu", (NodeShare("a", 0, 1), NodeShare("c", 1, 1)), (), Rung.REPLACED
    )
    found = seated(lost, new)
    assert found is not None and (found.rung, found.nodes, found.since) == (Rung.REPLACED, (), 10.0)
    assert found.message == "It keeps 1 of the 2 nodes; b is left for c."
    assert footprint(found) is None


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ("cd", "on 2 nodes, all of them new to it."),
        ("bc", "on 2 nodes, 1 of them new to it."),
        ("c", "on one node, new to it."),
    ],
)
def test_a_gang_that_moved_says_to_how_many_nodes_and_how_many_are_new(nodes: str, told: str):
    shares = tuple(NodeShare(name, at, 1) for at, name in enumerate(nodes))
    before = tuple(NodeShare(name, at, 1) for at, name in enumerate("ab"[: len(nodes)]))
    lost = unseated(stopped("NodeLost", "a", 10.0), Placement("pool", "h100", "gpu", before))
    found = seated(lost, Place("k", "u", "pool", "h100", "gpu", shares, (), Rung.MOVED))
    assert found is not None
    assert found.message == f"It starts again at another place, {told}"
