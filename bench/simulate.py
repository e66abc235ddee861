"""S6, S8, S9 and the two bars on time, on recorded traces: the production cycle beside what it is compared with.

Every figure of every replay is reported, the losses as well as the wins; figures with a bar are comparisons of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.least import least
from bench.traces import Case, halves, many, played, week
from crosstree.cli.measure import Record, Value
from crosstree.sim.replay import Replay
from crosstree.sim.summary import Summary, summarise

BASELINES = ("fifo", "easy", "best-fit", "las", "random")
"""What the production policy is held against; the oracle is a bound, not a rival."""

TINY = 1.0
"""Seconds: waits below this are alike."""


def speed(days: float, nodes: int) -> Iterator[Record]:
    """Time 15,000 Helios jobs, and a simulated week of a large fleet."""
    short = summarise("production", Replay(many(15_000)).run())
    conditions: dict[str, Value] = {
        "trace": "helios",
        "jobs": short.jobs,
        "nodes": short.nodes,
        "window": 5.0,
    }
    yield Record("SIM", "replay_15k", short.wallSeconds, "s", conditions)
    yield Record("SIM", "replay_15k_decisions", short.decisionsPerSecond, "1/s", conditions)
    if not days:
        return
    long = summarise("production", Replay(week(nodes, days, 60.0)).run())
    conditions = {"trace": "helios", "nodes": long.nodes, "days": days, "jobs": long.jobs, "window": 60.0}
    yield Record("SIM", "replay_fleet", long.wallSeconds / 60, "min", conditions)
    yield Record("SIM", "replay_fleet_rss", long.peakRssMiB, "MiB", conditions)
    yield Record("SIM", "replay_fleet_used", 100 * long.utilisation, "%", conditions)


def idle_while_asked(jobs: int | None) -> Iterator[Record]:
    """S6: what stands idle though somebody asks, and what the largest gangs pay for it under best fit.

    Helios comes 1.3 times as fast as it did, which is a load of 0.905; `jobs` limits Philly, the longer of the two.
    """
    for case in (Case("helios", 0.905), Case("philly", 1.1, jobs=jobs)):
        ours, theirs = played(case, "production"), played(case, "best-fit")
        for one in (ours, theirs):
            yield from _figures("S6", one, case)
        lost = 100 * (theirs.allocationWhileDemandWaits - ours.allocationWhileDemandWaits)
        yield Record("S6", "allocation_below_best_fit", lost, "points", case.conditions())
        ratio = _ratio(ours.largest.wait.mean, theirs.largest.wait.mean)
        yield Record("S6", "largest_wait_over_best_fit", ratio, "ratio", case.conditions())
        if case.trace == "helios":  # a few gangs in two hours make the mean: what could have been otherwise?
            yield from least(case, theirs.largest.wait.mean)


def waits(traces: list[str], loads: list[float], hints: list[str], jobs: int | None) -> Iterator[Record]:
    """S8: waits and completion times against every baseline, with hints that are right, wrong and absent."""
    for trace in traces:
        for load in loads:
            few = jobs if trace == "philly" else None
            case = Case(trace, load, jobs=few)
            others = {name: played(case, name) for name in (*BASELINES, "srtf-oracle")}
            for one in others.values():
                yield from _figures("S8", one, case)
            for hint in hints:
                yield from _against(Case(trace, load, hint, few), others)


def _against(case: Case, others: dict[str, Summary]) -> Iterator[Record]:
    """Hold the production policy, and its optional order, against the baselines."""
    if case.hints != "exact":  # the only baseline that listens to hints
        others = others | {"easy": played(case, "easy")}
        yield from _figures("S8", others["easy"], case)
    ours, shortest = played(case, "production"), played(case, "shortest-expected")
    for one in (ours, shortest):
        yield from _figures("S8", one, case)
    told = case.conditions()
    fifo, las, oracle = others["fifo"], others["las"], others["srtf-oracle"]
    yield Record("S8", "wait_mean_over_fifo", _ratio(ours.wait.mean, fifo.wait.mean), "ratio", told)
    yield Record("S8", "wait_p99_over_fifo", _ratio(ours.wait.p99, fifo.wait.p99), "ratio", told)
    better = [name for name in BASELINES if _beats(others[name], ours)]
    yield Record(
        "S8", "baselines_better_for_the_largest", len(better), "policies", told | {"who": ", ".join(better)}
    )
    yield Record("S8", "shortest_jct_over_las", _ratio(shortest.jct.mean, las.jct.mean), "ratio", told)
    yield Record("S8", "jct_over_oracle", _ratio(ours.jct.mean, oracle.jct.mean), "ratio", told)
    yield Record("S8", "shortest_jct_over_oracle", _ratio(shortest.jct.mean, oracle.jct.mean), "ratio", told)
    if ours.prediction.jobs:
        yield Record("S8", "eta_error_p50", ours.prediction.error.p50, "s", told)


def _beats(theirs: Summary, ours: Summary) -> bool:
    """Say whether a policy serves the largest tenth of gangs better on the mean and on the 99th percentile of waits."""
    left, right = theirs.largest.wait, ours.largest.wait
    return left.mean < right.mean - TINY and left.p99 < right.p99 - TINY


def fairness() -> Iterator[Record]:
    """S9: what a queue within its guarantee waits longer beside an overloaded one than on a cluster of its own."""
    together, alone = halves(0.7, 2.0)
    shared, private = Replay(together), Replay(alone)
    shared.run()
    private.run()
    waited = dict(zip(alone.jobs.ids, private.books.waited.tolist(), strict=True))
    extra = np.array(
        [
            shared.books.waited[row] - waited[job]
            for row, job in enumerate(together.jobs.ids)
            if job in waited and np.isfinite(shared.books.began[row])
        ]
    )
    # One preemption: the one who leaves may have just begun, then has its grace, and each of three steps a window.
    one = together.manners.min_runtime + together.runtime.grace + 3 * together.window
    told: dict[str, Value] = {
        "jobs": len(extra),
        "guaranteed": alone.nodes.total,
        "loads": "0.7 and 2.0",
        "preemption": one,
    }
    yield Record("S9", "extra_wait_mean", float(extra.mean()), "s", told)
    yield Record("S9", "extra_wait_p99", float(np.percentile(extra, 99)), "s", told)
    yield Record("S9", "extra_wait_beyond_one", float(max(0.0, np.percentile(extra, 99) - one)), "s", told)
    yield Record("S9", "longer_than_one", 100 * float((extra > one).mean()), "%", told)
    yield Record("S9", "preemptions", float(shared.books.preempted.sum()), "runs", told)


def _figures(name: str, one: Summary, case: Case) -> Iterator[Record]:
    told = case.conditions(policy=one.policy)
    yield Record(name, "allocation_while_demand_waits", 100 * one.allocationWhileDemandWaits, "%", told)
    yield Record(name, "wait_mean", one.wait.mean, "s", told)
    yield Record(name, "wait_p99", one.wait.p99, "s", told)
    yield Record(name, "jct_mean", one.jct.mean, "s", told)
    yield Record(name, "jct_p99", one.jct.p99, "s", told)
    yield Record(
        name, "largest_wait_mean", one.largest.wait.mean, "s", told | {"size": one.largest.accelerators}
    )
    yield Record(
        name, "largest_wait_p99", one.largest.wait.p99, "s", told | {"size": one.largest.accelerators}
    )
    yield Record(name, "preemptions", one.preemptions, "runs", told)
    yield Record(name, "took", one.wallSeconds, "s", told)


def _ratio(ours: float, theirs: float) -> float:
    """Compare two numbers of seconds; those below `TINY` are alike."""
    return max(ours, TINY) / max(theirs, TINY)
