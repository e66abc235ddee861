"""Synthetic fleets: as full as asked, equal for equal seeds; the counts that benches rely on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.base.errors import SpecError
from crosstree.core.cycle import run_cycle
from crosstree.core.plan import NodeShare, Place
from crosstree.core.policy import Policy
from crosstree.core.synthetic import Fleet, carried_out, gang, helios_gangs, snapshot, spans, used


@settings(max_examples=40)
@given(st.integers(10, 2000), st.sampled_from([4, 8, 16]), st.floats(0, 1), st.integers(0, 10**6))
def test_a_fleet_is_as_full_as_asked(nodes: int, per_node: int, fill: float, seed: int) -> None:
    taken = used(Fleet(nodes, per_node, fill, seed))
    assert taken.min() >= 0
    assert taken.max() <= per_node
    assert abs(taken.sum() - nodes * per_node * fill) <= per_node


def test_equal_seeds_give_equal_fleets_and_others_do_not() -> None:
    first, same, other = (used(Fleet(500, 8, 0.9, seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("fleet", [Fleet(0), Fleet(4, 0), Fleet(4, 8, 1.5)])
def test_an_impossible_fleet_is_refused(fleet: Fleet) -> None:
    with pytest.raises(SpecError, match="can't be built"):
        used(fleet)


def test_the_helios_mix_fills_a_fleet_and_no_more() -> None:
    gangs = helios_gangs(4096, 8, 3)
    asked = sum(one.workers * one.devices for one in gangs)
    assert 4096 - 128 <= asked <= 4096
    assert all(one.devices == 8 for one in gangs if one.workers > 1)
    assert gangs == helios_gangs(4096, 8, 3)


def test_what_is_carried_out_is_no_longer_free() -> None:
    one = gang("g", 4, 8, preferred="leaf")
    before = snapshot(Fleet(32), [one])
    plan = run_cycle(before, Policy(), 0.0)
    after = carried_out(before, plan, {one.key: one})
    assert before.free[:, 0].sum() - after.free[:, 0].sum() == 32
    assert (after.free >= 0).all()


def test_spans_are_counted_without_asking_the_core() -> None:
    one = gang("g", 2, 8)
    before = snapshot(Fleet(64))
    apart = Place(
        one.key, one.uid, "bench-h100", "", "", (NodeShare("node-0", 0, 1), NodeShare("node-40", 1, 1)), ()
    )
    assert spans(before, apart, one) == {"spine": (1, 1), "leaf": (2, 1), "node": (2, 2)}
