"""When the API server does not take the pods of a gang: when a launch is given up, and when it is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crosstree.core.job import Restart
from crosstree.core.lifecycle.facts import JobFacts, since, was_ready
from crosstree.core.lifecycle.moves import Withdraw
from crosstree.core.plan import WaitReason

FIRST_BACKOFF = 30.0
LAST_BACKOFF = 600.0
"""Seconds between tries after the API server refused the pods: doubled each time, between these."""

LAUNCH_SECONDS = 120.0
"""How long the creation of a gang may meet a struggling API server before what exists of it is taken back."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A child that could not be created. `final` where repeating it as it is will not help."""

    what: str
    sentence: str
    final: bool


def after_creation(facts: JobFacts, troubles: Sequence[Trouble]) -> Withdraw | None:
    """Decide what becomes of a launch in which some pods could not be created.

    Returns:
        Withdraw if the server said no, or has been struggling with a new gang for longer than `LAUNCH_SECONDS`; None
        to create the missing ones again soon. A gang that has been whole is not given up because the server struggles.
    """
    if not troubles:
        return None
    worst = min(troubles, key=lambda trouble: (not trouble.final, trouble.what))
    began = since(facts.job.progress, "Placed")
    launching = not was_ready(facts.job.progress)
    overdue = launching and began is not None and facts.now - began > LAUNCH_SECONDS
    if worst.final or overdue:
        return Withdraw(f"{worst.what} could not be created: {worst.sentence}")
    return None


def backoff(restarts: Sequence[Restart]) -> float:
    """Return how many seconds to wait after the last refusal: doubled for each refusal right before it."""
    tries, later = 0, None
    for restart in reversed(restarts):
        if restart.reason != WaitReason.PODS_REFUSED.value:
            break
        if later is not None and later - restart.at > 2 * LAST_BACKOFF:
            break
        tries, later = tries + 1, restart.at
    return min(FIRST_BACKOFF * 2.0 ** max(tries - 1, 0), LAST_BACKOFF)
