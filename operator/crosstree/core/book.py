"""The page of one queue in the accounts: what it and all queues below it hold, against its limits and guarantees.

Only `quota.Accounts` writes on it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from math import ceil, floor

from crosstree.core.fairshare import (
    NOTHING,
    SLACK,
    Amounts,
    Guarantee,
    Rates,
    dominant_share,
    normalised,
    surplus,
    unnamed,
)
from crosstree.core.queues import ANY_MODEL, QueueSpec

UNLIMITED = 1 << 53
"""Accelerators that no limit stands in the way of: more than there are."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a gang would break.

    Attributes:
        queue: Whose limit; the gang's own queue or one above it.
        model: Of the quota, `queues.ANY_MODEL` for the one over all.
        limit: Accelerators it allows, normalised for the one over all.
        held: What is held under it now.
        asked: What the gang would add.
    """

    queue: str
    model: str
    limit: float
    held: float
    asked: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a queue, with those below it, holds of one model against its quota.

    Attributes:
        model: Profile id; `ANY_MODEL` for the sum over all, normalised and rounded up.
        held: Accelerators.
        guaranteed: Can always be got back.
        borrowed: Held above guarantees.
        limit: Never exceeded; None for no limit.
    """

    model: str
    held: int
    guaranteed: int = 0
    borrowed: int = 0
    limit: int | None = None


class Book:
    """What one queue holds. Every question costs O(models held).

    Args:
        spec: The queue.
        guarantee: What it can always get back.
        rates: Its exchange rates, inherited ones included.

    Attributes:
        held: Accelerators by model.
        jobs: Jobs that hold them, by model.
    """

    __slots__ = (
        "_borrowed",
        "_share",
        "_unnamed",
        "guarantee",
        "held",
        "jobs",
        "limits",
        "name",
        "rates",
        "weight",
    )

    def __init__(self, spec: QueueSpec, guarantee: Guarantee, rates: Rates) -> None:
        self.name = spec.name
        self.weight = spec.weight
        self.limits = {quota.model: quota.limit for quota in spec.quotas if quota.limit is not None}
        self.guarantee = guarantee
        self.rates = rates
        self.held: dict[str, int] = {}
        self.jobs: dict[str, int] = {}
        self._borrowed: dict[str, int] = {}
        self._share: float | None = None
        self._unnamed: float | None = None

    def add(self, model: str, devices: int, jobs: int) -> None:
        """Add what is taken, negative for what is given back."""
        self.held[model] = self.held.get(model, 0) + devices
        self.jobs[model] = self.jobs.get(model, 0) + jobs
        self._share = self._unnamed = None
        self._borrowed = {}

    def copy(self) -> Book:
        """Return a page of its own with what is on this one."""
        other = copy(self)
        other.held, other.jobs = dict(self.held), dict(self.jobs)
        return other

    def covers(self, model: str, devices: int) -> bool:
        """Say whether so many more accelerators of a model are guaranteed. O(1) until something is booked."""
        free = self.guarantee.models.get(model, 0) - self.held.get(model, 0)
        if devices <= free or self.guarantee is NOTHING:
            return devices <= free
        more = self._rate(model) * (devices - max(free, 0))
        return self._beyond_named() + more <= self.guarantee.floating + SLACK

    def borrows(self, model: str) -> int:
        """Return how many accelerators of a model would have to go so that all that is left of it is guaranteed.

        O(1) until something is booked.
        """
        known = self._borrowed.get(model)
        if known is None:
            above = self.held.get(model, 0) - self.guarantee.models.get(model, 0)
            known = min(above, ceil(self._surplus() / self._rate(model) - SLACK)) if above > 0 else 0
            self._borrowed[model] = known
        return known

    def room(self, model: str) -> int:
        """Return how many more of a model its limits allow: `UNLIMITED` without any, negative where one is exceeded."""
        room = UNLIMITED
        if (limit := self.limits.get(model)) is not None:
            room = limit - self.held.get(model, 0)
        if (limit := self.limits.get(ANY_MODEL)) is not None:
            free = limit - normalised(self.held, self.rates)
            room = min(room, floor(free / self._rate(model) + SLACK))
        return room

    def excess(self, model: str, devices: int) -> Excess | None:
        """Return the limit that so many more would break; None if none does."""
        if not self.limits or self.room(model) >= devices:
            return None
        limit, held = self.limits.get(model), self.held.get(model, 0)
        if limit is not None and held + devices > limit:
            return Excess(self.name, model, limit, held, devices)
        total = normalised(self.held, self.rates)
        return Excess(self.name, ANY_MODEL, self.limits[ANY_MODEL], total, devices * self._rate(model))

    def share(self, capacity: Amounts) -> float:
        """Return what is held above guarantees as a part of the cluster, by weight."""
        if self._share is None:
            part = dominant_share(self.held, self.guarantee, self.rates, capacity, self._surplus())
            self._share = part / self.weight
        return self._share

    def usage(self) -> tuple[Usage, ...]:
        """Return a row per model that is held or has a quota, by name; first the sum over all, if that has one."""
        models = {model for model, count in self.held.items() if count} | {
            *self.limits,
            *self.guarantee.models,
        }
        rows = [
            Usage(
                model,
                self.held.get(model, 0),
                self.guarantee.models.get(model, 0),
                self.borrows(model),
                self.limits.get(model),
            )
            for model in sorted(models - {ANY_MODEL})
        ]
        if self.guarantee.floating or ANY_MODEL in self.limits:
            rows.insert(0, self._over_all())
        return tuple(rows)

    def _over_all(self) -> Usage:
        guaranteed = self.guarantee.floating + normalised(self.guarantee.models, self.rates)
        return Usage(
            ANY_MODEL,
            _up(normalised(self.held, self.rates)),
            _up(guaranteed),
            _up(self._surplus()),
            self.limits.get(ANY_MODEL),
        )

    def _beyond_named(self) -> float:
        if self._unnamed is None:
            self._unnamed = unnamed(self.held, self.guarantee, self.rates)
        return self._unnamed

    def _surplus(self) -> float:
        return surplus(self._beyond_named(), self.guarantee)

    def _rate(self, model: str) -> float:
        return self.rates.get(model, 1.0)


def _up(amount: float) -> int:
    return -floor(-amount + SLACK)
