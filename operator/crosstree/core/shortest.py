"""The optional order inside queues: who is expected to be done soonest goes first, and nobody waits for ever.

A gang stands in line as if it had come later by `PATIENCE` times what it is expected to run. So a job of a minute
passes jobs of a day, and a job of a day is passed for `PATIENCE` days at most: whoever comes later than that is behind
it. Expectations are those of everyone (`expect`); where nothing is known a gang counts as one of a day.

Longer gangs may be stopped for shorter ones of the same queue and priority: what is left of one is always less than
what was left of those it stopped, so that no two gangs take turns.

That a kind of job runs longer than it declares (`expect`) is held against who waits, and never against who runs: three
short jobs of a stranger that declare too little are soon made, and must not have his neighbour's job stopped. So one
that runs counts as no longer than the same one when it waits, and what is left still becomes less with every stop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosstree.core.arrays import Bool
from crosstree.core.expect import ASSUMED, at_least, at_size, ends, or_assumed
from crosstree.core.running import Running
from crosstree.core.workload import Expectation, Gang

PATIENCE = 30.0
"""By how many times its own length a gang lets later ones pass."""

MUCH = 2.0
"""A gang is stopped for one whose length is less than what is left of it by this factor: a stop is not free."""


def waits_as_of(gang: Gang) -> float:
    """Return when a gang would have had to come to wait where it does, seconds since the epoch."""
    return _as_of(gang, or_assumed(gang.expected).seconds)


def stands_as_of(gang: Gang) -> float:
    """Return the same among those that run, no later: by its own word where others made that longer."""
    return _as_of(gang, at_least(or_assumed(gang.expected)).seconds)


def longer(gang: Gang, running: Sequence[Running], now: float) -> Bool:
    """Say which running gangs may be stopped for a shorter one, Bool (V,).

    Those of its queue and priority that stand behind it and have much more left to do, as far as both are known.
    """
    expected = gang.expected
    if expected is None or expected.confidence <= 0:
        return np.zeros(len(running), np.bool_)
    mine, least = waits_as_of(gang), now + MUCH * expected.seconds

    def may(one: Running) -> bool:
        theirs = one.gang
        return (
            one.ends > (needed := least + one.restart_cost + one.grace)
            and theirs.queue == gang.queue
            and theirs.priority == gang.priority
            and theirs.expected is not None
            and theirs.expected.confidence > 0
            and stands_as_of(theirs) > mine
            and _ends_at_least(one, theirs.expected, now) > needed
        )

    return np.fromiter((may(one) for one in running), np.bool_, count=len(running))


def _as_of(gang: Gang, seconds: float) -> float:
    return gang.created + PATIENCE * min(seconds, ASSUMED.seconds)


def _ends_at_least(one: Running, expected: Expectation, now: float) -> float:
    """Return when a running gang is expected to end, by its own word where others made that longer."""
    own = at_least(expected)
    if own is expected:
        return one.ends
    return min(one.ends, ends(at_size(own, one.gang.workers, one.workers), one.began, now))
