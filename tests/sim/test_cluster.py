"""The simulated cluster alone: it does what it is told, keeps count, and refuses what can't be."""

from __future__ import annotations

import numpy as np
import pytest

from crosstree.base.clock import VirtualClock
from crosstree.core.plan import Evict, NodeShare, Place, Plan, Resize
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import Expectation, Gang, Source
from crosstree.sim.cluster import NAME, SimulatedCluster
from crosstree.sim.errors import BrokenRule
from crosstree.sim.inventory import Inventory
from crosstree.sim.runtime import Runtime


def a_gang(name: str = "a", *, workers: int = 1, devices: int = 8, sizes: tuple[int, ...] = ()) -> Gang:
    return Gang(f"trace/{name}", name, workers, devices, sizes=sizes)


def a_place(gang: Gang, *nodes: str) -> Place:
    shares = tuple(NodeShare(node, at, 1) for at, node in enumerate(nodes))
    return Place(gang.key, gang.uid, "v100", "v100", "accelerator", shares, ())


def a_plan(*decisions: Place | Evict | Resize) -> Plan:
    return Plan(NAME, 1, decisions)


def a_cluster(nodes: Inventory, **runtime: float) -> SimulatedCluster:
    return SimulatedCluster(nodes, VirtualClock(), runtime=Runtime(**runtime))


def test_a_placed_gang_holds_its_nodes_until_its_work_is_done(small: Inventory) -> None:
    cluster, gang = a_cluster(small), a_gang(workers=2)
    cluster.submit(gang, 100.0)
    cluster.apply(a_plan(a_place(gang, "n0", "n2")))
    cluster.advance(99.0)
    (during,) = cluster.view()
    assert during.free[:, 0].tolist() == [0, 8, 0, 8]
    assert [one.workers for one in during.running] == [2]
    cluster.advance(100.0)
    (after,) = cluster.view()
    assert after.free[:, 0].tolist() == [8, 8, 8, 8]
    assert after.running == () and cluster.unfinished == 0


def test_snapshots_stay_as_they_were(small: Inventory) -> None:
    cluster, gang = a_cluster(small), a_gang()
    (before,) = cluster.view()
    cluster.submit(gang, 1.0)
    cluster.apply(a_plan(a_place(gang, "n0")))
    assert before.free[:, 0].tolist() == [8, 8, 8, 8] and before.gangs == ()
    with pytest.raises(ValueError, match="read-only"):
        before.free[0, 0] = 1


def test_an_unchanged_cluster_shows_the_same_snapshot(small: Inventory) -> None:
    cluster = a_cluster(small)
    assert cluster.view()[0] is cluster.view()[0]


def test_a_node_too_full_refuses_a_place(small: Inventory) -> None:
    cluster, first, second = a_cluster(small), a_gang("a"), a_gang("b")
    cluster.submit(first, 10.0)
    cluster.submit(second, 10.0)
    cluster.apply(a_plan(a_place(first, "n0")))
    with pytest.raises(BrokenRule, match="can't hold it"):
        cluster.apply(a_plan(a_place(second, "n0")))


def test_a_cordoned_node_refuses_a_place_and_keeps_what_it_has(small: Inventory) -> None:
    cluster, first, second = a_cluster(small), a_gang("a", devices=4), a_gang("b", devices=4)
    cluster.submit(first, 10.0)
    cluster.apply(a_plan(a_place(first, "n0")))
    cluster.set_state("n0", NodeState.CORDONED)
    cluster.submit(second, 10.0)
    assert len(cluster.view()[0].running) == 1
    with pytest.raises(BrokenRule, match="can't hold it"):
        cluster.apply(a_plan(a_place(second, "n0")))


def test_a_size_that_is_not_legal_is_refused(small: Inventory) -> None:
    cluster, gang = a_cluster(small), a_gang(workers=4, sizes=(4, 2))
    cluster.submit(gang, 10.0)
    with pytest.raises(BrokenRule, match="no legal size"):
        cluster.apply(a_plan(a_place(gang, "n0", "n1", "n2")))


def test_a_gang_at_half_its_size_takes_twice_as_long(small: Inventory) -> None:
    cluster, gang = a_cluster(small), a_gang(workers=4, sizes=(4, 2))
    cluster.submit(gang, 100.0)
    cluster.apply(a_plan(a_place(gang, "n0", "n1")))
    cluster.advance(199.0)
    assert cluster.unfinished == 1
    cluster.advance(200.0)
    assert cluster.unfinished == 0


def test_a_slow_model_stretches_the_work(small: Inventory) -> None:
    cluster = SimulatedCluster(small, VirtualClock(), runtime=Runtime(speeds={"v100": 0.5}))
    gang = a_gang()
    cluster.submit(gang, 100.0)
    cluster.apply(a_plan(a_place(gang, "n0")))
    assert cluster.next_event() == 200.0 or cluster.view()[0].running[0].ends == 200.0


