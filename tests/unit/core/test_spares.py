"""Spare nodes: kept from ordinary gangs, there for those that recover, and said so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosstree.core.cycle import run_cycle
from crosstree.core.inventory import take
from crosstree.core.manners import Manners, Preemption
from crosstree.core.plan import Decision, NodeShare, Place, Promise, Rung, Wait
from crosstree.core.policy import Policy
from crosstree.core.snapshot import NodeState, Snapshot, SpareRule
from crosstree.core.spares import SpareCount, count, ready
from crosstree.core.workload import Footprint
from tests.support.builders.core import a_gang, a_pool, a_snapshot
from tests.support.builders.running import running, with_running

ONE_A_LEAF = SpareRule(1, "leaf")


def decided(snapshot: Snapshot) -> Decision:
    return run_cycle(snapshot, Policy(), 0.0).decisions[0]


def spares_of(snapshot: Snapshot) -> list[str]:
    pool = snapshot.pools[0]
    return [snapshot.names[row] for row in pool.nodes[ready(snapshot, pool)]]


def with_spares(snapshot: Snapshot, rule: SpareRule = ONE_A_LEAF) -> Snapshot:
    return replace(snapshot, spares=rule)


def test_a_node_that_others_left_for_a_waiting_gang_is_its_own_and_no_spare() -> None:
    promise = Promise("pool-h100", (NodeShare("n002", 0, 1),), ("gone",), until=600.0, since=0.0, begun=True)
    gang = a_gang(1, promise=promise)
    snapshot = with_spares(a_snapshot(a_pool(leaves=1, nodes=3), used={"n000": 8, "n001": 8}, gangs=[gang]))
    assert spares_of(snapshot) == []
    place = decided(snapshot)
    assert isinstance(place, Place)
    assert [share.name for share in place.nodes] == ["n002"]


def test_a_node_that_a_gang_left_to_change_its_size_is_no_spare_before_it_is_back() -> None:
    gang = a_gang(2, sizes=(2, 1), before=Footprint("pool-h100", (("n002", 1),)))
    snapshot = with_spares(a_snapshot(a_pool(leaves=1, nodes=3), used={"n000": 8, "n001": 8}, gangs=[gang]))
    assert spares_of(snapshot) == []
    place = decided(snapshot)
    assert isinstance(place, Place)
    assert [share.name for share in place.nodes] == ["n002"]


def test_the_last_free_node_of_every_leaf_is_a_spare() -> None:
    snapshot = a_snapshot(
        a_pool(leaves=3, nodes=3), used={"n002": 1, "n006": 8}, states={"n008": NodeState.CORDONED}
    )
    assert spares_of(with_spares(snapshot)) == ["n001", "n005", "n007"]
    assert spares_of(with_spares(snapshot, SpareRule(2, "leaf"))) == ["n000", "n001", "n004", "n005", "n007"]
    assert spares_of(snapshot) == []


def test_a_suspect_node_is_no_spare() -> None:
    snapshot = replace(a_snapshot(a_pool(leaves=1, nodes=3)), suspect=np.array([False, False, True]))
    assert spares_of(with_spares(snapshot)) == ["n001"]


def test_an_ordinary_gang_waits_rather_than_take_a_spare_and_says_so() -> None:
    wait = decided(with_spares(a_snapshot(a_pool(leaves=2, nodes=2), gangs=[a_gang(workers=3)])))
    assert isinstance(wait, Wait)
    assert "2 kept as spares for jobs that recover" in wait.message
    assert "2 fit now" in wait.message or "room for 2 now" in wait.message


def test_a_gang_that_recovers_takes_the_spare_of_its_leaf() -> None:
    before = Footprint("pool-h100", (("n000", 1), ("n001", 1)))
    gang = a_gang(workers=2, required="leaf", recovering=True, before=before)
    fleet = a_pool(leaves=2, nodes=3)
    place = decided(with_spares(a_snapshot(fleet, states={"n001": NodeState.NOT_READY}, gangs=[gang])))
    assert isinstance(place, Place)
    assert (place.rung, [share.name for share in place.nodes]) == (Rung.REPLACED, ["n000", "n002"])


def test_a_pool_says_how_many_spares_it_should_have_and_has() -> None:
    snapshot = a_snapshot(a_pool(leaves=3, nodes=2), used={"n000": 8, "n001": 8})
    assert take(with_spares(snapshot)).pools[0].spares == SpareCount(wanted=3, ready=2)
    assert take(with_spares(snapshot, SpareRule(1, "rack"))).pools[0].spares is None
    assert take(snapshot).pools[0].spares is None


def test_a_node_on_loan_is_counted_as_a_spare_that_stands_ready() -> None:
    snapshot = with_spares(a_snapshot(a_pool(leaves=1, nodes=4)))
    loan = running(a_gang(1, name="loan", priority=-1), ["n003"], snapshot)
    lent = with_running(snapshot, loan)
    assert spares_of(lent) == []
    assert count(lent, lent.pools[0]) == SpareCount(wanted=1, ready=1)
    kept = with_running(snapshot, running(a_gang(1, name="owned"), ["n003"], snapshot))
    assert spares_of(kept) == ["n002"]


def test_nothing_is_lent_where_nobody_may_be_stopped() -> None:
    never = replace(
        with_spares(a_snapshot(a_pool(leaves=1, nodes=1))), manners=Manners(preemption=Preemption.NEVER)
    )
    assert isinstance(decided(replace(never, gangs=(a_gang(1, priority=-1),))), Wait)
    lends = replace(never, manners=Manners())
    assert isinstance(decided(replace(lends, gangs=(a_gang(1, priority=-1),))), Place)
