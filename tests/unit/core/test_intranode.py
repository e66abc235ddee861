"""Slots of a node are a promise: they hold however its free devices are scattered."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from crosstree.core.accelerator import Cross, IntraNode, Rule
from crosstree.core.intranode import legal_counts, slots

RINGS = IntraNode(Rule.GROUPS, 4, Cross.FORBID, (1, 2, 4, 8))
BOX16 = IntraNode(Rule.MIRRORED, 8, Cross.FORBID, (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16))


def one(intra: IntraNode, total: int, free: int, request: int, grain: int = 0) -> int:
    return int(slots(intra, np.array([total]), np.array([free]), np.array([grain], np.int8), request)[0])


@pytest.mark.parametrize(
    ("intra", "devices", "expected"),
    [
        (IntraNode(), 4, (1, 2, 3, 4)),
        (RINGS, 8, (1, 2, 4, 8)),
        (IntraNode(Rule.GROUPS, 2, Cross.FORBID), 6, (1, 2, 4, 6)),
        (IntraNode(Rule.FULL_NODE), 4, (4,)),
        (BOX16, 16, (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)),
        (IntraNode(legal=(1, 2, 4, 8)), 4, (1, 2, 4)),
    ],
    ids=["any", "rings", "pairs", "full node", "mirrored", "listed"],
)
def test_legal_counts_of_a_chip(intra, devices, expected):
    assert legal_counts(intra, devices) == expected


def test_any_count_divides_what_is_free():
    assert one(IntraNode(), 8, 7, 2) == 3


def test_full_node_takes_one_pod_of_everything_or_none():
    assert (one(IntraNode(Rule.FULL_NODE), 4, 4, 4), one(IntraNode(Rule.FULL_NODE), 4, 3, 4)) == (1, 0)


def test_overcommitted_node_has_no_slots():
    assert one(RINGS, 8, -1, 1) == 0


def test_pods_of_one_size_make_the_answer_exact():
    assert (one(RINGS, 8, 4, 4, grain=2), one(RINGS, 8, 4, 4, grain=0)) == (1, 0)


def test_whole_node_pod_needs_both_rings():
    assert (one(RINGS, 8, 8, 8, grain=7), one(RINGS, 8, 7, 8)) == (1, 0)


def test_mirrored_pod_larger_than_an_island_needs_an_empty_node():
    assert (one(BOX16, 16, 16, 10, grain=7), one(BOX16, 16, 14, 10)) == (1, 0)


def test_node_smaller_than_an_island_is_one_island():
    assert one(RINGS, 2, 2, 2, grain=7) == 1


@pytest.mark.parametrize("request_size", [1, 2, 4])
@pytest.mark.parametrize("grain", [0, 1, 2])
def test_ring_slots_equal_the_worst_of_all_scatterings(request_size, grain):
    step = 1 << grain
    for free in range(0, 9, step):
        scattered = [pair for pair in product(range(0, 5, step), repeat=2) if sum(pair) == free]
        worst = min(sum(ring // request_size for ring in pair) for pair in scattered)
        assert one(RINGS, 8, free, request_size, grain) == worst
