"""Why quotas keep a gang from starting, in words: whose limit, who holds what is under it, and the way out.

What room would say is asked of `explain`; which of the two is told is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import floor

from crosstree.base.words import listed
from crosstree.core.candidates import candidates, wanted
from crosstree.core.desk import Desk
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.queues import ANY_MODEL
from crosstree.core.quota import Excess
from crosstree.core.sizes import smallest, smallest_devices
from crosstree.core.workload import Gang

SHOWN = 3
"""Jobs of the own namespace named in a message."""

HOPELESS = (
    WaitReason.MODEL_UNAVAILABLE,
    WaitReason.LEVEL_UNKNOWN,
    WaitReason.ILLEGAL_SIZE,
    WaitReason.SHAPE_IMPOSSIBLE,
)
"""Reasons that no quota would change."""

Bars = tuple[tuple[str, Excess], ...]
"""Models that quotas keep a gang from, in its order of preference, and by which limit."""


class QuotaWords:
    """Tells about quotas as they stand at the end of a cycle.

    Args:
        desk: The cycle's.
        by_room: Explains why a gang finds no room on the models it is left with.
    """

    def __init__(self, desk: Desk, by_room: Callable[[Gang], Wait]) -> None:
        self._desk = desk
        self._by_room = by_room
        self._holders: dict[tuple[str, str], dict[str, list[str]]] | None = None
        self._bars: dict[tuple[str, tuple[str, ...], str, int], Bars] = {}

    def bars(self, gang: Gang) -> Bars:
        """Return which models quotas keep a gang from; none where none has a limit. O(pools times depth)."""
        accounts, devices = self._desk.accounts, smallest_devices(gang)
        same = (gang.queue, gang.models, gang.vendor, devices)
        known = self._bars.get(same)
        if known is None:
            models = self._models(gang) if accounts.limited(gang.queue) else ()
            broken = ((model, accounts.excess(gang.queue, model, devices)) for model in models)
            known = self._bars[same] = tuple((model, one) for model, one in broken if one is not None)
        return known

    def verdict(self, gang: Gang, bars: Bars) -> Wait:
        """Explain a gang that quotas keep from some of its models.

        The quota is what matters where it leaves no model, or where a model it bars would hold the gang now;
        elsewhere the room is, and the quota is mentioned.
        """
        barred = {model for model, _ in bars}
        left = tuple(model for model in self._models(gang) if model not in barred)
        now = next((bar for bar in bars if self._fits(gang, bar[0])), None)
        if now is None and left:
            found = self._by_room(replace(gang, models=left, vendor=""))
            return replace(found, message=f"{found.message} {_mentioned(bars)}")
        if now is None and (found := self._by_room(gang)).reason in HOPELESS:
            return found
        message = self._sentence(gang, *(now or bars[0]), fits=now is not None)
        return Wait(gang.key, gang.uid, WaitReason.QUOTA_EXHAUSTED, message)

    def _models(self, gang: Gang) -> list[str]:
        """Return the models a gang takes that are here, in its order of preference, else by name."""
        models = {one.profile.id for one in self._desk.snapshot.pools if wanted(gang, one)}
        return sorted(models, key=lambda one: (gang.models.index(one) if gang.models else 0, one))

    def _fits(self, gang: Gang, model: str) -> bool:
        """Say whether there is room for a gang on a model, if only the quota allowed it."""
        trial, snapshot = self._desk.trial, self._desk.snapshot
        pools = [one for one in snapshot.pools if one.profile.id == model]
        accepted = candidates(gang, pools, trial.free, snapshot.allocatable)[0]
        return any(trial.holds(gang, one.pool, one.need) for one in accepted)

    def _sentence(self, gang: Gang, model: str, excess: Excess, *, fits: bool) -> str:
        """Say what is asked for, whose limit stands in the way, who holds what is under it, and what would help."""
        workers = smallest(gang)
        rate = excess.asked / smallest_devices(gang)
        what = f"{_workers(workers)} of {gang.devices} {model} are {_amount(excess.asked)} accelerators"
        if excess.model == ANY_MODEL and rate != 1:
            what += f" at exchange rate {rate:g}"
        kind = "all models together" if excess.model == ANY_MODEL else "that model"
        whose = excess.queue if excess.queue == gang.queue else f"{excess.queue} above {gang.queue}"
        limit = f"JobQueue {whose} is limited to {_amount(excess.limit)} of {kind}"
        if excess.asked > excess.limit:
            most = floor(excess.limit / rate / gang.devices)
            smaller = f"Ask for at most {_workers(most)}, or have" if most else "Have"
            return f"{what}, and {limit}. {smaller} that limit raised."
        jobs = self._desk.accounts.holders(excess.queue, excess.model)
        held = f"{_amount(excess.held)} are held by {jobs} job{'' if jobs == 1 else 's'}"
        own = self._own(gang, excess)
        return (
            f"{what}; {limit}, of which {held}{own}. "
            f"It starts when they give back {_amount(excess.held + excess.asked - excess.limit)}; "
            f"{self._way_out(gang, excess, rate, fits=fits)}"
        )

    def _way_out(self, gang: Gang, excess: Excess, rate: float, *, fits: bool) -> str:
        most = floor((excess.limit - excess.held) / rate / gang.devices)
        raised = f"a limit of {_amount(excess.held + excess.asked)}"
        helps = f"{raised} would start it now" if fits else f"with {raised} it would wait for room"
        fewer = f", and {_workers(most)} would stay within it" if most > 0 and not gang.sizes else ""
        return f"{helps}{fewer}."

    def _own(self, gang: Gang, excess: Excess) -> str:
        """Name those of the author's namespace among the jobs that hold what is under a limit."""
        names = self._by_limit().get((excess.queue, excess.model), {}).get(gang.namespace, [])
        return f" ({listed(names, SHOWN)} in this namespace)" if names else ""

    def _by_limit(self) -> dict[tuple[str, str], dict[str, list[str]]]:
        """Sort the running jobs by queue and model whose limit they are under, and by namespace; done once."""
        if self._holders is None:
            self._holders = {}
            for one in self._desk.snapshot.running:
                if not one.devices:
                    continue
                namespace, _, name = one.gang.key.partition("/")
                for queue in self._desk.accounts.chain(one.gang.queue):
                    for model in (one.model, ANY_MODEL):
                        of = self._holders.setdefault((queue, model), {})
                        of.setdefault(namespace, []).append(name)
        return self._holders


def _mentioned(bars: Bars) -> str:
    limits = [
        f"{model} (JobQueue {one.queue} holds {_amount(one.held)} of {_amount(one.limit)}"
        f"{' of all models' if one.model == ANY_MODEL else ''})"
        for model, one in bars
    ]
    return f"Its quota is exhausted for {listed(limits, SHOWN)}."


def _amount(count: float) -> str:
    """Write a number of accelerators; normalised ones to a tenth."""
    return f"{round(count, 1):g}" if count < 100_000 else f"{count:.0f}"


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"
