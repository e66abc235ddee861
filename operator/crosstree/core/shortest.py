"""The optional order inside queues: who is expected to be done soonest goes first, and nobody waits for ever.

A gang stands in line as if it had come later by `PATIENCE` times what it is expected to run. So a job of a minute
passes jobs of a day, and a job of a day is passed for `PATIENCE` days at most: whoever comes later than that is behind
it. Expectations are those of everyone (`expect`); where nothing is known a gang counts as one of a day.

Longer gangs may be stopped for shorter ones of the same queue and priority: what is left of one is always less than
what was left of those it stopped, so that no two gangs take turns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosstree.core.arrays import Bool
from crosstree.core.expect import ASSUMED, or_assumed
from crosstree.core.running import Running
from crosstree.core.workload import Gang

PATIENCE = 30.0
"""By how many times its own length a gang lets later ones pass."""

MUCH = 2.0
"""A gang is stopped for one whose length is less than what is left of it by this factor: a stop is not free."""


def stands_as_of(gang: Gang) -> float:
    """Return when a gang would have had to come to stand where it does, seconds since the epoch."""
    return gang.created + PATIENCE * min(or_assumed(gang.expected).seconds, ASSUMED.seconds)


def longer(gang: Gang, running: Sequence[Running], now: float) -> Bool:
    """Say which running gangs may be stopped for a shorter one, Bool (V,).

    Those of its queue and priority that stand behind it and have much more left to do, as far as both are known.
    """
    expected = gang.expected
    if expected is None or expected.confidence <= 0:
        return np.zeros(len(running), np.bool_)
    mine, least = stands_as_of(gang), now + MUCH * expected.seconds

    def may(one: Running) -> bool:
        theirs = one.gang
        return (
            one.ends > least + one.restart_cost + one.grace
            and theirs.queue == gang.queue
            and theirs.priority == gang.priority
            and theirs.expected is not None
            and theirs.expected.confidence > 0
            and stands_as_of(theirs) > mine
        )

    return np.fromiter((may(one) for one in running), np.bool_, count=len(running))
