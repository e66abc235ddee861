"""Models that a JobQueue names and nobody knows: a misspelt quota, budget or booking does nothing, and is not seen."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from crosstree.base.words import listed
from crosstree.core.cluster import Queue
from crosstree.core.queues import ANY_MODEL

SHOWN = 3
"""Models named in a message, of those nobody knows and of those spelled alike."""


def doubt(queue: Queue, known: Collection[str]) -> str:
    """Return a sentence about models of the spec that do not exist; empty if there are none.

    Args:
        queue: The JobQueue.
        known: Models of all AcceleratorPools, of the catalog, and those that AIClusters declare.
    """
    fields = {
        "spec.quotas": [quota.model for quota in queue.quotas if quota.model != ANY_MODEL],
        "spec.exchangeRates": [model for model, _ in queue.rates],
        "spec.budgets": [budget.model for budget in queue.budgets if budget.model != ANY_MODEL],
        "spec.calendar": [booking.model for booking in queue.calendar],
    }
    wrong = {name: [model for model in models if model not in known] for name, models in fields.items()}
    models = sorted({model for names in wrong.values() for model in names})
    if not models:
        return ""
    places = [name for name, names in wrong.items() if names]
    there = sorted(known)
    near = list(dict.fromkeys(one for model in models for one in get_close_matches(model, there, n=SHOWN)))
    named = listed([repr(model) for model in models], SHOWN)
    advice = (
        f" Spelled like it: {', '.join(near[:SHOWN])}."
        if near
        else " kubectl get apool shows those there are."
    )
    where = " and ".join(one for one in (", ".join(places[:-1]), places[-1]) if one)
    verb = "names" if len(places) == 1 else "name"
    return (
        f"{where} {verb} {named}: no AcceleratorPool has such a model, and neither the catalog "
        f"nor an AICluster knows it, so it keeps and limits nothing.{advice}"
    )
