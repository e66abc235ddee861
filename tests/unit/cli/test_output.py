"""Bars, durations, and values for programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.cli.output import BAR, ago, bar, console, plain, table

COUNT = st.integers(min_value=0, max_value=10**6)


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    name: str
    colour: Colour
    parts: tuple[int, ...]


@given(COUNT, COUNT, COUNT)
def test_a_bar_is_always_as_wide_as_it_should_be(allocated: int, free: int, unhealthy: int) -> None:
    assert len(bar(allocated, free, unhealthy).plain) == BAR


@given(COUNT, COUNT, COUNT)
def test_a_part_that_is_there_is_seen(allocated: int, free: int, unhealthy: int) -> None:
    drawn = bar(allocated, free, unhealthy).plain
    assert ("█" in drawn) == (allocated > 0)
    assert ("×" in drawn) == (unhealthy > 0)
    assert not free or "·" in drawn


def test_a_half_full_pool_is_a_half_full_bar() -> None:
    assert bar(4, 4, 0, cells=8).plain == "████····"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (3 * 3600, "3h"), (3 * 3600 + 1200, "3h20m"), (864000, "10d")],
)
def test_durations_read_as_in_kubectl(seconds: int, text: str) -> None:
    assert ago(seconds) == text


def test_values_become_plain_data() -> None:
    assert plain({"a": Thing("x", Colour.RED, (1, 2))}) == {
        "a": {"name": "x", "colour": "red", "parts": [1, 2]}
    }


def test_a_row_that_is_piped_is_one_line_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 400 + "end"
    console().print(table("Jobs", ("JOB", "WHY"), [("a", "two\nlines"), ("b", long), ("c", "short")]))
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Jobs", "JOB  WHY", "a    two lines", f"b    {long}", "c    short"]
