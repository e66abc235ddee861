"""What the command line shows of a snapshot, and the ways out it names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosstree.core.policy import Policy
from crosstree.core.room import for_gang, per_node, tree
from crosstree.core.snapshot import NodeState, Snapshot
from crosstree.core.synthetic import Fleet, gang, snapshot
from crosstree.core.ways import alone, pools_of, ways_out


def _with_state(of: Snapshot, row: int, state: NodeState) -> Snapshot:
    states = of.state.copy()
    states[row] = state
    return replace(of, state=states)


def test_every_level_adds_up_to_the_whole() -> None:
    view = snapshot(Fleet(48, fill=0.5))
    pool = view.pools[0]
    rooms = tree(view, pool, deepest=2)
    for level in ("spine", "leaf", "node"):
        chosen = [room for room in rooms if room.level == level]
        assert sum(room.total for room in chosen) == 48 * 8
        assert all(room.total == room.allocated + room.free + room.unhealthy for room in chosen)


def test_a_domain_stands_before_what_is_inside_it() -> None:
    view = snapshot(Fleet(48))
    assert [room.level for room in tree(view, view.pools[0], deepest=1)] == ["spine", "leaf", "leaf", "leaf"]


def test_what_is_free_on_a_cordoned_node_is_not_called_free() -> None:
    view = _with_state(snapshot(Fleet(16)), 3, NodeState.CORDONED)
    _, allocated, free, unhealthy = per_node(view, view.pools[0])
    assert (allocated.sum(), free.sum(), unhealthy.sum()) == (0, 15 * 8, 8)


def test_an_overcommitted_node_never_counts_below_zero() -> None:
    view = snapshot(Fleet(16))
    view.free[0, 0] = -8
    total, allocated, free, _ = per_node(view, view.pools[0])
    assert free[0] == 0
    assert allocated[0] == total[0]


def test_room_for_a_gang_is_counted_in_its_workers() -> None:
    view = snapshot(Fleet(32))
    rooms = {room.level: room for room in for_gang(view, view.pools[0], gang("g", 20, 4))}
    assert (rooms["leaf"].largest, rooms["leaf"].capacity, rooms["leaf"].together) == (32, 32, 64)
    assert rooms["leaf"].fewest == 1


def test_a_gang_too_wide_for_its_level_is_told_the_next_wider_one() -> None:
    view = snapshot(Fleet(64))
    wide = gang("g", 24, 8, required="leaf")
    ways = ways_out(view, wide, Policy(), 0.0)
    assert alone(view, wide, Policy(), 0.0) is None
    assert ways[0].change == "with topology.required: spine"
    assert any(way.change == "with workers: 16" for way in ways)


def test_no_way_is_named_when_nothing_is_free() -> None:
    view = snapshot(Fleet(16, fill=1.0))
    assert ways_out(view, gang("g", 2, 8, required="leaf"), Policy(), 0.0) == ()


def test_only_pools_that_the_gang_accepts_are_looked_at() -> None:
    view = snapshot(Fleet(16))
    assert pools_of(view, replace(gang("g", 1, 8), models=("amd-mi300x",))) == ()
    assert pools_of(view, replace(gang("g", 1, 8), vendor="nvidia")) == view.pools
    assert np.array_equal(view.pools[0].nodes, pools_of(view, gang("g", 1, 8))[0].nodes)
