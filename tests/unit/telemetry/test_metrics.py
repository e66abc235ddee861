"""What Prometheus reads."""

from __future__ import annotations

from crosstree.telemetry.metrics import MAX_SERIES, Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_two_operators_fit_in_one_process():
    first, second = Metrics(), Metrics()
    first.restarted("NodeLost")
    assert value(second, "crosstree_restarts_total", reason="NodeLost") is None


def test_a_phase_without_jobs_disappears():
    metrics = Metrics()
    metrics.jobs({"Pending": 2}, {"NotEnoughFree": 2})
    metrics.jobs({"Running": 2}, {})
    assert value(metrics, "crosstree_jobs", phase="Pending") is None
    assert value(metrics, "crosstree_jobs", phase="Running") == 2
    assert value(metrics, "crosstree_waiting_jobs", reason="NotEnoughFree") is None


def test_a_step_that_looked_at_nothing_is_not_observed():
    metrics = Metrics()
    metrics.step(seconds=0.001, placed=0, waiting=0, failed=0)
    assert value(metrics, "crosstree_cycle_seconds_count") == 0
    metrics.step(seconds=0.001, placed=1, waiting=2, failed=0)
    assert value(metrics, "crosstree_cycle_seconds_count") == 1
    assert value(metrics, "crosstree_decisions_total", kind="Wait") == 2


def test_series_are_bounded():
    metrics = Metrics()
    metrics.accelerators((f"c{i}", "m", "free", 1) for i in range(MAX_SERIES + 10))
    assert metrics.render().count(b"crosstree_accelerators{") == MAX_SERIES


def test_every_metric_says_what_to_do():
    helps = [
        line for line in Metrics().render().decode().splitlines() if line.startswith("# HELP crosstree_")
    ]
    assert len(helps) >= 12
    for line in helps:
        assert ":" in line.split(" ", 3)[3], line
