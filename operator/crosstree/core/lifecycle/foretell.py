"""When a waiting job is told that it will start: rarely enough to be quiet, and compared with what came of it.

A forecast moves a little with every job that ends. What is stored stands until it is wrong by more than a reader would
forgive, and for `RETELL_SECONDS` in any case. What was told first in a wait is kept: `metrics` says how good it was,
and who is put off for too long past it is not overtaken any more (`core.patience`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.core.job import Progress
from crosstree.core.lifecycle.facts import JobFacts
from crosstree.core.plan import Wait
from crosstree.core.workload import Told

RETELL_SECONDS = 20.0
"""What was told stands at least so long."""

LEAST_MOVE = 60.0
"""Seconds by which an expected start may be wrong whatever it is."""

SHARE = 0.1
"""Part of the remaining wait by which an expected start may be wrong, and of a position."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """What the status of a waiting job says of its start. Times in whole seconds since the epoch.

    Attributes:
        position: Place in the line of its queue; 0 for none.
        start: When it is expected to start; None if that can't be told.
        confidence: Of that, in percent.
        first: What was told first in this wait, and when; None before.
        as_of: When any of this was last changed.
    """

    position: int = 0
    start: float | None = None
    confidence: int = 0
    first: Told | None = None
    as_of: float = 0.0


def stored(progress: Progress) -> Foretold | None:
    """Return what the status says; None if it says nothing, or nothing that can be read."""
    status = progress.observed
    forecast = status.get("forecast")
    told: Mapping[str, Any] = forecast if isinstance(forecast, Mapping) else {}
    as_of = _time(told.get("asOf"))
    if as_of is None:
        return None
    first, first_at = _time(told.get("first")), _time(told.get("firstAt"))
    position, confidence = status.get("queuePosition"), told.get("confidence")
    return Foretold(
        position if isinstance(position, int) else 0,
        _time(status.get("expectedStart")),
        confidence if isinstance(confidence, int) else 0,
        None if first is None or first_at is None else Told(first_at, first),
        as_of,
    )


def told_first(progress: Progress) -> Told | None:
    """Return what the job was told first in this wait."""
    known = stored(progress)
    return known.first if known is not None else None


def foretell(facts: JobFacts) -> Foretold | None:
    """Return what the status should say now of a job that waits; what is stored where that is good enough.

    None where there is nothing to tell, as of a job that stands in no line.
    """
    decision, known = facts.decision, stored(facts.job.progress)
    if not isinstance(decision, Wait) or decision.uid != facts.job.uid:
        return known
    if decision.reason.barred:
        return None
    fresh = _fresh(decision, known, facts.now)
    if known is None:
        return fresh if fresh.position or fresh.start is not None else None
    if not _moved(known, fresh, facts.now) or facts.now < known.as_of + RETELL_SECONDS:
        return known
    return fresh


def foretell_again(facts: JobFacts) -> float | None:
    """Return when to tell again what has changed too soon; None if nothing has."""
    decision, known = facts.decision, stored(facts.job.progress)
    if known is None or not isinstance(decision, Wait) or decision.uid != facts.job.uid:
        return None
    if decision.reason.barred:
        return None
    due = known.as_of + RETELL_SECONDS
    changed = _moved(known, _fresh(decision, known, facts.now), facts.now)
    return due if changed and facts.now < due else None


def _fresh(decision: Wait, known: Foretold | None, now: float) -> Foretold:
    forecast = decision.forecast
    first = known.first if known is not None else None
    if forecast is None:
        return Foretold(decision.position, None, 0, first, float(int(now)))
    start = float(int(forecast.start))
    return Foretold(
        decision.position,
        start,
        round(forecast.confidence * 20) * 5,
        first or Told(float(int(now)), start),
        float(int(now)),
    )


def _moved(known: Foretold, fresh: Foretold, now: float) -> bool:
    """Say whether a reader would mind being told the old."""
    if (known.start is None) is not (fresh.start is None) or (known.position == 0) is not (
        fresh.position == 0
    ):
        return True
    if abs(fresh.position - known.position) > int(SHARE * known.position):
        return True
    if fresh.start is None or known.start is None:
        return False
    return abs(fresh.start - known.start) > max(LEAST_MOVE, SHARE * max(fresh.start - now, 0.0))


def _time(value: object) -> float | None:
    try:
        return from_rfc3339(value) if isinstance(value, str) else None
    except (SpecError, OverflowError):
        return None
