"""What simulated jobs use of the budgets of their queues: the tab of its snapshots, without any status to read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from crosstree.core.budgets import NO_TAB, Charged, Stint, Tab, charge
from crosstree.core.fairshare import rates_of
from crosstree.core.queues import QueueSpec
from crosstree.core.queuetree import tree_of
from crosstree.core.running import Running

_SETTLED = 64
"""Stints that have ended and are kept at most before they are charged."""


class Bill:
    """What has been charged, and what is to be.

    Args:
        queues: JobQueues.
        tab: How it begins; all of it is charged up to `now`.
        running: Gangs that run then: what they go on using is known of them, not of the tab.
        now: Seconds since the epoch.
    """

    def __init__(
        self,
        queues: Iterable[QueueSpec] = (),
        tab: Tab = NO_TAB,
        running: Iterable[Running] = (),
        now: float = 0.0,
    ) -> None:
        self._queues = tuple(queues)
        self._charged = {(one.queue, one.model): one for one in tab.charged}
        self._stints = list(tab.stints)
        self._elsewhere: list[Stint] = []
        if not self._idle:
            here = Counter((one.gang.queue, one.model, int(one.began)) for one in running)
            self._settle(now)
            for one in tab.stints:
                key = (one.queue, one.model, int(one.began))
                if math.isinf(one.ended) and here[key] <= 0:
                    self._elsewhere.append(replace(one, began=max(one.began, now)))
                here[key] -= 1

    def set_queues(self, queues: Iterable[QueueSpec]) -> None:
        """Replace the queues; what was charged to one of the same name stays."""
        self._queues = tuple(queues)

    def ended(self, one: Running, now: float) -> None:
        """Take note that a gang has left its nodes."""
        if self._idle or not one.devices:
            return
        self._stints.append(Stint(one.gang.queue, one.model, one.devices, one.began, now))

    def tab(self, running: Iterable[Running], now: float) -> Tab:
        """Return the tab as it stands."""
        if self._idle:
            return NO_TAB
        goes_on = [Stint(one.gang.queue, one.model, one.devices, one.began) for one in running if one.devices]
        if len(self._stints) > _SETTLED:
            self._settle(now, goes_on)
        return Tab(tuple(self._charged.values()), (*self._elsewhere, *self._stints, *goes_on))

    @property
    def _idle(self) -> bool:
        return not any(one.budgets for one in self._queues)

    def _settle(self, now: float, goes_on: Iterable[Stint] = ()) -> None:
        """Charge everything up to now, and forget what has ended."""
        tree = tree_of(self._queues)
        rates, stints = rates_of(tree), [*self._elsewhere, *self._stints, *goes_on]
        chains = {name: tree.chain(name) for name in {one.queue for one in stints}}
        found: dict[tuple[str, str], Charged] = {}
        for spec in self._queues:
            own = [one for one in stints if spec.name in chains[one.queue]]
            for budget in spec.budgets:
                key = (spec.name, budget.model)
                row = charge(budget, spec.name, self._charged.get(key), own, rates[spec.name], now)
                if row is not None:
                    found[key] = row
        self._charged = found
        self._stints = []
