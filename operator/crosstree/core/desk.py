"""Everything one cycle writes on while it decides: free nodes, accounts of the queues, and the future.

Only `Desk` books: a place taken counts on all three or on none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

import numpy as np

from crosstree.core.alike import Asking
from crosstree.core.booked import effective
from crosstree.core.candidates import wanted
from crosstree.core.capacity import Trial
from crosstree.core.clearing import Clearing
from crosstree.core.expiry import Expiry
from crosstree.core.fence import Bar, Fence, fence_of
from crosstree.core.horizon import Horizon, Reservation
from crosstree.core.manners import Backfill
from crosstree.core.patience import put_off_too_often
from crosstree.core.plan import Forecast, Place
from crosstree.core.policy import Policy
from crosstree.core.purse import Overdraft, Purse
from crosstree.core.quota import Accounts, Answers, Excess
from crosstree.core.reserve import SURE, Search
from crosstree.core.sizes import sizes_of, smallest, smallest_devices, up_to
from crosstree.core.snapshot import NodeState, Snapshot
from crosstree.core.tried import Tried, Vain
from crosstree.core.workload import Gang

UNKEPT = 0.5
"""What confidence is worth in a place that is kept for nobody: others may take it first."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point to roll back to."""

    trial: int
    accounts: int


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """The ledgers of one cycle; made by `open_desk`."""

    snapshot: Snapshot
    policy: Policy
    now: float
    trial: Trial
    accounts: Accounts
    horizon: Horizon
    search: Search
    quotas: Expiry
    purse: Purse
    fence: Fence | None = None
    """What bookings keep others from; None where nothing is booked."""
    clearing: Clearing = field(default_factory=Clearing)
    _tried: Tried = field(default_factory=Tried)
    _due: list[float] = field(default_factory=list)
    vain: dict[Asking, Vain] = field(default_factory=dict)
    """Turns that were in vain, and are for whoever asks for the same."""
    _told: list[int] = field(default_factory=lambda: [0])
    """How many gangs have been told when they start."""
    _limits: dict[tuple[object, ...], tuple[Answers, Excess | None]] = field(default_factory=dict)
    """Answers of `limit` by what it asks of a gang, each with the bookings it holds for."""

    def book(self, gang: Gang, place: Place) -> Place:
        """Take a place that is on the trial already into the accounts as well."""
        devices = place.workers * gang.devices
        self.accounts.take(gang.queue, place.model, devices)
        self.purse.take(gang, place.model, devices)
        return place

    def within_budget(self, gang: Gang) -> Gang | Overdraft:
        """Return a gang as far as budgets let it start: on all its models, or on some; else the budget in its way.

        Of several models that of the one whose budget has room the soonest, of equal ones that it prefers.

        Whoever goes on after a failure, or with another size, has started already.
        """
        if not self.purse or _goes_on(gang):
            return gang
        barred = [(model, self.purse.overdraft(gang, model)) for model in self._models(gang)]
        found = [one for _, one in barred if one is not None]
        for one in found:
            self.note_due(one.again)
        if not found:
            return gang
        left = tuple(model for model, one in barred if one is None)
        return replace(gang, models=left, vendor="") if left else min(found, key=_opening)

    def speak_for_who_goes_on(self) -> None:
        """Let nobody have of a budget what those are going to use who wait to go on, at their full size.

        On the model they had, as far as it is known and there still is any, else on the one they prefer.
        """
        if not self.purse:
            return
        model_of = {pool.name: pool.profile.id for pool in self.snapshot.pools}
        for gang in self.snapshot.gangs:
            if _goes_on(gang) and (models := self._models(gang)):
                had = model_of.get(gang.before.pool) if gang.before is not None else None
                model = had if had in models else models[0]
                self.purse.take(gang, model, gang.workers * gang.devices)

    def limit(self, gang: Gang) -> Excess | None:
        """Return the limit that keeps a gang from starting on any model it takes; None where one is left to it."""
        key = (gang.queue, gang.models, gang.vendor, smallest_devices(gang))
        known = self._limits.get(key)
        if known is None or known[0] is not self.accounts.answers:
            known = self._limits[key] = (self.accounts.answers, self._limit(gang))
        return known[1]

    def _limit(self, gang: Gang) -> Excess | None:
        first: Excess | None = None
        for pool in self.snapshot.pools:
            if not wanted(gang, pool):
                continue
            broken = self.accounts.excess(gang.queue, pool.profile.id, smallest_devices(gang))
            if broken is None:
                return None
            first = first or broken
        return first

    def affords(self, gang: Gang, model: str) -> bool:
        """Say whether the quotas of its queue let a gang start on a model, at its smallest size at least."""
        return self.accounts.excess(gang.queue, model, smallest_devices(gang)) is None

    def affordable(self, gang: Gang, model: str) -> tuple[int, ...]:
        """Return the sizes that the quotas of its queue let a gang have on a model, the largest first."""
        if not gang.sizes or not gang.devices:
            return sizes_of(gang)
        sizes = up_to(gang, self.accounts.room(gang.queue, model) // gang.devices)
        fence = self.fence
        if fence is None:
            return sizes
        return tuple(size for size in sizes if fence.bars(gang, model, size, self.now) is None)

    def opens(self, gang: Gang, model: str) -> bool:
        """Say whether quotas and bookings let a gang start on a model now, at its smallest size at least."""
        return self.affords(gang, model) and self._bar(gang, model) is None

    def barred(self, gang: Gang) -> Bar | None:
        """Return the booking that keeps a gang from starting now on the first model that one keeps it from."""
        if self.fence is None:
            return None
        bars = (self._bar(gang, model) for model in self._models(gang))
        return next((bar for bar in bars if bar is not None), None)

    def opening(self, gang: Gang, found: Reservation | None) -> tuple[str, Forecast] | None:
        """Return the booking that gives a gang its place sooner than the reservation found for it, and when."""
        if self.fence is None:
            return None
        offers = [self.fence.opening(gang, model, smallest(gang)) for model in self._models(gang)]
        name, at = min((one for one in offers if one is not None), key=lambda one: one[1], default=("", inf))
        if at == inf or (found is not None and found.forecast.start <= at):
            return None
        return name, Forecast(at, SURE)

    def _bar(self, gang: Gang, model: str) -> Bar | None:
        if self.fence is None:
            return None
        return self.fence.bars(gang, model, smallest(gang), self.now)

    def _models(self, gang: Gang) -> list[str]:
        """Return the models it takes, in its order of preference, else by name."""
        models = {pool.profile.id for pool in self.snapshot.pools if wanted(gang, pool)}
        return sorted(models, key=lambda one: (gang.models.index(one) if gang.models else 0, one))

    def reserve(self, gang: Gang) -> Reservation | None:
        """Reserve the earliest place for a gang that can't start now, if it is its turn to have a reservation.

        Where its turn does not come, the first few are told all the same when there will be room for them; nothing
        keeps it for them.
        """
        if self.told_all:
            return None
        holds = self.keeps_places
        self._told[0] += 1
        put_off = holds and not self.horizon.reservations and put_off_too_often(gang.told, self.now)
        found = self.search.earliest(gang, partial(self.affords, gang), put_off=put_off)
        if found is None:
            return None
        self.note_due(found.forecast.start)
        if holds:
            self.horizon.hold(found)
            return found
        unkept = Forecast(found.forecast.start, found.forecast.confidence * UNKEPT)
        return replace(found, forecast=unkept)

    @property
    def keeps_places(self) -> bool:
        """Tell whether the next reservation keeps its place, or is only foretold."""
        backfill, most = self.snapshot.manners.backfill, self.policy.reservations
        if backfill is not Backfill.CONSERVATIVE:
            most = 1 if backfill is Backfill.EASY else 0
        return len(self.horizon.reservations) < most

    @property
    def told_all(self) -> bool:
        """Tell whether as many have been told when they start as ever are in a cycle."""
        return self._told[0] >= self.policy.reservations and not self.keeps_places

    def foresee(self, gang: Gang) -> Forecast | None:
        """Say when the limits that keep a gang from starting are expected to leave room for it; None if unknown."""
        if self._told[0] >= self.policy.reservations:
            return None
        self._told[0] += 1
        forecast = self.quotas.earliest(gang)
        if forecast is not None:
            self.note_due(forecast.start)
        return forecast

    def failed(self, gang: Gang) -> bool:
        """Say whether a gang like this one has failed in this cycle: then it fails again."""
        return self._tried.failed(gang)

    def note_failure(self, gang: Gang) -> None:
        """Remember that gangs like this one fail."""
        models = {pool.profile.id for pool in self.snapshot.pools if wanted(gang, pool)}
        limited = not all(self.affords(gang, model) for model in models)
        reserved = bool(self.horizon.reservations) and not self.search.hopeless(gang)
        self._tried.note(gang, limited=limited, reserved=reserved)

    def due(self) -> float | None:
        """Return when time alone may change an answer, seconds since the epoch; None if it can't."""
        return min((at for at in self._due if self.now < at < inf), default=None)

    def note_due(self, at: float) -> None:
        """Say that time alone changes an answer at an instant, seconds since the epoch; one in the past counts not."""
        self._due.append(at)

    def checkpoint(self) -> Mark:
        """Return a mark to roll back to."""
        return Mark(self.trial.checkpoint(), self.accounts.checkpoint())

    def rollback(self, mark: Mark) -> None:
        """Undo everything booked since `mark`."""
        self.trial.rollback(mark.trial)
        self.accounts.rollback(mark.accounts)


def open_desk(snapshot: Snapshot, policy: Policy, now: float) -> Desk:
    """Open the ledgers over a snapshot, which stays as it is."""
    specified = snapshot.queues
    if (queues := effective(specified, now)) is not specified:
        snapshot = replace(snapshot, queues=queues)
    trial = Trial(snapshot)
    accounts = Accounts(snapshot.queues, snapshot.running, capacity_of(snapshot))
    horizon = Horizon(trial, now)
    quotas = Expiry(accounts, horizon.timeline, snapshot.pools)
    fence = fence_of(specified, horizon, snapshot)
    search = Search(horizon, fence)
    purse = Purse(snapshot.queues, snapshot.tab, snapshot.running, accounts, now)
    desk = Desk(snapshot, policy, now, trial, accounts, horizon, search, quotas, purse, fence)
    desk.speak_for_who_goes_on()
    if fence is not None and (turn := fence.turn) is not None:
        desk.note_due(turn)
    return desk


def capacity_of(snapshot: Snapshot) -> dict[str, int]:
    """Count the accelerators of usable nodes by model. O(N)."""
    found: dict[str, int] = {}
    for pool in snapshot.pools:
        usable = snapshot.state[pool.nodes] == NodeState.USABLE
        offered = snapshot.allocatable[pool.nodes, pool.column]
        found[pool.profile.id] = found.get(pool.profile.id, 0) + int(np.where(usable, offered, 0).sum())
    return found


def _goes_on(gang: Gang) -> bool:
    """Say whether it has started already: it goes on after a failure, or with another size."""
    return gang.recovering or gang.before is not None


def _opening(overdraft: Overdraft) -> float:
    return inf if overdraft.opens is None else overdraft.opens
