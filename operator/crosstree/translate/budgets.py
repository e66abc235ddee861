"""Budgets of a JobQueue as the domain has them."""

from __future__ import annotations

from collections.abc import Iterable

from crosstree.api.v1alpha1.budgets import Budget as BudgetSpec
from crosstree.base import duration
from crosstree.base.clock import from_rfc3339
from crosstree.core.budgets import HOUR
from crosstree.core.queues import Budget


def budgets(wire: Iterable[BudgetSpec], created: float) -> tuple[Budget, ...]:
    """Return budgets by model; the first period of one that does not say began when the queue was created."""
    found = (
        Budget(
            one.model,
            one.accelerator_hours * HOUR,
            created if one.start is None else from_rfc3339(one.start),
            None if one.every is None else duration.parse(one.every),
        )
        for one in wire
    )
    return tuple(sorted(found, key=lambda one: one.model))
