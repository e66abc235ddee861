"""What the status of a waiting TrainingJob says of its start: fields `queuePosition`, `expectedStart`, `forecast`."""

from __future__ import annotations

from typing import Any

from crosstree.base.clock import to_rfc3339
from crosstree.core.lifecycle import JobFacts
from crosstree.core.lifecycle.foretell import foretell


def fields(facts: JobFacts) -> dict[str, Any]:
    """Return those fields; as stored where that is good enough."""
    told = foretell(facts)
    if told is None:
        return {}
    forecast: dict[str, Any] = {"confidence": told.confidence, "asOf": to_rfc3339(told.as_of)}
    if told.first is not None:
        forecast |= {"first": to_rfc3339(told.first.start), "firstAt": to_rfc3339(told.first.at)}
    document: dict[str, Any] = {"forecast": forecast}
    if told.position:
        document["queuePosition"] = told.position
    if told.start is not None:
        document["expectedStart"] = to_rfc3339(told.start)
    return document
