"""What queues have booked, at any instant: their guarantees as bookings raise them, and how much that is.

While no queue has a calendar, nothing here costs more than a look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from crosstree.core.calendar import Booking, in_force, turn
from crosstree.core.fairshare import guarantees_of, rates_of
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.queuetree import QueueTree, tree_of


def effective(queues: tuple[QueueSpec, ...], now: float) -> tuple[QueueSpec, ...]:
    """Return the queues with what is guaranteed to them at an instant, bookings included.

    A booking in force raises what its queue is guaranteed of its model to at least its number, as far as a limit of the
    queue for that model allows. The same object where nothing is booked then.
    """
    raised = {queue.name: models for queue in queues if queue.calendar and (models := booked_by(queue, now))}
    if not raised:
        return queues
    return tuple(_raised(queue, raised[queue.name]) if queue.name in raised else queue for queue in queues)


def booked_by(queue: QueueSpec, now: float) -> dict[str, int]:
    """Return what bookings of one queue that are in force guarantee to it, by model: the largest of each model."""
    found: dict[str, int] = {}
    for one in queue.calendar:
        if in_force(one, now):
            found[one.model] = max(found.get(one.model, 0), allowed(queue, one))
    return found


def allowed(queue: QueueSpec, booking: Booking) -> int:
    """Return how much of a booking the limit of its queue for that model allows."""
    limits = (quota.limit for quota in queue.quotas if quota.model == booking.model)
    return min((booking.accelerators, *(limit for limit in limits if limit is not None)))


def bookings(tree: QueueTree) -> list[tuple[str, Booking]]:
    """Return all bookings with the names of their queues, in order of both; none of those below a wrong parent."""
    return [
        (name, one)
        for name, queue in tree.specs.items()
        if name not in tree.faults
        for one in sorted(queue.calendar, key=lambda one: one.name)
    ]


def next_turn(queues: Iterable[QueueSpec], now: float) -> float | None:
    """Return when the next booking comes into force or ceases to be, later than now; None for never."""
    turns = (turn(one, now) for queue in queues for one in queue.calendar)
    return min((at for at in turns if at is not None), default=None)


def promised(queues: tuple[QueueSpec, ...], model: str, at: float) -> tuple[int, int]:
    """Return how much of a model all queues have booked at an instant, and how much is guaranteed in all with that.

    What is guaranteed over all models together is left out: it can be had of another model.
    """
    tree = tree_of(effective(queues, at))
    guarantees = guarantees_of(tree, rates_of(tree))
    roots = (name for name in tree.specs if not tree.parents[name])
    return outstanding(claims(tree, model, at), {}, ()), sum(
        guarantees[name].models.get(model, 0) for name in roots
    )


@dataclass(frozen=True, slots=True)
class Claims:
    """Bookings of one model that are in force at one instant.

    Attributes:
        counts: Accelerators by queue.
        order: The queues, each after those below it, with the next one above that has booked as well; empty for none.
    """

    counts: Mapping[str, int]
    order: tuple[tuple[str, str], ...]


def claims(tree: QueueTree, model: str, at: float) -> Claims:
    """Return who has booked how much of a model at an instant; queues below a wrong parent have nothing."""
    return claims_of(
        tree,
        {
            name: count
            for name, queue in tree.specs.items()
            if queue.calendar and name not in tree.faults and (count := booked_by(queue, at).get(model, 0))
        },
    )


def claims_of(tree: QueueTree, counts: Mapping[str, int]) -> Claims:
    """Return the claims of queues that have booked so much."""
    chains = {name: tree.chain(name) for name in counts}
    return Claims(
        counts,
        tuple(
            (name, next((above for above in chains[name][1:] if above in counts), ""))
            for name in sorted(counts, key=lambda name: (-len(chains[name]), name))
        ),
    )


def outstanding(claimed: Claims, held: Mapping[str, int], own: Sequence[str]) -> int:
    """Return how many accelerators bookings may yet ask for beyond what their queues hold.

    Args:
        claimed: The bookings.
        held: What those queues hold, with all below them.
        own: Queues whose own bookings do not count: for whom it is asked, and those above.
    """
    inner: dict[str, int] = {}
    for name, above in claimed.order:
        below = inner.pop(name, 0)
        mine = 0 if name in own else claimed.counts[name] - held.get(name, 0)
        inner[above] = inner.get(above, 0) + max(mine, below, 0)
    return inner.get("", 0)


def _raised(queue: QueueSpec, models: dict[str, int]) -> QueueSpec:
    quotas = {quota.model: quota for quota in queue.quotas}
    for model, count in models.items():
        known = quotas.get(model, Quota(model))
        quotas[model] = replace(known, guaranteed=max(known.guaranteed, count))
    return replace(queue, quotas=tuple(quotas[model] for model in sorted(quotas)))
