"""How long a gang will run: as declared, else as earlier jobs like it did, else assumed. And when one that runs ends.

`durations` keeps what earlier jobs taught, also of how far declarations can be believed. Nothing here is a promise:
whoever plans with an expectation looks at its confidence, and one that has been overrun is moved, never acted upon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

_ENOUGH = 3
"""Declarations that are needed to correct another: one or two may have been off by chance."""

_NAMES = 3
"""Name patterns that they have to be of where none is the job's own: one sweep over sizes is not everybody's habit.

No more than that: names are free, and who means to teach the queue wrong takes three.
"""

_AGREE = 0.5
"""Declarations agree if the middle half of them was off alike, within this part of the median."""

_STEP = 5
"""Declarations are corrected by multiples of this, in percent: what is off by less is right, and stays as it is."""

LEAST, MOST = 10, 1000
"""Percent of what is declared that are expected at least and at most, whatever others were off by."""


def expected(
    declared: Expectation | None, name: str, devices: int, lessons: Iterable[Lesson] = ()
) -> Expectation:
    """Say how long a job will run for all of its work.

    Args:
        declared: What its author says; goes first, corrected by how far off the declarations of jobs like it were.
        name: Of the job, without its namespace.
        devices: Accelerators of the gang.
        lessons: What the jobs of its queue taught.

    O(lessons).
    """
    known = tuple(lessons)
    pattern, size = pattern_of(name), size_class(devices)
    of_size = [one for one in known if one.size == size]
    of_name = [one for one in known if one.pattern == pattern]
    alike = [one for one in of_size if one.pattern == pattern]
    percent = _percent((alike, 1), (of_name, 1), (of_size, _NAMES), (known, _NAMES))
    if declared is not None:
        return declared if percent == 100 else _scaled(declared, percent)
    for chosen, most in ((alike, _ALIKE), (of_size, _SAME_SIZE), (known, _SAME_QUEUE)):
        seconds = sorted(second for one in chosen for second in one.recent)
        if seconds:
            return _learned(seconds, most, percent)
    return ASSUMED


def or_assumed(expectation: Expectation | None) -> Expectation:
    """Return the expectation, or the assumption where there is none."""
    return ASSUMED if expectation is None else expectation


def trusted(expectation: Expectation | None) -> float:
    """Return the seconds after which a gang is relied on to be gone: for ever, where nobody knows."""
    return inf if expectation is None or expectation.confidence <= 0 else expectation.seconds


def left(whole: Expectation, done: float) -> Expectation:
    """Return what is left of a run when `done` seconds of its work are safe; at least a tenth of it.

    Who has done all that others of its kind needed, and declared more, is not like them: its own word is gone by.
    """
    if done <= 0:
        return whole
    if whole.declared is not None and whole.seconds <= min(done, whole.declared):
        whole = as_declared(whole)
    return _each(whole, lambda seconds: max(seconds - done, seconds / 10))


def as_declared(known: Expectation) -> Expectation:
    """Return what is expected by the very word of its author."""
    if known.declared is None:
        return known
    return replace(known, seconds=known.declared, percent_of_declared=100, declared=None)


def at_least(known: Expectation) -> Expectation:
    """Return the shorter of what is declared and what was made of it: for whoever would suffer by being long."""
    return known if known.declared is None or known.declared >= known.seconds else as_declared(known)


def at_worst(known: Expectation) -> Expectation:
    """Return the longer of what is declared and what was made of it: for whoever would suffer by its taking long."""
    return known if known.declared is None or known.declared <= known.seconds else as_declared(known)


def capped(known: Expectation, bound: float) -> Expectation:
    """Return what is expected of a run that is ended after `bound` seconds."""
    return replace(_each(known, lambda seconds: min(seconds, bound)), at_most=bound)


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
    bound = inf if whole.at_most is None else whole.at_most
    return _each(whole, lambda seconds: min(seconds * full / workers, bound))


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


def _learned(seconds: list[int], most: float, percent: int) -> Expectation:
    """Read the quantile of a sorted list; the more jobs and the more alike they are, the surer."""
    count = len(seconds)
    sure = most * count / (count + 2) / (1 + _spread(seconds))
    longest = float(max(_quantile(seconds), 1))
    return Expectation(longest, Source.LEARNED, round(sure, 2), percent_of_declared=percent)


def _percent(*kin: tuple[Iterable[Lesson], int]) -> int:
    """Return what to take of a declaration, by the nearest kin that declared often enough, if they were off alike.

    Where the nearest disagree nobody else is asked: of them it is known that declarations say little of each other.
    What comes of it is as sure as any declaration; that it needs many who agree makes up for its being a guess.

    Args:
        kin: The nearest first, each with the names that are needed.
    """
    for chosen, names in kin:
        telling = [one for one in chosen if one.percent_of_declared]
        percents = sorted(percent for one in telling for percent in one.percent_of_declared)
        if len(percents) >= _ENOUGH and len({one.pattern for one in telling}) >= names:
            if _spread(percents) > _AGREE:
                return 100
            return min(max(_STEP * round(_quantile(percents) / _STEP), LEAST), MOST)
    return 100


def _scaled(declared: Expectation, percent: int) -> Expectation:
    seconds = max(declared.seconds * percent / 100, 1.0)
    return replace(declared, seconds=seconds, percent_of_declared=percent, declared=declared.seconds)


def _each(known: Expectation, change: Callable[[float], float]) -> Expectation:
    """Change what is expected, and beside it what would be by its author's word."""
    declared = known.declared
    return replace(
        known, seconds=change(known.seconds), declared=None if declared is None else change(declared)
    )


def _quantile(sorted_: list[int]) -> int:
    return sorted_[int(_QUANTILE * (len(sorted_) - 1) + 0.5)]


def _spread(sorted_: list[int]) -> float:
    """Return how far apart the middle half of a sorted list lies, as a part of its median."""
    count = len(sorted_)
    return (sorted_[(3 * count) // 4] - sorted_[count // 4]) / max(sorted_[count // 2], 1)
