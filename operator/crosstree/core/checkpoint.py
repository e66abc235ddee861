"""Up to when the work of a job is saved: what it says itself, by an annotation on the job or on one of its pods.

Nothing here raises: an annotation is written by programs, and one that can't be read counts as not written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.base.names import ANNOTATION_CHECKPOINT
from crosstree.core.pods import PodFact

AHEAD_SECONDS = 300.0
"""How far a report may lie in the future before it is told to its author: clocks differ by less."""

LONGEST_GRACE = 3_600.0
"""Seconds for which others wait at most while a job that makes room saves its work, whatever it or its pods ask for."""

SHOWN = 40
"""Characters of an annotation that are repeated to its author."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a job says about saving its work.

    Attributes:
        grace: Seconds its workers have to save their work when the job is stopped for another.
        restart_cost: Seconds that a restart costs it besides the work since the last checkpoint.
        reported: Annotation of the job as it stands; empty if it has none.
    """

    grace: float = 30.0
    restart_cost: float = 60.0
    reported: str = ""


def saved_at(checkpoint: Checkpoint, pods: Iterable[PodFact], began: float, now: float) -> float:
    """Return up to when the work of an attempt is safe, seconds since the epoch: `began` if nobody says.

    The newest of what the job and its pods say; never later than `now`, never earlier than `began`. O(pods).
    """
    told = [checkpoint.reported, *(pod.checkpointed for pod in pods if pod.checkpointed)]
    times = [at for text in told if (at := _time(text)) is not None]
    return max(began, min(max(times, default=began), now))


def reported_at(checkpoint: Checkpoint) -> float | None:
    """Return up to when the job itself says its work is safe, believed or not; None if it does not say."""
    return _time(checkpoint.reported)


def oddity(checkpoint: Checkpoint, pods: Iterable[PodFact], now: float) -> str:
    """Say which report is not believed, and why; empty if there is none."""
    reports = [("the TrainingJob", checkpoint.reported)]
    reports += [(f"pod {pod.name}", pod.checkpointed) for pod in pods if pod.checkpointed]
    for whose, text in reports:
        if not text:
            continue
        at = _time(text)
        shown = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
        if at is None:
            why = "is not a time and is ignored; write it as 2026-01-31T12:00:00Z"
        elif at > now + AHEAD_SECONDS:
            why = "lies in the future and counts as now; check the clock that wrote it"
        else:
            continue
        return f"Annotation {ANNOTATION_CHECKPOINT} of {whose} is {shown!r}: that {why}."
    return ""


def _time(text: str) -> float | None:
    """Read a time; None for what is not one. What is longer than any is not kept to be recognised again."""
    return _read(text) if len(text) <= SHOWN else None


@lru_cache(maxsize=4096)
def _read(text: str) -> float | None:
    """Read a time; None for what is not one, or names no time zone: it means another time to every reader."""
    if not text or (not text.endswith(("Z", "z")) and "+" not in text[10:] and "-" not in text[10:]):
        return None
    try:
        return from_rfc3339(text)
    except (SpecError, OverflowError):
        return None
