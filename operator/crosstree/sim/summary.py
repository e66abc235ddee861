"""What a replay comes to: one value, whose fields are the keys of the summary JSON."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crosstree.core.arrays import Bool
from crosstree.sim.replay import Outcome
from crosstree.sim.traces.jobs import Float64, Jobs
from crosstree.sim.traces.shape import offered

CLASSES: tuple[tuple[str, int], ...] = (
    ("1", 1), ("2-7", 7), ("8", 8), ("9-16", 16), ("17-32", 32), ("33-64", 64), ("65+", 1 << 60),
)  # fmt: skip
"""Classes of gangs by accelerators: name, and the most a gang of the class has."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number of seconds is spread over jobs; zeros where there is none."""

    mean: float
    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Jobs of like size: `wait` is all time in line, `jct` from submission to the end."""

    accelerators: str
    jobs: int
    wait: Spread
    jct: Spread


@dataclass(frozen=True, slots=True)
class Prediction:
    """First predicted start of jobs that were told one, against the truth: how far off, and how often too early."""

    jobs: int
    error: Spread
    early: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One replay.

    Attributes:
        policy: Who decided.
        jobs: Jobs submitted.
        leftOut: Jobs of the trace that were not, by reason.
        finished: Jobs whose work was done when it ended.
        nodes: Nodes.
        accelerators: Accelerators.
        load: Work of the jobs replayed over what the accelerators could do from the start of the trace to the last
            submission; None where all were submitted at the start.
        simulatedSeconds: Length of the replay in its own time.
        utilisation: Accelerators held over usable ones, in the whole time.
        utilisationWhileSubmitted: The same up to the last submission: without the tail.
        allocationWhileDemandWaits: Held over what held and waiting jobs asked for, at most what is usable, while any
            job waited: 1 is a cluster that never leaves idle what somebody wants.
        wait: Seconds in line, all attempts together, of jobs that have started.
        jct: Seconds from submission to the end, of jobs that are done.
        bySize: The same by size of gang.
        largest: The largest tenth of gangs of more than one worker, with all of equal size.
        prediction: Expected starts against the truth.
        preemptions: Runs ended for another job.
        resizes: Runs ended to go on at another size.
        failures: Runs that a node broke.
        exceeded: Runs ended because they lasted as long as their queue allows. Their jobs are not finished.
        lostAcceleratorHours: Work that was for nothing: since the last checkpoint, and starting again.
        steps: Steps of the loop.
        decisions: Decisions in them.
        decisionsPerSecond: Decisions per second of deciding.
        wallSeconds: What the replay took on this machine.
        peakRssMiB: Peak memory of the process.
    """

    policy: str
    jobs: int
    leftOut: Mapping[str, int]  # noqa: N815
    finished: int
    nodes: int
    accelerators: int
    load: float | None
    simulatedSeconds: float  # noqa: N815
    utilisation: float
    utilisationWhileSubmitted: float  # noqa: N815
    allocationWhileDemandWaits: float  # noqa: N815
    wait: Spread
    jct: Spread
    bySize: tuple[SizeClass, ...]  # noqa: N815
    largest: SizeClass
    prediction: Prediction
    preemptions: int
    resizes: int
    failures: int
    exceeded: int
    lostAcceleratorHours: float  # noqa: N815
    steps: int
    decisions: int
    decisionsPerSecond: float  # noqa: N815
    wallSeconds: float  # noqa: N815
    peakRssMiB: float  # noqa: N815


def summarise(policy: str, outcome: Outcome) -> Summary:
    """Add a replay up."""
    books, jobs, progress = outcome.books, outcome.scenario.jobs, outcome.progress
    submitted = np.arange(len(jobs)) < progress.submitted
    wait = np.where(np.isnan(books.began), np.nan, books.waited)
    jct = books.ended - jobs.submit
    big, threshold = largest_tenth(jobs)

    def of(name: str, mask: Bool) -> SizeClass:
        mask = mask & submitted
        return SizeClass(name, int(mask.sum()), spread(wait[mask]), spread(jct[mask]))

    size, least, classes = jobs.accelerators, 0, []
    for name, most in CLASSES:
        mask = (size > least) & (size <= most)
        least = most
        if mask.any():
            classes.append(of(name, mask))
    error = books.began - books.told
    error = error[np.isfinite(error)]
    nodes = outcome.scenario.nodes
    return Summary(
        policy=policy,
        jobs=progress.submitted,
        leftOut=jobs.left_out,
        finished=int(np.isfinite(books.ended).sum()),
        nodes=len(nodes.names),
        accelerators=nodes.total,
        load=offered(jobs, nodes.total),
        simulatedSeconds=progress.now,
        utilisation=_share(books.used_seconds, books.usable_seconds),
        utilisationWhileSubmitted=_share(*books.until_last_submission),
        allocationWhileDemandWaits=_share(books.used_while_asked, books.usable_while_asked),
        wait=spread(wait[submitted]),
        jct=spread(jct[submitted]),
        bySize=tuple(classes),
        largest=of(f"{threshold}+", big),
        prediction=Prediction(
            len(error), spread(np.abs(error)), _share(float((error > 0).sum()), len(error))
        ),
        preemptions=int(books.preempted.sum()),
        resizes=int(books.resized.sum()),
        failures=int(books.failed.sum()),
        exceeded=int(books.exceeded.sum()),
        lostAcceleratorHours=float(books.lost.sum()) / 3600,
        steps=progress.steps,
        decisions=progress.decisions,
        decisionsPerSecond=_share(progress.decisions, progress.deciding),
        wallSeconds=outcome.seconds,
        peakRssMiB=_peak(),
    )


def largest_tenth(jobs: Jobs) -> tuple[Bool, int]:
    """Return which jobs are among the largest tenth of gangs of more than one worker, Bool (n,), and from what size on.

    All of the size at which the tenth is reached are among them. Where no job has two workers: none, from 0 on.
    """
    size = jobs.accelerators
    several = np.sort(size[jobs.workers > 1])[::-1]
    if not len(several):
        return np.zeros(len(jobs), np.bool_), 0
    threshold = int(several[(len(several) + 9) // 10 - 1])
    return (size >= threshold) & (jobs.workers > 1), threshold


def spread(seconds: Float64) -> Spread:
    """Return mean, median, 99th percentile and maximum; NaN is left out."""
    found = seconds[np.isfinite(seconds)]
    if not len(found):
        return Spread(0.0, 0.0, 0.0, 0.0)
    middle, high = np.percentile(found, (50, 99), method="inverted_cdf")
    return Spread(float(found.mean()), float(middle), float(high), float(found.max()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _peak() -> float:
    """Return the peak resident memory of this process in MiB; the kernel counts KiB, but bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
