"""When enough of what is held under a limit will have been given back for a gang that the limit keeps waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from crosstree.core.candidates import wanted
from crosstree.core.plan import Forecast
from crosstree.core.quota import Accounts
from crosstree.core.sizes import smallest_devices
from crosstree.core.snapshot import Pool
from crosstree.core.timeline import Leaver, Timeline
from crosstree.core.workload import Gang


class Expiry:
    """Looks ahead in the accounts of one cycle; every look is undone."""

    def __init__(self, accounts: Accounts, timeline: Timeline, pools: Sequence[Pool]) -> None:
        self._accounts = accounts
        self._timeline = timeline
        self._pools = pools
        self._models = {pool.name: pool.profile.id for pool in pools}
        self._known: dict[tuple[str, tuple[str, ...], int], Forecast | None] = {}

    def earliest(self, gang: Gang) -> Forecast | None:
        """Return when the first of the models that the gang takes is within the limits of its queue; None if never.

        Only what runs now is looked at: of what will be given back, others may take first. O(running), once for gangs
        of one queue, size and models.
        """
        models = tuple(sorted({one.profile.id for one in self._pools if wanted(gang, one)}))
        devices = smallest_devices(gang)
        key = (gang.queue, models, devices)
        if key not in self._known:
            found = [self._on(gang.queue, model, devices) for model in models]
            self._known[key] = min(
                (one for one in found if one is not None), key=lambda one: one.start, default=None
            )
        return self._known[key]

    def _on(self, queue: str, model: str, devices: int) -> Forecast | None:
        accounts = self._accounts
        mark = accounts.checkpoint()
        try:
            sure, excess = 1.0, accounts.excess(queue, model, devices)
            for leaver in self._leaving.get(accounts.chain(queue)[-1], ()):
                if excess is None:
                    return None
                held = int(leaver.counts.sum()) * leaver.gang.devices
                accounts.take(leaver.gang.queue, self._models.get(leaver.pool, ""), -held)
                if excess.queue not in accounts.chain(leaver.gang.queue):
                    continue
                sure = min(sure, leaver.confidence)
                excess = accounts.excess(queue, model, devices)
                if excess is None:
                    return Forecast(leaver.ends, sure)
            return None
        finally:
            accounts.rollback(mark)

    @cached_property
    def _leaving(self) -> Mapping[str, Sequence[Leaver]]:
        """Those that leave, in that order, by the topmost queue: they share a page with whoever is below it as well."""
        found: dict[str, list[Leaver]] = {}
        for one in self._timeline.running.leavers:
            found.setdefault(self._accounts.chain(one.gang.queue)[-1], []).append(one)
        return found
