"""Budgets of a JobQueue: accelerator-hours for a stretch of time, and what has been used of them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from crosstree.api.v1alpha1.common import Duration, Time, Wire
from crosstree.api.v1alpha1.rules import Check, Rule, matches
from crosstree.base import duration
from crosstree.core.queues import ANY_MODEL

_MOST_HOURS = 1_000_000_000_000
"""Sums of hours stay numbers."""

A_MINUTE = r"[1-9][0-9]*[hm]|(^|[hm])0*([6-9][0-9]|[1-9][0-9]{2,6})s"
"""Found in durations of a minute or more."""

_LEAP = "20([02468][048]|[13579][26])-02-29"
_MONTHS = (
    "02-(0[1-9]|1[0-9]|2[0-8])",
    "(0[469]|11)-(0[1-9]|[12][0-9]|30)",
    "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])",
)
_DAY = f"20[0-9]{{2}}-({'|'.join(_MONTHS)})"
_MOMENT = f"^({_DAY}|{_LEAP})T([01][0-9]|2[0-3])(:[0-5][0-9]){{2}}Z$"

BudgetModel = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^([*]|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$",
        f"'{{value}}' is not an accelerator model; write one as nvidia-h100-sxm, or {ANY_MODEL} for all together.",
    ),
]
Hours = Annotated[
    float,
    Field(le=_MOST_HOURS),
    Check(
        "self >= 0.0",
        "{value} is less than nothing; write a number of accelerator-hours, for example 5000 or 0.5.",
        lambda n: n >= 0,
    ),
]
Moment = Annotated[
    str,
    Field(max_length=20),
    matches(
        _MOMENT, "'{value}' is not a time between 2000 and 2099; write it in UTC, as 2026-01-31T00:00:00Z."
    ),
]


RunTime = Annotated[
    str,
    Field(max_length=22),
    Check(
        f"self.matches('[1-9]') && self.matches('{duration.PATTERN}')",
        "'{value}' is no time that a run may last; write it as 30m, 24h or 1h30m.",
        lambda text: (
            re.search("[1-9]", text) is not None and re.fullmatch(duration.PATTERN, text) is not None
        ),
    ),
]


class Budget(Wire):
    """Accelerator-hours that the queue, with all queues below it, may use in a period."""

    model: BudgetModel
    """Accelerator model, or * for all models together, in accelerators times their exchange rates."""
    accelerator_hours: Hours
    """Hours times accelerators in each period. Once they are used, nothing more starts until the next one; what runs
    goes on."""
    start: Moment | None = None
    """When the first period began, or begins: before that, there is no budget. Left out, when the queue was made."""
    every: Duration | None = None
    """Length of a period, for example 720h; the next one begins as it ends, with a budget of its own. Left out, there
    is one budget, once and for all."""

    RULES = (
        Rule(
            holds=f"!has(self.every) || self.every.matches('{A_MINUTE}')",
            says="spec.budgets for {model} begins anew every {every}; give a minute or more, for example 720h, or leave"
            " it out for one budget once and for all.",
            shows={"model": "self.model", "every": "self.every"},
            breaks=lambda b: (
                {"model": b.model, "every": b.every}
                if b.every is not None and not re.search(A_MINUTE, b.every)
                else None
            ),
            path="every",
        ),
    )


class BudgetUse(Wire):
    """What has been used of one budget. It is brought up to date when a run ends, and every ten minutes meanwhile."""

    model: Annotated[str, Field(max_length=63)]
    """Model of the budget."""
    hours: Annotated[float, Field(ge=0)]
    """Accelerator-hours of each period."""
    used_hours: Annotated[float, Field(ge=0)]
    """Accelerator-hours used in this period, up to `until`, rounded to hundredths."""
    used_seconds: Annotated[float, Field(ge=0)]
    """The same exactly, in accelerator-seconds."""
    period_start: Time
    """When this period began."""
    period_end: Time | None = None
    """When the next one begins; absent if there is none."""
    until: Time
    """Up to when everything is counted that jobs held."""
