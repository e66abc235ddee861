"""Prometheus metrics of the operator, on a registry of their own so that two operators fit in one process.

Every label is bounded: closed lists, AICluster names and accelerator models, never jobs, pods or nodes. Each
help text says what to do when the number rises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

MAX_SERIES = 2000
"""Series of one gauge at most; what is beyond is left out rather than let a monitoring system drown."""

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Of what `Metrics.render` returns."""

_CYCLE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.5, 1, 2.5)
_REQUEST = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
_RATIO = (0.1, 0.25, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2, 4, 10)
_START = (0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21600, 86400)


class Metrics:
    """All metrics of one operator. Durations are seconds."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._restarted: dict[str, int] = {}
        ProcessCollector(registry=registry)
        self._jobs = Gauge(
            "crosstree_jobs",
            "TrainingJobs by phase. Rising Failed: kubectl get tj -A, then crosstree explain JOB.",
            ["phase"],
            registry=registry,
        )
        self._waiting = Gauge(
            "crosstree_waiting_jobs",
            "TrainingJobs without a place by reason, those in no line included. Rising: crosstree explain JOB names "
            "what would help.",
            ["reason"],
            registry=registry,
        )
        self._accelerators = Gauge(
            "crosstree_accelerators",
            "Accelerators by state. Rising unhealthy: kubectl get aic -o yaml names the nodes.",
            ["cluster", "model", "state"],
            registry=registry,
        )
        self._cycle = Histogram(
            "crosstree_cycle_seconds",
            "Duration of a scheduling step that decided something. Above 0.1: look for very many waiting jobs.",
            buckets=_CYCLE,
            registry=registry,
        )
        self._cycle_errors = Counter(
            "crosstree_cycle_errors_total",
            "Scheduling cycles that broke. Any rise is a bug: report the traceback in the log.",
            registry=registry,
        )
        self._decisions = Counter(
            "crosstree_decisions_total",
            "Decisions by kind. Place rising with no pod behind it: look at crosstree_api_requests_total.",
            ["kind"],
            registry=registry,
        )
        self._requests = Counter(
            "crosstree_api_requests_total",
            "Requests to the API server by outcome. Rising refused: check the operator's rights; throttled: "
            "raise the server's limits for it.",
            ["verb", "resource", "outcome"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "crosstree_api_request_seconds",
            "Duration of a request to the API server. Rising: the server is overloaded, look at its own metrics.",
            ["verb"],
            buckets=_REQUEST,
            registry=registry,
        )
        self._start = Histogram(
            "crosstree_job_start_seconds",
            "From a TrainingJob's creation to its first placement. Rising: see crosstree_waiting_jobs.",
            buckets=_START,
            registry=registry,
        )
        self._forecast = Histogram(
            "crosstree_start_forecast_error_seconds",
            "How far a TrainingJob's start was from what it was told first: late or early. Late rising: declare "
            "spec.expectedDuration in jobs that overrun what earlier ones taught, and look who came before.",
            ["direction"],
            buckets=_START,
            registry=registry,
        )
        self._forecast_ratio = Histogram(
            "crosstree_start_forecast_ratio",
            "How long a TrainingJob waited over what it was told first. Far above 1: others came before it, or jobs "
            "overran what they declared; far below 1: they declare too much.",
            buckets=_RATIO,
            registry=registry,
        )
        self._restarts = Counter(
            "crosstree_restarts_total",
            "Gang restarts by reason. Rising: kubectl describe tj names node and cause of each.",
            ["reason"],
            registry=registry,
        )
        self._node_failures = Counter(
            "crosstree_node_failures_total",
            "Failures of nodes under running jobs, by cause. Rising: crosstree status --nodes names the nodes.",
            ["cause"],
            registry=registry,
        )
        self._suspects = Gauge(
            "crosstree_suspect_nodes",
            "Nodes that failed jobs twice within a day and are used last. Above 0: repair or cordon them; "
            "crosstree status --nodes names them.",
            ["cluster"],
            registry=registry,
        )
        self._budgets = Gauge(
            "crosstree_budget_used_ratio",
            "Part of a JobQueue's budget of accelerator-hours that is used in this period, as its status says. At 1 "
            "nothing more of it starts: raise spec.budgets, or wait for the next period (crosstree queues).",
            ["queue", "model"],
            registry=registry,
        )
        self._watch_restarts = Counter(
            "crosstree_watch_restarts_total",
            "Watches that lost their place and listed everything again. More than a few an hour: the API server is "
            "overloaded or its history too short.",
            ["resource"],
            registry=registry,
        )
        self._reconcile_errors = Counter(
            "crosstree_reconcile_errors_total",
            "Reconciles that failed and will be retried. Rising steadily: the log names object and error.",
            ["kind"],
            registry=registry,
        )
        self._sync = Gauge(
            "crosstree_sync",
            "1 once every cache is filled, else 0. Staying 0: the log names the resource that can't be listed.",
            registry=registry,
        )
        self._leader = Gauge(
            "crosstree_leader",
            "1 on the replica that acts, else 0. A sum other than 1 for long: the log says who holds the lease. "
            "Replicas count the same jobs: multiply by this, or take the maximum.",
            registry=registry,
        )

    def jobs(self, phases: Mapping[str, int], waiting: Mapping[str, int]) -> None:
        """Set the number of jobs per phase and of waiting jobs per reason; what is not named is gone."""
        _replace(self._jobs, (((phase,), count) for phase, count in phases.items()))
        _replace(self._waiting, (((reason,), count) for reason, count in waiting.items()))

    def accelerators(self, rows: Iterable[tuple[str, str, str, int]]) -> None:
        """Set the number of accelerators per (cluster, model, state); what is not named is gone."""
        _replace(self._accelerators, ((row[:3], row[3]) for row in rows))

    def step(self, *, seconds: float, placed: int, waiting: int, failed: int) -> None:
        """Count one scheduling step; one that looked at nothing is not observed."""
        if failed:
            self._cycle_errors.inc(failed)
        if not placed and not waiting:
            return
        self._cycle.observe(seconds)
        self._decisions.labels("Place").inc(placed)
        self._decisions.labels("Wait").inc(waiting)

    def request(self, verb: str, resource: str, outcome: str, seconds: float) -> None:
        """Count one request to the API server."""
        self._requests.labels(verb, resource, outcome).inc()
        self._request_seconds.labels(verb).observe(seconds)

    def started(self, seconds: float) -> None:
        """Count a job's first placement, so many seconds after its creation."""
        self._start.observe(max(seconds, 0.0))

    def foretold(self, *, told_at: float, told: float, started: float) -> None:
        """Count a start that was foretold; what was told first and when, seconds since the epoch."""
        late = started - told
        self._forecast.labels("late" if late >= 0 else "early").observe(abs(late))
        if told > told_at:
            self._forecast_ratio.observe(max(started - told_at, 0.0) / (told - told_at))

    def restarted(self, reason: str) -> None:
        """Count a gang restart."""
        self._restarts.labels(reason).inc()

    def node_failed(self, cause: str, times: int) -> None:
        """Count failures of nodes."""
        self._node_failures.labels(cause).inc(times)

    def suspects(self, counts: Mapping[str, int]) -> None:
        """Set the number of suspect nodes per AICluster; what is not named is gone."""
        _replace(self._suspects, (((cluster,), count) for cluster, count in counts.items()))

    def budgets(self, rows: Iterable[tuple[str, str, float]]) -> None:
        """Set the part used of each budget, by (queue, model); what is not named is gone."""
        _replace(self._budgets, (((queue, model), part) for queue, model, part in rows))

    def watches_restarted(self, totals: Mapping[str, int]) -> None:
        """Take over how often each watch has listed everything again since the start."""
        for resource, total in totals.items():
            self._watch_restarts.labels(resource).inc(total - self._restarted.get(resource, 0))
            self._restarted[resource] = total

    def reconcile_failed(self, kind: str) -> None:
        """Count a reconcile that ended in an error."""
        self._reconcile_errors.labels(kind).inc()

    def synced(self, *, all_filled: bool) -> None:
        """Tell whether every cache is filled."""
        self._sync.set(int(all_filled))

    def leading(self, *, leads: bool) -> None:
        """Tell whether this replica acts."""
        self._leader.set(int(leads))

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


def _replace(gauge: Gauge, rows: Iterable[tuple[tuple[str, ...], float]]) -> None:
    """Set a gauge to exactly these series, the first `MAX_SERIES` of them."""
    gauge.clear()
    for count, (labels, value) in enumerate(rows):
        if count == MAX_SERIES:
            return
        gauge.labels(*labels).set(value)
