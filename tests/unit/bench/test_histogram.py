"""Quantiles of a histogram as an operator exposes it."""

from __future__ import annotations

import pytest

from bench.histogram import Histogram, parsed, quantile
from crosstree.telemetry.metrics import Metrics

TAKEN = Histogram((0.05, 0.1, 0.25, float("inf")), (50.0, 90.0, 100.0, 100.0))


@pytest.mark.parametrize(("share", "value"), [(0.5, 0.05), (0.9, 0.1), (0.99, 0.235), (0.25, 0.025)])
def test_a_quantile_lies_evenly_inside_its_bucket(share: float, value: float) -> None:
    assert quantile(TAKEN, share) == pytest.approx(value)


def test_nothing_observed_is_zero() -> None:
    assert quantile(Histogram(), 0.99) == 0.0


def test_what_was_observed_before_does_not_count() -> None:
    before = Histogram(TAKEN.bounds, (50.0, 50.0, 50.0, 50.0))
    assert TAKEN.since(before).counts == (0.0, 40.0, 50.0, 50.0)


def test_the_operators_own_histogram_is_read() -> None:
    metrics = Metrics()
    for seconds in (0.002, 0.07, 0.07):
        metrics.step(seconds=seconds, placed=1, waiting=0, failed=0)
    found = parsed(metrics.render().decode(), "crosstree_cycle_seconds")
    assert found.count == 3
    assert 0.05 < quantile(found, 0.99) <= 0.1
