"""Status of an object of ours that can't be understood, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crosstree.status.conditions import Condition, Reason, Type, merge


def build(observed: Mapping[str, Any], message: str, *, generation: int, now: float) -> dict[str, Any]:
    """Return the part of the status that says why; numbers stay as stored, being the last that were known.

    Args:
        observed: The status as stored.
        message: Names object, field, what was found and the way out.
        generation: `metadata.generation` of the object.
        now: Seconds since the epoch.
    """
    condition = Condition.false(Type.READY, Reason.INVALID_SPEC, message)
    return {
        "observedGeneration": generation,
        "conditions": merge(observed.get("conditions", ()), [condition], generation=generation, now=now),
    }
