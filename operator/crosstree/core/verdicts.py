"""What every gang that does not start is told, in the order of the line; gangs alike share the work and the words.

Which sentence it is: room is being made for it, it waits by choice, another queue has booked the nodes or somebody
before it has them, a quota is in the way, or there is no room. The sentences are made in `explain` and the modules of
the other subjects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

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
from crosstree.core.tried import Shape
from crosstree.core.workload import Gang


def verdicts(refused: Iterable[Refused], desk: Desk) -> list[Wait]:
    """Explain each gang that does not start; gangs of one shape share the work and the words.

    Those that nothing that comes free would let start stand in no line: who is behind them moves up.
    """
    if not desk.policy.sentences:
        return [brief(one) for one in refused]
    known: dict[tuple[Shape, str, str], Wait] = {}
    counted: dict[Shape, Wait] = {}

    def by_room(gang: Gang) -> Wait:  # no reservation changes what is counted: many queues ask the same
        shape = desk.shapes.of(gang)
        if shape not in counted:
            counted[shape] = verdict(gang, desk.trial, desk.policy, Effort.COUNTS)
        return counted[shape]

    times, bookings = TimeWords(desk), BookingWords(desk)
    budgets, quotas = BudgetWords(desk, by_room), QuotaWords(desk, by_room)
    result: list[Wait] = []
    barred: dict[str, int] = {}
    for one in refused:
        gang, position = one.gang, one.position - barred.get(one.gang.queue, 0)
        if one.promise is not None:
            result.append(promised(gang, one.promise, position, desk))
            continue
        if one.overdraft is not None:
            found: Wait | None = budgets.verdict(gang, one.overdraft)
        elif one.better is not None:
            found = by_choice(gang, one.better)
        else:
            found = bookings.kept_away(one) or times.held_off(one)
        if found is None:
            # Quotas are told of in the words of one namespace: it may know the names of its own jobs only.
            bars = quotas.bars(gang)
            told = (gang.queue, gang.key.partition("/")[0]) if bars else ("", "")
            same = (desk.shapes.of(gang), *told)
            if same not in known:
                thorough = Effort.FULL if len(known) < desk.policy.explained_in_full else Effort.COUNTS
                with desk.horizon.as_of(one.ahead):
                    made = (
                        quotas.verdict(gang, bars)
                        if bars
                        else verdict(gang, desk.trial, desk.policy, thorough)
                    )
                known[same] = replace(made, message=bounded(made.message, desk.policy))
            found = known[same]
        if found.reason.barred:
            barred[gang.queue] = barred.get(gang.queue, 0) + 1
            result.append(replace(found, key=gang.key, uid=gang.uid, had=gang.promise))
            continue
        forecast = one.reservation.forecast if one.reservation is not None else one.forecast
        result.append(
            Wait(
                gang.key,
                gang.uid,
                found.reason,
                times.with_time(found.message, one),
                position=position,
                forecast=forecast,
                had=gang.promise,
            )
        )
    return result


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
