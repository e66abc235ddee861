"""Time as a value, and Kubernetes' way to write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.base.clock import SystemClock, VirtualClock, from_rfc3339, monotonic, to_rfc3339
from crosstree.base.errors import SpecError


def test_virtual_clock_stands_still_until_it_is_told_to_move() -> None:
    clock = VirtualClock(100.0)
    assert clock.now() == clock.now() == 100.0
    clock.advance(2.5)
    assert clock.now() == 102.5


def test_virtual_clock_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="only moves forward, got -1 s"):
        VirtualClock().advance(-1)


def test_system_clock_counts_seconds_since_the_epoch() -> None:
    assert SystemClock().now() > from_rfc3339("2026-01-01T00:00:00Z")


def test_durations_never_shrink() -> None:
    first = monotonic()
    assert monotonic() >= first


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-01-31T12:00:00Z", 1769860800.0),
        ("2026-01-31T12:00:00.250000Z", 1769860800.25),
        ("2026-01-31T13:00:00+01:00", 1769860800.0),
    ],
)
def test_kubernetes_timestamps_are_read_with_fractions_and_zones(text: str, seconds: float) -> None:
    assert from_rfc3339(text) == seconds


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_not_a_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SpecError, match="2026-01-31T12:00:00Z"):
        from_rfc3339(text)


@given(st.integers(min_value=0, max_value=4_102_444_800))
def test_whole_seconds_survive_the_wire(seconds: int) -> None:
    assert from_rfc3339(to_rfc3339(seconds)) == seconds


def test_fractions_are_cut_not_rounded_so_that_a_time_is_never_in_the_future() -> None:
    assert to_rfc3339(59.999) == "1970-01-01T00:00:59Z"


def test_a_time_after_the_last_that_can_be_written_is_written_as_that():
    assert to_rfc3339(1e18) == to_rfc3339(float("inf")) == "9999-12-31T23:59:59Z"
