"""Take the accelerator that is free now, or wait for a better one: whichever is expected to finish sooner.

A gang names models in order of preference, and takes the first that can start it. Where the exchange rates of its
queue say that a model before that one is faster, and a place on it is in sight, waiting may end sooner. A rate is what
one accelerator of a model counts for: an expected duration is one on the first model that the gang names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from crosstree.core.desk import Desk
from crosstree.core.plan import Place
from crosstree.core.workload import Gang

SURE_ENOUGH = 0.5
"""How far an end has to be trusted for anybody to let go of a place that is free now."""

WORTH = 60.0
"""Seconds that waiting has to win at least: forecasts are not more exact."""


@dataclass(frozen=True, slots=True)
class Better:
    """A model worth waiting for.

    Attributes:
        model: Profile id.
        instead: The model that could start the gang now.
        sooner: Seconds by which it is expected to finish sooner.
    """

    model: str
    instead: str
    sooner: float


def better(gang: Gang, placed: Place, desk: Desk) -> Better | None:
    """Return the model to wait for rather than start at a place; None to take the place.

    Only a gang of which it is known how long it runs, that names several models, and for which a place can be held
    until then. O(models before the one found · one search for a reservation), nothing where no rate differs.

    Args:
        gang: Who has a place.
        placed: Which; booked on the trial or not.
        desk: The ledgers.
    """
    expected = gang.expected
    if placed.model not in gang.models or expected is None or expected.confidence < SURE_ENOUGH:
        return None
    before = gang.models[: gang.models.index(placed.model)]
    rate = {model: desk.accounts.rate(gang.queue, model) for model in (*before, placed.model)}
    faster = [model for model in before if rate[model] > rate[placed.model]]
    if not faster or not desk.keeps_places:
        return None
    first = desk.accounts.rate(gang.queue, gang.models[0])

    def seconds(model: str, workers: int) -> float:
        return expected.seconds * first / rate[model] * gang.workers / workers

    done = desk.now + seconds(placed.model, placed.workers)
    found: list[tuple[float, str]] = []
    for model in faster:
        there = desk.search.earliest(replace(gang, models=(model,)), partial(desk.affords, gang))
        if there is not None and there.forecast.confidence >= SURE_ENOUGH:
            found.append((there.forecast.start + seconds(model, int(there.counts.sum())), model))
    if not found or min(found)[0] > done - WORTH:
        return None
    at, model = min(found, key=lambda one: (one[0], gang.models.index(one[1])))
    return Better(model, placed.model, done - at)
