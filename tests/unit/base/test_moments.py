"""Times as sentences tell them."""

from __future__ import annotations

import math

import pytest

from crosstree.base.moments import clock, length, moment

NOON = 1_769_860_800.0  # 2026-01-31 12:00 UTC


def test_what_is_certain_is_told_to_the_minute_however_far_away_it_is() -> None:
    assert moment(NOON + 8459, NOON) == "14:20 UTC"
    assert moment(NOON + 90_059, NOON) == "2026-02-01 13:00 UTC"


def test_who_is_not_told_what_day_it_is_tells_the_day() -> None:
    assert moment(NOON) == "2026-01-31 12:00 UTC"


def test_what_never_comes_is_told_as_the_last_moment_there_is() -> None:
    assert clock(math.inf, NOON) == moment(math.inf, NOON) == "9999-12-31 23:59 UTC"


@pytest.mark.parametrize(
    ("seconds", "up", "down"),
    [(90, 90, 90), (121, 180, 120), (3601, 3900, 3600), (8401, 8700, 8400), (90_001, 93_600, 90_000)],
)
def test_lengths_are_rounded_the_more_the_longer_they_are(seconds: float, up: float, down: float) -> None:
    assert (length(seconds), length(seconds, early=True)) == (up, down)
