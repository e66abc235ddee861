"""What a queue may use in a stretch of time: budgets of accelerator-hours, their periods, and what has been charged.

Charging is by area, up to an instant. What has been charged says until when everything is in it (`Charged.until`);
going on from there adds what stints have held since, and nothing twice: `charge` up to one instant and then up to
another gives what `charge` up to the second gives at once. So it may be done at any time, by any process, after any
crash: what is stored is the sum and its instant together, and the stints are in the statuses of the jobs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crosstree.core.queues import ANY_MODEL, Budget

HOUR = 3600.0

IN_FLIGHT = 5.0
"""Seconds that charging stays behind the clock: a status that says that a gang began or ended may be on its way."""

STEP = 600.0
"""Seconds after which what running gangs hold is charged though none of them has ended."""

AHEAD = 60.0
"""Seconds by which what was charged may be ahead of the clock: beyond, it is from a clock that ran wrong."""


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time with a budget of its own, seconds since the epoch; `end` is `math.inf` if it never ends."""

    start: float
    end: float = math.inf


@dataclass(frozen=True, slots=True)
class Stint:
    """Accelerators held by a gang from the moment it got a place until it gave it back.

    Attributes:
        queue: JobQueue of the job then.
        model: Profile id.
        devices: Accelerators.
        began: When, whole seconds since the epoch.
        ended: When; `math.inf` while it goes on.
    """

    queue: str
    model: str
    devices: int
    began: float
    ended: float = math.inf


@dataclass(frozen=True, slots=True)
class Charged:
    """What has been charged to one budget.

    Attributes:
        queue: Whose.
        model: Of the budget; `ANY_MODEL` for the one over all.
        used: Accelerator-seconds in the period, for `ANY_MODEL` times the exchange rates.
        since: When the period began, seconds since the epoch.
        until: Up to when all that was held is in `used`, seconds since the epoch.
    """

    queue: str
    model: str
    used: float
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Tab:
    """What budgets of an AICluster's queues were charged, and the stints that may not be in it yet.

    Attributes:
        charged: By queue and model, as stored; a budget without one has been charged nothing.
        stints: Of jobs whose queue, or one above it, has a budget: those that go on, and those that ended after the
            budgets were charged last. Wherever they run.
    """

    charged: tuple[Charged, ...] = ()
    stints: tuple[Stint, ...] = ()


NO_TAB = Tab()
"""Of clusters whose queues have no budgets."""


def period_at(budget: Budget, now: float) -> Period | None:
    """Return the period of a budget that an instant is in; None before the first."""
    if now < budget.start:
        return None
    if budget.every is None:
        return Period(budget.start)
    begun = budget.start + math.floor((now - budget.start) / budget.every) * budget.every
    return Period(begun, begun + budget.every)


def paid_until(budget: Budget, known: Charged | None) -> float:
    """Return up to when nothing can be charged to a budget any more; what it had under other terms counts not."""
    if known is None:
        return budget.start
    period = period_at(budget, known.until)
    return known.until if period is not None and period.start == known.since else budget.start


def charge(
    budget: Budget,
    queue: str,
    known: Charged | None,
    stints: Iterable[Stint],
    rates: Mapping[str, float],
    until: float,
) -> Charged | None:
    """Go on with what has been charged, up to an instant; None before the first period of the budget.

    Args:
        budget: Its terms.
        queue: Whose it is.
        known: What is stored; None for nothing. That of another period counts no more, and charging begins with the
            period: so it does where the terms were changed.
        stints: All that were held by the queue and those below it since `known`, and any others.
        rates: What one accelerator of a model counts for in the budget over all; 1 where not named.
        until: Seconds since the epoch.

    O(stints).
    """
    period = period_at(budget, until)
    if period is None:
        return None
    same = known is not None and known.since == period.start
    if known is not None and same:
        if until < known.until <= until + AHEAD:
            return known
        begin, used = min(known.until, until), known.used
    else:
        begin, used = period.start, 0.0
    used += sum(_area(stint, budget.model, begin, until, rates) for stint in stints)
    return Charged(queue, budget.model, used, period.start, until)


def _area(stint: Stint, model: str, begin: float, end: float, rates: Mapping[str, float]) -> float:
    """Return the accelerator-seconds of a stint between two instants, as a budget counts them."""
    seconds = min(stint.ended, end) - max(stint.began, begin)
    if seconds <= 0 or model not in (ANY_MODEL, stint.model):
        return 0.0
    return stint.devices * seconds * (rates.get(stint.model, 1.0) if model == ANY_MODEL else 1.0)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is to be stored of the budgets of a queue.

    Attributes:
        charged: By model.
        again: When there will be something else to store though nothing changes; `math.inf` for never.
    """

    charged: tuple[Charged, ...] = ()
    again: float = math.inf


def settle(
    queue: str,
    budgets: Iterable[Budget],
    stored: Iterable[Charged],
    stints: Iterable[Stint],
    rates: Mapping[str, float],
    now: float,
) -> Settlement:
    """Say what is to be stored of the budgets of a queue: what is stored, unless there is a reason to charge more.

    Reasons are that a stint has ended, that the period is another one, and `STEP` while anything is held. So the status
    of a queue where nothing happens is not written.

    Args:
        queue: Its name.
        budgets: Of the queue.
        stored: What they were charged.
        stints: As for `charge`.
        rates: As for `charge`.
        now: Seconds since the epoch.
    """
    known, held = {one.model: one for one in stored}, tuple(stints)
    until = float(int(now - IN_FLIGHT))
    rows: list[Charged] = []
    again = math.inf
    for budget in budgets:
        before = known.get(budget.model)
        fresh = charge(budget, queue, before, held, rates, until)
        if fresh is None:
            again = min(again, budget.start)
            continue
        own = [one for one in held if budget.model in (ANY_MODEL, one.model)]
        row = fresh if before is None or _news(before, fresh, own) else before
        rows.append(row)
        period = period_at(budget, until)
        ends = [one.ended for one in own if one.ended > row.until]
        ends += [row.until + STEP] if ends else []
        again = min([again, period.end if period else math.inf, *ends])
    return Settlement(tuple(rows), max(again + IN_FLIGHT, now) + 1)


def _news(stored: Charged, fresh: Charged, stints: Iterable[Stint]) -> bool:
    """Say whether what is charged now is to be stored in the place of what is stored."""
    if stored.since != fresh.since or fresh.until < stored.until:
        return True
    if any(stored.until < one.ended <= fresh.until for one in stints):
        return True
    return fresh.until - stored.until >= STEP and fresh.used > stored.used
