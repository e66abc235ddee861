"""Queue trees and what they hold: `a_queue("team-a", guaranteed=64)`, `holding("team-a", 32)`, `the_books(...)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.quota import Accounts
from crosstree.core.running import Running
from tests.support.builders.core import H100, a_gang


def a_queue(
    name: str,
    parent: str = "",
    *,
    weight: float = 1.0,
    model: str = H100,
    guaranteed: int = 0,
    limit: int | None = None,
    also: Iterable[Quota] = (),
    rates: Mapping[str, float] | None = None,
) -> QueueSpec:
    """Describe a queue with a quota for one model, and others if given."""
    quotas = (Quota(model, guaranteed, limit),) if guaranteed or limit is not None else ()
    return QueueSpec(name, parent, weight, (*quotas, *also), tuple(sorted((rates or {}).items())))


def holding(queue: str, devices: int, model: str = H100, **changes: object) -> Running:
    """Describe a gang of one worker that holds so many accelerators."""
    gang = a_gang(1, devices, name=f"{queue}-{model}-{devices}", queue=queue, **changes)  # type: ignore[arg-type]
    rows, counts = np.array([0], np.int32), np.array([1], np.int64)
    return Running(gang, "pool", model, rows, counts, 0.0, 0.0, 0.0)


def the_books(
    *queues: QueueSpec, held: Iterable[Running] = (), capacity: int = 1000, **more: int
) -> Accounts:
    """Open the accounts over a cluster of so many H100, and accelerators of other models."""
    return Accounts(queues, held, {H100: capacity, **more})


def covered(books: Accounts, queue: str, devices: int, model: str = H100) -> bool:
    """Say whether a root queue is guaranteed so many more accelerators of a model."""
    return books.rank(queue, (model,), devices)[0] == 0


def owed(books: Accounts, owner: str, borrower: str, devices: int, model: str = H100) -> int:
    """Count how many accelerators a queue gives back to one that wants `devices`, one by one, until it owes none."""
    mark, given = books.checkpoint(), 0
    while borrower in books.owing(owner, model, devices):
        books.take(borrower, model, -1, 0)
        given += 1
    books.rollback(mark)
    return given


def borrowed(books: Accounts, queue: str, model: str = H100) -> int:
    """Return what a queue itself holds of a model above its guarantee, and above those of all queues over it."""
    chain = [{row.model: row.borrowed for row in books.usage(name)} for name in books.chain(queue)]
    return min(books.held(queue, model), *(rows[model] for rows in chain))
