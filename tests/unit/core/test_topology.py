"""The tree between nodes, from whatever labels there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.base.errors import ShapeError
from crosstree.core.topology import NODE_LEVEL, LevelSpec, build

SPINE, LEAF = LevelSpec("spine", "example.com/spine"), LevelSpec("leaf", "example.com/leaf")


def test_nodes_are_sorted_by_path_and_numbers_count_as_numbers():
    order, fabric = build(["n10", "n2", "n1"], [LEAF], [["l10", "l2", "l2"]])
    assert list(order) == [2, 1, 0]
    assert fabric.levels[0].names == ("l2", "l10")


def test_equal_leaf_names_under_two_spines_are_two_leaves():
    _, fabric = build(["a", "b"], [SPINE, LEAF], [["s1", "s2"], ["l1", "l1"]])
    assert fabric.levels[1].size == 2


def test_leaf_without_a_spine_is_one_domain_of_its_own_at_the_spine_level():
    _, fabric = build(["a", "b", "c"], [SPINE, LEAF], [["s1", "", ""], ["l1", "l2", "l2"]])
    spine = fabric.levels[0]
    assert (spine.size, list(spine.labelled).count(False)) == (2, 1)


def test_made_up_domain_never_joins_a_labelled_one_of_the_same_name():
    _, fabric = build(["a", "b"], [SPINE, LEAF], [["l2", ""], ["l1", "l2"]])
    assert fabric.levels[0].size == 2


def test_node_without_any_label_stands_alone():
    _, fabric = build(["a", "b"], [SPINE, LEAF], [["", ""], ["", ""]])
    assert [level.size for level in fabric.levels] == [2, 2, 2]


def test_node_level_is_always_the_narrowest():
    _, fabric = build(["a"], [], [])
    assert fabric.level_names == (NODE_LEVEL,)
    assert fabric.depth("spine") is None


def test_label_rows_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="2 nodes"):
        build(["a", "b"], [LEAF], [["l1"]])


labels = st.sampled_from(("", "a", "b", "a1", "a10", "a2"))


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_order_of_input_is_irrelevant_and_every_domain_is_one_run(rows, random):
    nodes = [(f"n{i}", *row) for i, row in enumerate(rows)]
    shuffled = list(nodes)
    random.shuffle(shuffled)
    built = []
    for version in (nodes, shuffled):
        names = [name for name, _, _ in version]
        order, fabric = build(
            names, [SPINE, LEAF], [[s for _, s, _ in version], [leaf for _, _, leaf in version]]
        )
        built.append(
            ([names[i] for i in order], [(level.names, list(level.domain)) for level in fabric.levels])
        )
        for wide, narrow in zip(fabric.levels, fabric.levels[1:], strict=False):
            assert all(len(set(wide.domain[narrow.domain == d])) == 1 for d in range(narrow.size))
        paths = {(s or f"~{leaf or name}", leaf or f"~{name}") for name, s, leaf in version}
        assert fabric.levels[1].size == len(paths)
    assert built[0] == built[1]
