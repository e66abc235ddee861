"""Why a budget keeps a gang from starting, in words: whose, how much of it is used, and when the next period begins.

Amounts are told to a hundredth of the budget, rounded down, so that the words stay while little changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from crosstree.base.moments import moment
from crosstree.core.alike import Shape, shape_of
from crosstree.core.budgets import HOUR
from crosstree.core.desk import Desk
from crosstree.core.explain import bounded
from crosstree.core.explain_quota import HOPELESS
from crosstree.core.plan import Wait, WaitReason
from crosstree.core.purse import Overdraft, by_own_word
from crosstree.core.queues import ANY_MODEL
from crosstree.core.workload import Gang

_STEPS = 100
"""Parts of a budget that amounts are told in."""


class BudgetWords:
    """Tells about budgets as they stood when each gang had its turn.

    Args:
        desk: The cycle's.
        by_room: Explains why a gang finds no room.
    """

    def __init__(self, desk: Desk, by_room: Callable[[Gang], Wait]) -> None:
        self._desk = desk
        self._by_room = by_room
        self._hopeless: dict[Shape, Wait | None] = {}

    def verdict(self, gang: Gang, overdraft: Overdraft) -> Wait:
        """Explain a gang that budgets keep from all of its models; one that would never fit is told that."""
        shape = shape_of(gang)
        if shape not in self._hopeless:
            found = self._by_room(gang)
            self._hopeless[shape] = found if found.reason in HOPELESS else None
        hopeless = self._hopeless[shape]
        if hopeless is not None:
            return hopeless
        message = bounded(sentence(gang, overdraft), self._desk.policy)
        return Wait(gang.key, gang.uid, WaitReason.BUDGET_EXHAUSTED, message)


def sentence(gang: Gang, overdraft: Overdraft) -> str:
    """Say whose budget has too little left, how much was used, and what would help."""
    whose = overdraft.queue if overdraft.queue == gang.queue else f"{overdraft.queue} above {gang.queue}"
    kind = "all models together" if overdraft.model == ANY_MODEL else overdraft.model
    used = _coarse(overdraft.used, overdraft.seconds)
    text = (
        f"JobQueue {whose} has used {used} of its {_hours(overdraft.seconds)} accelerator-hours of {kind} "
        f"since {moment(overdraft.period.start)}"
    )
    if overdraft.used < overdraft.seconds and overdraft.due > 0:
        due = _coarse(overdraft.due, overdraft.seconds)
        text += f", and jobs that run or are about to are expected to use {due} more"
    if overdraft.asked is not None:
        text += f"; this job is expected to use {_hours(overdraft.asked)}{_by_whose_word(gang)}"
    return f"{text}. {_way_out(overdraft)}"


def _by_whose_word(gang: Gang) -> str:
    """Say where what it is expected to use is what it declares, and where its like would make that less."""
    if gang.expected is None or not by_own_word(gang.expected):
        return ""
    if gang.expected.percent_of_declared == 100:
        return " by the duration it declares"
    return " by the duration it declares, though jobs like it run shorter"


def _way_out(overdraft: Overdraft) -> str:
    raised = f"have spec.budgets of JobQueue {overdraft.queue} raised"
    if overdraft.asked is not None and overdraft.asked > overdraft.seconds:
        return f"That is more than the whole budget: ask for fewer accelerators or less time, or {raised}."
    if math.isinf(overdraft.period.end):
        return f"There is no next period: {raised}."
    begins = f"The next period begins {moment(overdraft.period.end)}"
    if overdraft.opens is None:
        return f"{begins}, but what is expected to run then leaves too little of it: {raised}."
    return f"{begins}; to start before, {raised}."


def _coarse(amount: float, whole: float) -> str:
    step = whole / _STEPS
    parts = amount / step if step > 0 else math.inf
    return _hours(math.floor(parts) * step if math.isfinite(parts) else amount)


def _hours(seconds: float) -> str:
    """Write accelerator-hours: to three digits, or whole ones."""
    hours = seconds / HOUR
    return f"{hours:.3g}" if hours < _STEPS else f"{hours:.0f}"
