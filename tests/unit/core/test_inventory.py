"""What the numbers of an AICluster mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crosstree.core.accelerator import Profile
from crosstree.core.inventory import MAX_DOMAINS, Counts, Named, take
from crosstree.core.snapshot import NodeState, Pool, Snapshot, SpareRule
from crosstree.core.topology import LevelSpec, build

LEVELS = (LevelSpec("spine", "x/spine"), LevelSpec("leaf", "x/leaf"))


def a_fleet(
    leaves: dict[str, tuple[str, str]],
    *,
    used: dict[str, int] | None = None,
    state: dict[str, NodeState] | None = None,
    schedulable: bool = True,
) -> Snapshot:
    """Nodes of 8 devices; `leaves` gives spine and leaf of each node."""
    names = tuple(leaves)
    order, fabric = build(names, LEVELS, [[leaves[n][0] for n in names], [leaves[n][1] for n in names]])
    allocatable = np.full((len(names), 1), 8, np.int64)
    free = allocatable.copy()
    for name, devices in (used or {}).items():
        free[names.index(name), 0] -= devices
    states = np.zeros(len(names), np.int8)
    for name, one in (state or {}).items():
        states[names.index(name)] = one
    pool = Pool("east-h100", Profile("h100", "nvidia"), "nvidia.com/gpu", 0, order, fabric, schedulable)
    grain = np.full(len(names), 7, np.int8)
    return Snapshot("east", 1, names, ("nvidia.com/gpu",), allocatable, free, states, grain, (pool,))


FOUR = {"n1": ("s1", "l1"), "n2": ("s1", "l1"), "n3": ("s1", "l2"), "n4": ("s2", "l3")}


def test_an_idle_fleet_is_all_free():
    assert take(a_fleet(FOUR)).counts == Counts(total=32, healthy=32, allocated=0, free=32, unhealthy=0)


def test_the_largest_gang_that_would_start_leaves_spares_alone_and_the_free_devices_count_them():
    found = take(replace(a_fleet(FOUR), spares=SpareRule(1, "spine")))
    assert {level.name: level.largest_free for level in found.levels} == {"spine": 16, "leaf": 16, "node": 8}
    assert found.counts.free == 32


def test_used_devices_are_allocated_whoever_holds_them():
    counts = take(a_fleet(FOUR, used={"n1": 3})).counts
    assert (counts.allocated, counts.free) == (3, 29)


def test_a_device_its_plugin_took_out_of_service_is_unhealthy_and_not_forgotten():
    fleet = a_fleet(FOUR, used={"n1": 4})
    fewer, free = fleet.allocatable.copy(), fleet.free.copy()
    fewer[fleet.names.index("n1")] -= 2
    free[fleet.names.index("n1")] -= 2
    found = take(replace(fleet, allocatable=fewer, free=free, capacity=fleet.allocatable))
    assert found.counts == Counts(total=32, healthy=30, allocated=4, free=26, unhealthy=2)
    assert found.faulty.names == ("n1",)


def test_a_broken_node_that_also_lacks_devices_counts_each_once():
    fleet = a_fleet(FOUR, state={"n1": NodeState.NOT_READY})
    none = fleet.allocatable.copy()
    none[fleet.names.index("n1")] = 0
    counts = take(replace(fleet, allocatable=none, free=none, capacity=fleet.allocatable)).counts
    assert counts == Counts(total=32, healthy=24, allocated=0, free=24, unhealthy=8)


def test_a_cordoned_node_is_healthy_but_gives_nothing():
    found = take(a_fleet(FOUR, state={"n1": NodeState.CORDONED}))
    assert (found.counts.healthy, found.counts.free, found.cordoned.names) == (32, 24, ("n1",))
    assert found.ready == 4


@pytest.mark.parametrize("state", [NodeState.NOT_READY, NodeState.UNHEALTHY])
def test_a_device_on_a_broken_node_is_unhealthy_and_nothing_else_whoever_holds_it(state):
    counts = take(a_fleet(FOUR, used={"n1": 8, "n2": 8}, state={"n1": state})).counts
    assert counts == Counts(total=32, healthy=24, allocated=8, free=16, unhealthy=8)


def test_an_avoided_node_is_healthy_and_gives_nothing_new():
    found = take(a_fleet(FOUR, used={"n1": 4}, state={"n1": NodeState.AVOIDED}))
    assert found.counts == Counts(total=32, healthy=32, allocated=4, free=24, unhealthy=0)
    assert (found.avoided, found.ready) == (Named(1, ("n1",)), 4)


def test_an_overcommitted_node_has_nothing_less_than_nothing_free():
    counts = take(a_fleet(FOUR, used={"n1": 10})).counts
    assert (counts.allocated, counts.free) == (10, 24)


def test_a_closed_pool_gives_nothing():
    found = take(a_fleet(FOUR, schedulable=False))
    assert (found.counts.free, found.levels[0].largest_free) == (0, 0)


def test_each_level_says_how_many_domains_and_the_largest_gang_in_one():
    found = take(a_fleet(FOUR, used={"n2": 8}))
    assert [(row.name, row.domains, row.largest_free) for row in found.levels] == [
        ("spine", 2, 16),
        ("leaf", 3, 8),
        ("node", 4, 8),
    ]


def test_free_devices_on_partly_used_nodes_are_fragmented():
    assert take(a_fleet(FOUR)).fragmentation == 0.0
    assert take(a_fleet(FOUR, used={"n1": 4, "n2": 8, "n3": 8})).fragmentation == pytest.approx(4 / 12)
    assert take(a_fleet(FOUR, used=dict.fromkeys(FOUR, 8))).fragmentation == 0.0


def test_the_domains_of_the_widest_levels_are_listed_and_bounded():
    rows = take(a_fleet(FOUR, used={"n1": 1})).pools[0].domains
    assert [(row.level, row.name, row.nodes, row.total, row.free) for row in rows] == [
        ("spine", "s1", 3, 24, 23),
        ("spine", "s2", 1, 8, 8),
        ("leaf", "l1", 2, 16, 15),
        ("leaf", "l2", 1, 8, 8),
        ("leaf", "l3", 1, 8, 8),
    ]
    many = take(a_fleet({f"n{i}": ("s", f"l{i}") for i in range(100)}))
    assert len(many.pools[0].domains) == MAX_DOMAINS


def test_two_leaves_of_one_name_under_two_spines_are_two():
    assert take(a_fleet({"n1": ("s1", "l1"), "n2": ("s2", "l1")})).levels[1].domains == 2