def test_a_stopped_gang_keeps_its_nodes_for_its_grace_and_waits_again_with_what_it_has_saved(
    small: Inventory,
) -> None:
    cluster, gang = a_cluster(small, checkpoint=40.0, restart=5.0, grace=10.0), a_gang()
    cluster.submit(gang, 1000.0)
    cluster.apply(a_plan(a_place(gang, "n0")))
    cluster.advance(100.0)
    cluster.apply(a_plan(Evict(gang.key, gang.uid, "trace/b", "")))
    (leaving,) = cluster.view()[0].running
    assert leaving.leaving and leaving.ends == 110.0 and leaving.saved == 80.0
    cluster.advance(110.0)
    assert cluster.view()[0].running == ()
    again = cluster.job("a")
    assert again is not None and again.work == 920.0  # two checkpoints of 40 s are safe
    cluster.apply(a_plan(a_place(again.gang, "n1")))
    assert again.attempt is not None and again.attempt.ends == 110.0 + 5.0 + 920.0


def test_a_gang_that_saves_when_told_loses_nothing(small: Inventory) -> None:
    runtime = Runtime(checkpoint=1000.0, grace=10.0, saves_when_told=True)
    cluster, gang = SimulatedCluster(small, VirtualClock(), runtime=runtime), a_gang()
    cluster.submit(gang, 1000.0)
    cluster.apply(a_plan(a_place(gang, "n0")))
    cluster.advance(100.0)
    cluster.apply(a_plan(Evict(gang.key, gang.uid, "trace/b", "")))
    cluster.advance(110.0)
    again = cluster.job("a")
    assert again is not None and again.work == 890.0


def test_a_node_that_breaks_sends_its_gangs_back_recovering_and_comes_back(small: Inventory) -> None:
    cluster, gang = a_cluster(small, checkpoint=30.0), a_gang(workers=2)
    cluster.submit(gang, 1000.0)
    cluster.apply(a_plan(a_place(gang, "n0", "n1")))
    cluster.advance(100.0)
    cluster.fail(0, 50.0)
    (snapshot,) = cluster.view()
    (waiting,) = snapshot.gangs
    assert waiting.recovering and waiting.before is not None
    assert dict(waiting.before.counts) == {"n0": 1, "n1": 1}
    assert snapshot.state[0] == NodeState.NOT_READY and snapshot.free[:, 0].tolist() == [8, 8, 8, 8]
    cluster.advance(150.0)
    assert cluster.view()[0].state[0] == NodeState.USABLE


def test_a_gang_that_changes_its_size_goes_back_to_its_nodes_and_before_nobody(small: Inventory) -> None:
    cluster, gang = a_cluster(small, grace=10.0), a_gang(workers=2, sizes=(2, 1))
    cluster.submit(gang, 1000.0)
    cluster.apply(a_plan(a_place(gang, "n0", "n1")))
    cluster.apply(a_plan(Resize(gang.key, gang.uid, 1, "trace/b", "")))
    cluster.advance(10.0)
    (waiting,) = cluster.view()[0].gangs
    assert waiting.before is not None and not waiting.recovering


def test_an_overrun_moves_the_expected_end_and_nothing_else(small: Inventory) -> None:
    cluster = a_cluster(small)
    gang = Gang("trace/a", "a", 1, 8, expected=Expectation(50.0, Source.DECLARED, 0.9))
    cluster.submit(gang, 100.0)
    cluster.apply(a_plan(a_place(gang, "n0")))
    assert cluster.view()[0].running[0].ends == 50.0
    cluster.advance(50.0)
    assert 50.0 < cluster.view()[0].running[0].ends <= 100.0
    cluster.advance(100.0)
    assert cluster.unfinished == 0


def test_what_owners_say_is_corrected_once_three_of_their_jobs_have_ended(small: Inventory) -> None:
    cluster, said = a_cluster(small), []
    for at in range(4):
        cluster.submit(a_gang(f"job-{at}"), 100.0, factor=2.0)
        (waiting,) = cluster.view()[0].gangs
        said.append(waiting.expected.seconds if waiting.expected else None)
        cluster.apply(a_plan(a_place(waiting, "n0")))
        cluster.advance(100.0 * (at + 1))
    assert said == [200.0, 200.0, 200.0, 100.0]


def test_running_gangs_are_shown_by_key_whatever_order_they_started_in(small: Inventory) -> None:
    cluster = a_cluster(small)
    for name, node in (("c", "n0"), ("a", "n1"), ("b", "n2")):
        gang = a_gang(name)
        cluster.submit(gang, 10.0)
        cluster.apply(a_plan(a_place(gang, node)))
    assert [one.gang.key for one in cluster.view()[0].running] == ["trace/a", "trace/b", "trace/c"]


def test_grain_follows_what_is_on_a_node(small: Inventory) -> None:
    cluster = a_cluster(small)
    one, four = a_gang("one", devices=1), a_gang("four", devices=4)
    for gang in (one, four):
        cluster.submit(gang, 10.0 if gang is one else 20.0)
        cluster.apply(a_plan(a_place(gang, "n0")))
    assert cluster.view()[0].grain.tolist() == [0, 7, 7, 7]
    cluster.advance(10.0)
    assert cluster.view()[0].grain.tolist() == [2, 7, 7, 7]
    assert np.array_equal(cluster.view()[0].free[:, 0], [4, 8, 8, 8])
