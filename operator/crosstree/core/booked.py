"""What queues have booked, at any instant: their guarantees as bookings raise them, and how much that is.

While no queue has a calendar, nothing here costs more than a look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from crosstree.core.book import UNLIMITED, Book
from crosstree.core.calendar import Booking, in_force, turn
from crosstree.core.fairshare import NOTHING
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.queuetree import QueueTree


def effective(queues: tuple[QueueSpec, ...], now: float) -> tuple[QueueSpec, ...]:
    """Return the queues with what is guaranteed to them at an instant, bookings included.

    A booking in force raises what its queue is guaranteed of its model to at least its number, as far as limits allow
    (`most`). The same object where nothing is booked then.
    """
    booked = [queue for queue in queues if queue.calendar]
    specs = {queue.name: queue for queue in queues} if booked else {}
    return raised(queues, {queue.name: booked_by(queue, now, specs) for queue in booked})


def raised(queues: tuple[QueueSpec, ...], booked: Mapping[str, Mapping[str, int]]) -> tuple[QueueSpec, ...]:
    """Return the queues, guarantees raised to what is booked by queue and model; the same object if nothing is."""
    if not any(booked.values()):
        return queues
    return tuple(_raised(queue, booked[queue.name]) if booked.get(queue.name) else queue for queue in queues)


def booked_by(queue: QueueSpec, now: float, specs: Mapping[str, QueueSpec]) -> dict[str, int]:
    """Return what bookings of one queue that are in force guarantee to it, by model: the largest of each model.

    Args:
        queue: The queue.
        now: Seconds since the epoch.
        specs: All queues by name, for the limits of those above it.
    """
    found: dict[str, int] = {}
    for one in queue.calendar:
        if in_force(one, now):
            found[one.model] = max(found.get(one.model, 0), one.accelerators)
    return {model: min(count, most(queue, model, specs)) for model, count in found.items()}


def most(queue: QueueSpec, model: str, specs: Mapping[str, QueueSpec]) -> int:
    """Return how many accelerators of a model the limits of a queue and those above allow if nothing else is held.

    A booking of more guarantees no more, and nothing is kept free for what may never be taken. `UNLIMITED` without any.
    """
    chain = [queue]
    while (above := specs.get(chain[-1].parent)) is not None and above not in chain:
        chain.append(above)
    rate, least = 1.0, UNLIMITED
    for spec in reversed(chain):
        rate = next((each for named, each in spec.rates if named == model), rate)
        if spec.quotas:
            least = min(least, Book(spec, NOTHING, {model: rate}).room(model))
    return least


def allowed(queue: QueueSpec, booking: Booking, specs: Mapping[str, QueueSpec]) -> int:
    """Return how much of a booking the limits of its queue and of those above allow."""
    return min(booking.accelerators, most(queue, booking.model, specs))


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
            if queue.calendar
            and name not in tree.faults
            and (count := booked_by(queue, at, tree.specs).get(model, 0))
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


def _raised(queue: QueueSpec, models: Mapping[str, int]) -> QueueSpec:
    quotas = {quota.model: quota for quota in queue.quotas}
    for model, count in models.items():
        known = quotas.get(model, Quota(model))
        quotas[model] = replace(known, guaranteed=max(known.guaranteed, count))
    return replace(queue, quotas=tuple(quotas[model] for model in sorted(quotas)))
