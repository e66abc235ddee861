"""A snapshot as it would be with another budget: for questions. What was used of it so far stays used."""

from __future__ import annotations

from dataclasses import dataclass, replace

from crosstree.base.errors import SpecError
from crosstree.base.words import listed
from crosstree.core.budgets import HOUR
from crosstree.core.edits import SHOWN, queue_of
from crosstree.core.queues import ANY_MODEL, Budget, QueueSpec
from crosstree.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Funding:
    """A change of one budget.

    Attributes:
        queue: Whose.
        model: Of the budget; empty for the one over all models, else the only one the queue has.
        more: Accelerator-hours to add to those of each period; may be negative.
        hours: What they become; None if they do not become a certain number.
        lifted: There is no such budget any more.
    """

    queue: str
    model: str = ""
    more: float = 0.0
    hours: float | None = None
    lifted: bool = False


def funded(snapshot: Snapshot, funding: Funding) -> Snapshot:
    """Change a budget.

    Raises:
        SpecError: there is no such queue, it has no such budget, or it has several and none is named.
    """
    queue = queue_of(snapshot, funding.queue)
    before = _meant(queue, funding.model)
    others = tuple(one for one in queue.budgets if one is not before)
    if funding.lifted:
        changed = replace(queue, budgets=others)
    else:
        seconds = before.seconds + funding.more * HOUR if funding.hours is None else funding.hours * HOUR
        after = replace(before, seconds=max(seconds, 0.0))
        changed = replace(queue, budgets=tuple(sorted((*others, after), key=lambda one: one.model)))
    return replace(snapshot, queues=tuple(changed if one is queue else one for one in snapshot.queues))


def _meant(queue: QueueSpec, model: str) -> Budget:
    budgets = {one.model: one for one in queue.budgets}
    if not model and (ANY_MODEL in budgets or len(budgets) == 1):
        return budgets.get(ANY_MODEL) or next(iter(budgets.values()))
    if model in budgets:
        return budgets[model]
    if not budgets:
        raise SpecError(f"queue {queue.name} has no budgets, so that there is none to change.")
    names = listed(sorted(budgets), SHOWN)
    if model:
        raise SpecError(f"queue {queue.name} has no budget for {model!r}; it has budgets for {names}.")
    raise SpecError(
        f"queue {queue.name} has budgets for {names}; name one: {queue.name}:{min(budgets)}=budget=+100."
    )
