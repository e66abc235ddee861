"""Where handlers take what they heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

GONE = "DELETED"
"""Type of the event after which an object is no more; every other type shows it as it is now."""


class Intake(Protocol):
    """Remembers objects of our kinds as they are; raw as the API server sends them."""

    def put(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Remember an object as it is now."""
        ...

    def drop(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Forget an object that is gone."""
        ...

    def listed(self) -> None:
        """Take note that an object comes from a list: kopf began anew, and what was deleted meanwhile it won't tell."""
        ...


def hear(intake: Intake, kind: str, event: Mapping[str, Any]) -> None:
    """Hand one watch event on; one without a type is an item of a list."""
    if event["type"] is None:
        intake.listed()
    take = intake.drop if event["type"] == GONE else intake.put
    take(kind, event["object"])
