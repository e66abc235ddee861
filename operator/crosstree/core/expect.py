"""How long a gang will run: as declared, else as earlier jobs like it did, else assumed. And when one that runs ends.

`durations` keeps what earlier jobs taught. Nothing here is a promise: whoever plans with an expectation looks at its
confidence, and an expectation that has been overrun is moved, never acted upon.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import inf

from crosstree.core.checkpoint import reported_at
from crosstree.core.durations import Lesson, pattern_of, size_class
from crosstree.core.job import Job
from crosstree.core.workload import Expectation, Source

DECLARED_CONFIDENCE = 0.9
"""People know their jobs, and round up."""

ASSUMED = Expectation(86_400.0, Source.ASSUMED, 0.0)
"""What a job of which nothing is known is taken to run: a day, which nobody should rely on."""

OVERRUN = 1.5
"""A gang that ran longer than expected is expected to run to the next power of this times what was expected."""

_ALIKE, _SAME_SIZE, _SAME_QUEUE = 0.8, 0.5, 0.3
"""Confidence in what many agreeing jobs taught: of the same name and size, of the same size, of the same queue."""

_QUANTILE = 2 / 3
"""Of what was learned this share is shorter: a job that ends early harms nobody, one that ends late holds others up."""


def expected(
    declared: Expectation | None, name: str, devices: int, lessons: Iterable[Lesson] = ()
) -> Expectation:
    """Say how long a job will run for all of its work.

    Args:
        declared: What its author says; goes first.
        name: Of the job, without its namespace.
        devices: Accelerators of the gang.
        lessons: What the jobs of its queue taught.

    O(lessons).
    """
    if declared is not None:
        return declared
    known = tuple(lessons)
    pattern, size = pattern_of(name), size_class(devices)
    of_size = [one for one in known if one.size == size]
    alike = [one for one in of_size if one.pattern == pattern]
    for chosen, most in ((alike, _ALIKE), (of_size, _SAME_SIZE), (known, _SAME_QUEUE)):
        seconds = sorted(second for one in chosen for second in one.recent)
        if seconds:
            return _learned(seconds, most)
    return ASSUMED


def or_assumed(expectation: Expectation | None) -> Expectation:
    """Return the expectation, or the assumption where there is none."""
    return ASSUMED if expectation is None else expectation


def trusted(expectation: Expectation | None) -> float:
    """Return the seconds after which a gang is relied on to be gone: for ever, where nobody knows."""
    return inf if expectation is None or expectation.confidence <= 0 else expectation.seconds


def left(whole: Expectation, done: float) -> Expectation:
    """Return what is left of a run when `done` seconds of its work are safe; at least a tenth of it."""
    if done <= 0:
        return whole
    return replace(whole, seconds=max(whole.seconds - done, whole.seconds / 10))


def work_done(job: Job) -> float:
    """Return the seconds of work that are safe from attempts before the present one, or before the next.

    From the job's own word; waits between earlier attempts count as work, for nobody knows them any more.
    """
    progress = job.progress
    saved = reported_at(job.checkpoint)
    if saved is None or progress.started_at is None or not progress.restarts:
        return 0.0
    return max(min(saved, progress.restarts[-1].at) - progress.started_at, 0.0)


def at_size(whole: Expectation | None, full: int, workers: int) -> Expectation | None:
    """Return how long a run takes with fewer workers than all: as if work divided perfectly, but for its bound."""
    if whole is None or workers >= full:
        return whole
    seconds = whole.seconds * full / workers
    return replace(whole, seconds=seconds if whole.at_most is None else min(seconds, whole.at_most))


def ends(expectation: Expectation | None, began: float, now: float) -> float:
    """Return when a gang that began then is expected to have ended; always later than `now`.

    One that overruns is expected to end at the next step of a ladder, each `OVERRUN` times as long as the one
    before: between two steps the answer does not move, and it stays within that factor of the truth. The step is no
    longer than to the bound of the run, unless that is over already.
    """
    known = or_assumed(expectation)
    seconds = max(known.seconds, 1.0)
    while began + seconds <= now:
        seconds *= OVERRUN
    bound = inf if known.at_most is None else began + known.at_most
    return min(began + seconds, bound) if bound > now else began + seconds


def confidence(expectation: Expectation | None, began: float, end: float) -> float:
    """Return how far the end of a running gang can be trusted: less with every step it overran, 0 to 1."""
    known = or_assumed(expectation)
    spent = max(end - began, 1.0)
    return known.confidence * min(1.0, max(known.seconds, 1.0) / spent)


def _learned(seconds: list[int], most: float) -> Expectation:
    """Read the quantile of a sorted list; the more jobs and the more alike they are, the surer."""
    count = len(seconds)
    middle = seconds[count // 2]
    spread = (seconds[(3 * count) // 4] - seconds[count // 4]) / max(middle, 1)
    sure = most * count / (count + 2) / (1 + spread)
    return Expectation(
        float(max(seconds[int(_QUANTILE * (count - 1) + 0.5)], 1)), Source.LEARNED, round(sure, 2)
    )
