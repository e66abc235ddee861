"""The bars that figures are held against, as data, and the verdicts. The ids are those of the benchmark suite.

A bar on time holds for one quiet machine and says so in the docs; a miss is shown, never hidden, and never fails a
test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from crosstree.cli.measure import Record, Value


class Side(Enum):
    """On which side of its limit a figure is good."""

    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True)
class Bar:
    """What one figure has to be.

    Attributes:
        id: As in records.
        metric: As in records.
        side: Where good is.
        limit: In the unit of the records.
        title: What the figure is, for people.
        where: Conditions a record must have to be held against this bar.
    """

    id: str
    metric: str
    side: Side
    limit: float
    title: str
    where: Mapping[str, Value] = field(default_factory=dict)

    def holds(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value <= self.limit if self.side is Side.AT_MOST else value >= self.limit

    def covers(self, record: Record) -> bool:
        """Tell whether a record is to be held against this bar."""
        return (record.id, record.metric) == (self.id, self.metric) and all(
            record.conditions.get(key) == value for key, value in self.where.items()
        )


LARGE: Mapping[str, Value] = {"nodes": 12_500}
WAITING: Mapping[str, Value] = {"waiting": 2000, "queues": 50}
MOST, LEAST = Side.AT_MOST, Side.AT_LEAST

BARS: tuple[Bar, ...] = (
    Bar("S1", "decision_p99", MOST, 5.0, "a gang of 128 decided at 12,500 nodes", LARGE),
    Bar("S2", "gangs_decided", LEAST, 500.0, "gangs decided a second, empty to full", LARGE),
    Bar("S2", "pods_decided", LEAST, 5000.0, "pods decided a second", {**LARGE, "perWorker": 1}),
    Bar("S3", "rate_over_in_tree", LEAST, 3.5, "60 gangs, Scheduler, over in-tree gangs",
        {"case": "gangs", "side": "Scheduler"}),
    Bar("S3", "rate_over_in_tree", LEAST, 7.5, "60 gangs, Direct, over in-tree gangs",
        {"case": "gangs", "side": "Direct"}),
    Bar("S4", "all_bound", MOST, 5.0, "a gang of 512 bound, Scheduler",
        {"case": "single-gang-512", "side": "Scheduler"}),
    Bar("S4", "all_bound", MOST, 5.0, "a gang of 512 bound, Direct", {"case": "single-gang-512", "side": "Direct"}),
    Bar("S4", "all_bound", MOST, 4.0, "200 jobs of one worker, Scheduler",
        {"case": "singles-200", "side": "Scheduler"}),
    Bar("S4", "all_bound", MOST, 4.0, "200 jobs of one worker, Direct", {"case": "singles-200", "side": "Direct"}),
    Bar("S5", "domains_over_lower_bound", MOST, 1.0, "domains over the fewest, empty fleet", {"fill": 0.0}),
    Bar("S5", "domains_over_lower_bound", MOST, 1.05, "domains over the fewest, 90 % full", {"fill": 0.9}),
    Bar("S5", "domains_over_exact", MOST, 1.02, "domains over an exact solver's, one gang"),
    Bar("S6", "allocation_below_best_fit", MOST, 1.0, "idle while asked, against best fit without reservations"),
    Bar("S6", "largest_wait_over_best_fit", MOST, 0.5, "the largest gangs' mean wait, against best fit"),
    Bar("S8", "wait_mean_over_fifo", MOST, 1.0, "mean wait against first come, first served"),
    Bar("S8", "wait_p99_over_fifo", MOST, 1.0, "p99 wait against first come, first served"),
    Bar("S8", "baselines_better_for_the_largest", MOST, 0.0, "baselines better for the largest on mean and p99"),
    Bar("S8", "shortest_jct_over_las", MOST, 1.0, "ShortestExpected: completion against LAS", {"hints": "exact"}),
    Bar("S9", "extra_wait_beyond_one", MOST, 0.0, "a guaranteed queue's p99 extra wait beyond one preemption"),
    Bar("SIM", "replay_15k", MOST, 60.0, "15,000 Helios jobs replayed"),
    Bar("SIM", "replay_fleet", MOST, 10.0, "a week of 12,500 nodes replayed", {**LARGE, "days": 7.0}),
    Bar("SIM", "replay_fleet_rss", MOST, 2048.0, "peak memory of that", {**LARGE, "days": 7.0}),
    Bar("S10", "decided_max", MOST, 1.0, "a broken gang: signal to decision"),
    Bar("S10", "bound_max", MOST, 10.0, "a broken gang: signal to all pods bound"),
    Bar("S12", "reclaim_decided_max", MOST, 1.0, "4,000 accelerators of 50 gangs reclaimed: decided", LARGE),
    Bar("S13", "explained_in_cluster", MOST, 1.0, "a job that can't run explained"),
    Bar("S13", "negative_verdict_p99", MOST, 10.0, "a refusal in the core at 12,500 nodes", LARGE),
    Bar("S14", "first_decision", MOST, 30.0, "start to decision, recorded lists", {**LARGE, "source": "recorded"}),
    Bar("S14", "rss_peak", MOST, 2048.0, "peak memory, recorded lists", {**LARGE, "source": "recorded"}),
    Bar("S14", "first_decision", MOST, 30.0, "start to decision, real API server", {"source": "api-server"}),
    Bar("S14", "rss_peak", MOST, 2048.0, "peak memory, real API server", {"source": "api-server"}),
    Bar("S15", "api_writes_per_pod", MOST, 4.0, "writes of all a pod, Scheduler",
        {"case": "gangs", "side": "Scheduler"}),
    Bar("S15", "api_writes_per_pod", MOST, 3.0, "writes of all a pod, Direct", {"case": "gangs", "side": "Direct"}),
    Bar("S15", "idle_writes", MOST, 0.0, "our writes in an idle minute, leases aside"),
    Bar("S15", "writes_for_running_gangs", MOST, 0.0, "writes to take over running gangs"),
    Bar("S14", "first_decision", MOST, 10.0, "start to decision, 1,000 running gangs",
        {"source": "api-server", "runningGangs": 1000}),
    Bar("S16", "violations", MOST, 0.0, "what must never happen, in operations at random"),
    Bar("Q1", "cycle_p99", MOST, 100.0, "a cycle with 2,000 jobs waiting in 50 queues", WAITING),
    Bar("Q1", "idle_writes", MOST, 0.0, "our writes in an idle minute, 2,000 jobs waiting", WAITING),
    Bar("Q1", "status_writes_a_second", MOST, 20.0, "status writes while jobs end and start, 2,000 waiting", WAITING),
    Bar("HA", "handover_max", MOST, 15.0, "leader killed to first decision", {"signal": "SIGKILL"}),
    Bar("HA", "handover_max", MOST, 2.0, "leader told to stop to first decision", {"signal": "SIGTERM"}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar and the figures held against it: the worst of them, None if none was taken."""

    bar: Bar
    worst: float | None
    unit: str
    of: int

    @property
    def word(self) -> str:
        """The verdict in a word."""
        if self.worst is None:
            return "not measured"
        return "pass" if self.bar.holds(self.worst) else "MISS"


def taken(text: str) -> list[Record]:
    """Read records from JSON lines; lines that are none are left out."""
    found = []
    for line in text.splitlines():
        try:
            one = json.loads(line)
            found.append(Record(one["id"], one["metric"], one["value"], one["unit"], one["conditions"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def judged(records: Sequence[Record], bars: Iterable[Bar] = BARS) -> list[Verdict]:
    """Hold records against bars: of several records the worst counts."""
    found = []
    for bar in bars:
        held = [record for record in records if bar.covers(record)]
        worst = max if bar.side is Side.AT_MOST else min
        value = worst((record.value for record in held), default=None)
        found.append(Verdict(bar, value, held[0].unit if held else "", len(held)))
    return found


def rows(verdicts: Iterable[Verdict]) -> list[tuple[str, ...]]:
    """Return the cells of a table, one row a bar."""
    return [
        (
            one.bar.id,
            one.bar.title,
            "" if one.worst is None else f"{one.worst:,.3f}".rstrip("0").rstrip(".") + f" {one.unit}",
            f"{one.bar.side.value} {one.bar.limit:g}",
            one.word,
            f"{one.of} figures" if one.of != 1 else "1 figure",
        )
        for one in verdicts
    ]
