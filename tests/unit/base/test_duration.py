"""Lengths of time as users write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.base.duration import PATTERN, parse
from crosstree.base.errors import SpecError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("10m", 600), ("24h", 86400), ("1h30m", 5400), ("1h1m1s", 3661), ("90s", 90), ("0s", 0)],
)
def test_hours_minutes_and_seconds_add_up(text: str, seconds: int) -> None:
    assert parse(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "1d", "30s10m", "-5s", "1.5h", " 5s", "5 s", "5S", "1h1h"])
def test_what_is_not_a_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(SpecError, match="30s, 10m or 1h30m"):
        parse(text)


@given(st.text(alphabet="0123456789hms .-", min_size=1, max_size=12))
def test_the_pattern_of_the_schema_takes_exactly_what_the_operator_can_read(text: str) -> None:
    try:
        parse(text)
    except SpecError:
        assert not re.fullmatch(PATTERN, text)
    else:
        assert re.fullmatch(PATTERN, text)
