"""Elastic gangs that run: which of them grow into what nobody waits for."""

from __future__ import annotations

from crosstree.core.desk import Desk
from crosstree.core.plan import Resize


def growth(desk: Desk) -> tuple[Resize, ...]:
    """Return the running elastic gangs that should start again larger, and book what they would get."""
    return ()
