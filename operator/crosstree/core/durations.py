"""What finished jobs teach of how long jobs like them run, and how far to believe what is declared of them.

It is the memory of a JobQueue, kept in its status.

Like `ledger`, it is made from what finished jobs say and from itself: `learn` may be called any number of times with
what it was called with before, by any process, and counts each job once. That holds because an entry says when the
last job it counts ended: one that ended no later has been counted. Jobs may be deleted; what they taught stays. Of two
that ended in the same second and were seen one after the other, the later one is lost: an average can bear it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from crosstree.core.job import Job

MOST = 50
"""Entries kept, those that learned last: a status is read by people. One that drops out begins anew."""

RECENT = 9
"""Durations kept of each: enough for a quantile, few enough to follow a change of habits."""

_HEX = re.compile(r"(?=.*\d)[0-9a-f]{6,}")
_SUFFIX = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{5}")
"""What Kubernetes puts behind a `generateName`: five of these, no vowels."""
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Lesson:
    """Jobs of one name pattern and size.

    Attributes:
        pattern: What `pattern_of` makes of their names.
        size: What `size_class` makes of their accelerators.
        count: How many there have been.
        recent: Seconds that the last `RECENT` of them ran, in the order in which they ended.
        at: When the last one ended, seconds since the epoch, whole seconds.
        percent_of_declared: How long the last `RECENT` of those that declared a duration ran, in percent of it.
    """

    pattern: str
    size: int
    count: int
    recent: tuple[int, ...]
    at: float
    percent_of_declared: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """A job that ran from beginning to end.

    Attributes:
        at: When it ended, seconds since the epoch.
        pattern: What `pattern_of` makes of its name.
        size: What `size_class` makes of its accelerators.
        seconds: How long it ran.
        percent_of_declared: What `percent_of` makes of that; 0 if it declared nothing.
    """

    at: float
    pattern: str
    size: int
    seconds: int
    percent_of_declared: int = 0


def pattern_of(name: str) -> str:
    """Reduce the name of a job to what it shares with the others of its kind: numbers and hashes become `#`."""
    parts = [
        "#" if _HEX.fullmatch(part) or _SUFFIX.fullmatch(part) else _DIGITS.sub("#", part)
        for part in name.split("-")
    ]
    return "-".join(part for at, part in enumerate(parts) if part != "#" or at == 0 or parts[at - 1] != "#")


def size_class(devices: int) -> int:
    """Return the power of two at or above a number of accelerators; 0 for none."""
    return 1 << (devices - 1).bit_length() if devices > 0 else 0


def percent_of(declared: float, ran: float) -> int:
    """Return how much of a declared duration a run took, in whole percent, at least 1; 0 if none is declared.

    Whole percents are what people read, and a job that ends a few seconds off what it declared has declared well.
    """
    return max(round(100 * ran / declared), 1) if declared > 0 else 0


def runs(jobs: Iterable[Job]) -> list[Run]:
    """Collect the jobs that succeeded at their first attempt: later ones waited in between, and did some work twice."""
    found = []
    for job in jobs:
        progress = job.progress
        if progress.started_at is None or progress.finished_at is None or progress.attempt != 1:
            continue
        if not _succeeded(job):
            continue
        devices = job.gang.workers * job.gang.devices
        seconds = max(int(progress.finished_at - progress.started_at), 1)
        kind = (pattern_of(job.name), size_class(devices))
        found.append(Run(progress.finished_at, *kind, seconds, _percent(job, seconds)))
    return found


def learn(lessons: Iterable[Lesson], seen: Iterable[Run]) -> tuple[Lesson, ...]:
    """Return the memory with what is new among the runs, the one that learned last first.

    Args:
        lessons: As stored.
        seen: All runs known, counted already or not.

    O(lessons + runs).
    """
    known = {(one.pattern, one.size): one for one in lessons}
    counted = {kind: one.at for kind, one in known.items()}
    for run in sorted(seen):
        kind = (run.pattern, run.size)
        if run.at <= counted.get(kind, -1.0):
            continue
        had = known.get(kind)
        recent = (*(had.recent if had else ()), run.seconds)[-RECENT:]
        percents = had.percent_of_declared if had else ()
        if run.percent_of_declared:
            percents = (*percents, run.percent_of_declared)[-RECENT:]
        known[kind] = Lesson(*kind, (had.count if had else 0) + 1, recent, run.at, percents)
    return tuple(sorted(known.values(), key=lambda one: (-one.at, one.pattern, one.size))[:MOST])


def _percent(job: Job, seconds: float) -> int:
    """Hold a run against what its author declared of it: what he declares is meant for all workers (`at_size`)."""
    if job.gang.expected is None:
        return 0
    place = job.progress.placement
    workers = job.gang.workers if place is None else place.workers
    return percent_of(job.gang.expected.seconds * job.gang.workers / workers, seconds)


def _succeeded(job: Job) -> bool:
    return any(
        one.get("type") == "Finished" and one.get("status") == "True" and one.get("reason") == "Succeeded"
        for one in job.progress.conditions
    )
