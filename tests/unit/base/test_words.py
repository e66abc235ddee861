"""Long lists are cut short, and say by how much."""

from __future__ import annotations

from crosstree.base.words import listed


def test_all_names_are_shown_where_there_is_room():
    assert listed(["a", "b"], 2) == "a, b"


def test_what_is_left_out_is_counted():
    assert listed(["a", "b", "c", "d"], 3) == "a, b, c and 1 more"


def test_names_nobody_kept_are_counted_too():
    assert listed(["a", "b"], 5, count=7) == "a, b and 5 more"


def test_nothing_reads_as_nothing():
    assert listed([], 3) == ""
