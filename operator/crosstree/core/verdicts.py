"""What every gang that does not start is told, in the order of the line; gangs alike share the work and the words.

Which sentence it is: room is being made for it, it waits by choice, another queue has booked the nodes or somebody
before it has them, a quota is in the way, or there is no room. The sentences are made in `explain` and the modules of
the other subjects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from crosstree.core.alike import Shape, shape_of
from crosstree.core.choose_model import Better
from crosstree.core.clearing_words import waits
from crosstree.core.desk import Desk
from crosstree.core.explain import Effort, bounded, size_of, verdict
from crosstree.core.explain_booking import BookingWords
from crosstree.core.explain_budget import BudgetWords
from crosstree.core.explain_quota import QuotaWords
from crosstree.core.explain_time import TimeWords
from crosstree.core.plan import Promise, Wait, WaitReason
from crosstree.core.refused import Refused
from crosstree.core.workload import Gang


def verdicts(refused: Iterable[Refused], desk: Desk) -> list[Wait]:
    """Explain each gang that does not start; gangs of one shape share the work and the words.

    Those that nothing that comes free would let start stand in no line: who is behind them moves up.
    """
    if not desk.policy.sentences:
        return [brief(one) for one in refused]
    words = _Words(desk)
    result: list[Wait] = []
    barred: dict[str, int] = {}
    for one in refused:
        gang = one.gang
        position = one.position - barred.get(gang.queue, 0)
        if one.promise is not None:
            result.append(promised(gang, one.promise, position, desk))
            continue
        found = words.of(one)
        if found.reason.barred:
            barred[gang.queue] = barred.get(gang.queue, 0) + 1
            result.append(replace(found, key=gang.key, uid=gang.uid, had=gang.promise))
            continue
        forecast = one.reservation.forecast if one.reservation is not None else one.forecast
        message = found.message if forecast is None else words.times.with_time(found.message, one)
        result.append(Wait(gang.key, gang.uid, found.reason, message, position, forecast, had=gang.promise))
    return result


class _Words:
    """Why gangs wait, in one sentence each, without when they are expected to start."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.times = TimeWords(desk)
        self._bookings = BookingWords(desk)
        self._budgets, self._quotas = BudgetWords(desk, self._by_room), QuotaWords(desk, self._by_room)
        self._known: dict[tuple[Shape, str, str], Wait] = {}
        self._counted: dict[Shape, Wait] = {}
        self._again: dict[tuple[int, str], Wait] = {}
        """By identity of the turn that answers for others, and namespace."""

    def of(self, one: Refused) -> Wait:
        """Return why; whose it is, and when it is expected to start, are to be filled in."""
        if one.again is None:
            return self._of(one)
        key = (id(one.again), one.gang.namespace)  # those refused keep it alive
        found = self._again.get(key)
        if found is None:
            found = self._again[key] = self._of(one)
        return found

    def _of(self, one: Refused) -> Wait:
        gang = one.gang
        if one.overdraft is not None:
            return self._budgets.verdict(gang, one.overdraft)
        if one.better is not None:
            return by_choice(gang, one.better)
        return self._bookings.kept_away(one) or self.times.held_off(one) or self._short_of(one)

    def _short_of(self, one: Refused) -> Wait:
        """Say what there is too little of: quota, or room. Gangs of one shape share the sentence."""
        desk, gang = self._desk, one.gang
        # Quotas are told of in the words of one namespace: it may know the names of its own jobs only.
        bars = self._quotas.bars(gang)
        told = (gang.queue, gang.namespace) if bars else ("", "")
        same = (shape_of(gang), *told)
        if same not in self._known:
            thorough = Effort.FULL if len(self._known) < desk.policy.explained_in_full else Effort.COUNTS
            with desk.horizon.as_of(one.ahead):
                made = (
                    self._quotas.verdict(gang, bars)
                    if bars
                    else verdict(gang, desk.trial, desk.policy, thorough)
                )
            self._known[same] = replace(made, message=bounded(made.message, desk.policy))
        return self._known[same]

    def _by_room(self, gang: Gang) -> Wait:
        """Say why there is no room. No reservation changes what is counted: many queues ask the same."""
        shape = shape_of(gang)
        if shape not in self._counted:
            self._counted[shape] = verdict(gang, self._desk.trial, self._desk.policy, Effort.COUNTS)
        return self._counted[shape]


def promised(gang: Gang, promise: Promise, position: int, desk: Desk) -> Wait:
    """Say who makes room for a gang, and where."""
    return Wait(
        gang.key,
        gang.uid,
        WaitReason.WAITING_FOR_PREEMPTION,
        bounded(waits(gang, promise, desk.snapshot.pools), desk.policy),
        position=position,
        promise=promise,
        had=gang.promise,
    )


def by_choice(gang: Gang, worth: Better) -> Wait:
    """Say that a gang waits of its own choice, and for what."""
    text = (
        f"{size_of(gang)} of {gang.devices} {worth.instead} could start now, but {worth.model} is faster and "
        f"expected to finish sooner, the wait included. Naming {worth.instead} alone in accelerators.models would start"
        " it now."
    )
    return Wait(gang.key, gang.uid, WaitReason.WAITING_FOR_MODEL, text)


def brief(one: Refused) -> Wait:
    """Tell a gang that it waits, without looking into why: O(1)."""
    reason = WaitReason.QUOTA_EXHAUSTED if one.excess is not None else WaitReason.NOT_ENOUGH_FREE
    if one.barred is not None:
        reason = WaitReason.RESERVED_FOR_OTHER
    if one.overdraft is not None:
        reason = WaitReason.BUDGET_EXHAUSTED
    if one.promise is not None:
        reason = WaitReason.WAITING_FOR_PREEMPTION
    forecast = one.reservation.forecast if one.reservation is not None else one.forecast
    return Wait(one.gang.key, one.gang.uid, reason, "", one.position, forecast, one.promise)
