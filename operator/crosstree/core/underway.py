"""How far the clearing of a promised place has come: which of those that make room for a gang are still there."""

from __future__ import annotations

import math
from collections.abc import Iterable

from crosstree.core.plan import Promise
from crosstree.core.running import Running


def still_there(promise: Promise, running: Iterable[Running]) -> list[Running]:
    """Return the victims that have not gone, as they ran when the plan was made; one that shrank already is not one.

    In the order of the promise. O(running gangs).
    """
    size = dict(promise.smaller)
    wanted = {uid: place for place, uid in enumerate(promise.victims)}
    found = [
        one
        for one in running
        if one.gang.uid in wanted
        and math.floor(one.began) <= promise.since  # which is in whole seconds
        and (one.leaving or one.workers > size.get(one.gang.uid, 0))
    ]
    return sorted(found, key=lambda one: wanted[one.gang.uid])


def under_way(promise: Promise, running: Iterable[Running]) -> bool:
    """Say whether anybody has been stopped for it yet. Until then a plan is words: nothing is held for it.

    Orders and `begun` are stored one by one, so an operator that was killed in between may leave only who is leaving.
    """
    return promise.begun or any(one.leaving for one in still_there(promise, running))
