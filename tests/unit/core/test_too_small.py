"""What a gang is told of nodes that could not hold one of its workers even if they were empty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Wait
from crosstree.core.policy import Policy
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from tests.support.builders.core import GPU, RESOURCES, a_gang, a_pool, a_snapshot

TEBIBYTE = 1 << 40


def with_amounts(snapshot: Snapshot, resource: str, *amounts: int) -> Snapshot:
    """Give the first nodes other amounts of a resource, all of it free."""
    column, rows = RESOURCES.index(resource), slice(0, len(amounts))
    allocatable, free = snapshot.allocatable.copy(), snapshot.free.copy()
    allocatable[rows, column] = free[rows, column] = amounts
    return replace(snapshot, allocatable=allocatable, free=free)


def told(snapshot: Snapshot, gang: Gang) -> str:
    (wait,) = run_cycle(replace(snapshot, gangs=(gang,)), Policy(), 0.0).decisions
    assert isinstance(wait, Wait)
    return f"{wait.reason.value}: {wait.message}"


def test_idle_nodes_that_are_too_small_for_a_worker_are_not_told_as_used():
    fleet = with_amounts(a_snapshot(a_pool(leaves=1)), GPU, 4, 4)
    assert "Of 4 nodes there: 2 free, 2 too small for a worker." in told(fleet, a_gang(3))


def test_a_node_that_would_hold_a_worker_if_it_were_empty_is_told_as_used():
    fleet = with_amounts(a_snapshot(a_pool(leaves=1), used={"n003": 8}), GPU, 4, 4)
    assert "Of 4 nodes there: 1 free, 1 used, 2 too small for a worker." in told(fleet, a_gang(2))


def test_what_a_worker_asks_more_of_than_any_node_has_is_named_with_both_amounts():
    gang = a_gang(2, requests=(("cpu", 500_500), ("memory", 4 * TEBIBYTE), ("pods", 1)))
    assert told(a_snapshot(a_pool(leaves=1)), gang) == (
        "ShapeImpossible: 2 workers of 8 nvidia-h100-sxm need pool pool-h100; even empty and whole it holds none: "
        "a worker asks for 500.5 cpu, the largest node has 192; a worker asks for 4Ti memory, the largest node has "
        "2Ti. Of 4 nodes there: 4 too small for a worker. Ask for less per worker, or for another model."
    )


def test_a_little_too_much_is_told_by_how_much():
    gang = a_gang(1, requests=(("memory", 2 * TEBIBYTE + (3 << 20)), ("pods", 1)))
    assert "a worker asks for 3Mi more memory than the largest node has." in told(a_snapshot(), gang)


def test_the_largest_node_is_the_largest_that_the_gang_may_use():
    fleet = with_amounts(a_snapshot(a_pool(leaves=1)), "memory", 8 * TEBIBYTE)
    gang = a_gang(1, requests=(("memory", 4 * TEBIBYTE), ("pods", 1)))
    fleet = replace(fleet, masks={gang.demands(GPU): np.array([False, True, True, True])})
    said = told(fleet, gang)
    assert "a worker asks for 4Ti memory, the largest node it may use has 2Ti" in said
    assert "3 too small for a worker" in said and "1 excluded by node selector" in said


def test_who_is_short_of_different_things_on_different_nodes_is_told_that_none_holds_a_worker():
    fleet = with_amounts(a_snapshot(a_pool(leaves=1, nodes=2)), "memory", 8 * TEBIBYTE, TEBIBYTE)
    fleet = with_amounts(fleet, "cpu", 1000, 192_000)
    said = told(fleet, a_gang(1, requests=(("cpu", 9000), ("memory", 4 * TEBIBYTE), ("pods", 1))))
    assert "even empty and whole it holds only 0. Of 2 nodes there: 2 too small for a worker." in said


def test_nodes_without_a_resource_that_none_has_are_told_as_without_it():
    fleet = a_snapshot(a_pool(leaves=1))
    said = told(fleet, a_gang(1, requests=(("rdma/ib", 1),)))
    assert "rdma/ib, which no node offers. Of 4 nodes there: 4 without it." in said
    said = told(fleet, a_gang(1, requests=(("fpga/a", 1), ("rdma/ib", 1))))
    assert "fpga/a, rdma/ib, which no node offers. Of 4 nodes there: 4 without them." in said
