"""Guarantees of a queue tree, and how much of what a queue holds lies above them: pure sums, no books.

A quota over all models (`*`) includes those named beside it: what it guarantees beyond them is floating, and covers
any model. Sums over models are in accelerators times their exchange rates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import fsum

from crosstree.core.queues import ANY_MODEL
from crosstree.core.queuetree import QueueTree

SLACK = 1e-9
"""What sums of rates may differ by without meaning it."""

Amounts = Mapping[str, int]
"""Accelerators by model."""
Rates = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What a queue can always get back.

    Attributes:
        models: Accelerators by model.
        floating: What it may have of any model beyond those, normalised.
    """

    models: Amounts = field(default_factory=dict)
    floating: float = 0.0


NOTHING = Guarantee()


def normalised(amounts: Amounts, rates: Rates) -> float:
    """Add up accelerators of all models, times their rates; in whatever order they come."""
    return fsum([rates.get(model, 1.0) * count for model, count in amounts.items()])


def rates_of(tree: QueueTree) -> dict[str, Rates]:
    """Return the exchange rates of every queue: its own, else those of the queue above it. O(queues)."""
    found: dict[str, Rates] = {}
    for name in _downwards(tree):
        above = found.get(tree.parents[name], {})
        own = tree.specs[name].rates
        found[name] = {**above, **dict(own)} if own else above
    return found


def guarantees_of(tree: QueueTree, rates: Mapping[str, Rates]) -> dict[str, Guarantee]:
    """Return what is guaranteed to every queue: its own quota, or what those below it have together if that is more.

    So a guarantee always holds against the whole tree, whether those above it were told of it or not. Queues below a
    wrong parent have none. O(queues times models).
    """
    models: dict[str, dict[str, int]] = {name: {} for name in tree.specs}
    totals: dict[str, float] = dict.fromkeys(tree.specs, 0.0)
    found: dict[str, Guarantee] = {}
    for name in reversed(list(_downwards(tree))):
        if name in tree.faults:
            found[name] = NOTHING
            continue
        own, total = models[name], totals[name]
        for quota in tree.specs[name].quotas:
            if quota.model == ANY_MODEL:
                total = max(total, float(quota.guaranteed))
            elif quota.guaranteed:
                own[quota.model] = max(own.get(quota.model, 0), quota.guaranteed)
        named = normalised(own, rates[name])
        total = max(total, named)
        found[name] = Guarantee(own, total - named if total - named > SLACK else 0.0) if total else NOTHING
        if above := tree.parents[name]:
            totals[above] += total
            for model, count in own.items():
                models[above][model] = models[above].get(model, 0) + count
    return found


def unnamed(held: Amounts, guarantee: Guarantee, rates: Rates) -> float:
    """Return what is held beyond the guarantees that name a model, normalised: what the floating one may cover."""
    named = guarantee.models
    beyond = [(model, count - named.get(model, 0)) for model, count in held.items()]
    return fsum([rates.get(model, 1.0) * count for model, count in beyond if count > 0])


def surplus(unnamed: float, guarantee: Guarantee) -> float:
    """Return what is held above all guarantees, normalised."""
    above = unnamed - guarantee.floating
    return above if above > SLACK else 0.0


def dominant_share(
    held: Amounts, guarantee: Guarantee, rates: Rates, capacity: Amounts, above: float
) -> float:
    """Return the part of the cluster held above guarantees: of the model of which that part is the largest.

    From 0 to 1. O(models held). Source: Ghodsi et al., Dominant Resource Fairness, NSDI 2011. The part of all models
    added up needs no look: whatever the rates, it lies between those of the models. So rates order nobody here, they
    only say how far a floating guarantee reaches.

    Args:
        held: By the queue and all below it.
        guarantee: Of the queue.
        rates: Exchange rates.
        capacity: Of the cluster.
        above: The `surplus` of what is held.
    """
    if not above:
        return 0.0
    return max(
        min(count - guarantee.models.get(model, 0), above / rates.get(model, 1.0))
        / max(capacity.get(model, 0), 1)
        for model, count in held.items()
    )


def _downwards(tree: QueueTree) -> Iterator[str]:
    """Yield every queue after the one above it."""
    yield from sorted(tree.specs, key=lambda name: (len(tree.chain(name)), name))
