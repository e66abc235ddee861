"""What a JobQueue has learned of durations, in its status: how long jobs ran, and in percent of what they declared."""

from __future__ import annotations

from typing import Any

from crosstree.base.clock import to_rfc3339
from crosstree.core.durations import Lesson


def row(one: Lesson) -> dict[str, Any]:
    """Return one entry of `durations`; `translate.stored` reads it back."""
    told: dict[str, Any] = {
        "pattern": one.pattern,
        "accelerators": one.size,
        "count": one.count,
        "recentSeconds": [*one.recent],
        "lastAt": to_rfc3339(one.at),
    }
    if one.percent_of_declared:
        told["percentOfDeclared"] = [*one.percent_of_declared]
    return told
