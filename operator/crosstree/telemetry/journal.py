"""What scheduling steps leave in logs and metrics: changes of state, each once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from crosstree.base.errors import Conflict, CrosstreeError, NotLeading
from crosstree.core.plan import Place, Plan, Wait, WaitReason
from crosstree.telemetry.logs import say
from crosstree.telemetry.metrics import Metrics


class Journal:
    """Writes down decisions. A gang that goes on waiting for others to end is not news."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: dict[str, WaitReason] = {}

    def step(
        self,
        cycle: int,
        plans: Iterable[Plan],
        broken: Sequence[tuple[str, Exception]],
        *,
        seconds: float,
    ) -> None:
        """Write down one step.

        Args:
            cycle: Number of the step.
            plans: What it decided.
            broken: Clusters whose cycle broke, and on what.
            seconds: How long it took.
        """
        for name, error in broken:
            say("cycle failed", level=logging.ERROR, error=error, cluster=name, cycle=cycle)
        placed = waiting = 0
        for plan in plans:
            for decision in plan.decisions:
                match decision:
                    case Place():
                        placed += 1
                        self._placed(decision, plan.cluster, cycle)
                    case Wait():
                        waiting += 1
                        self._waits(decision, plan.cluster, cycle)
        self._metrics.step(seconds=seconds, placed=placed, waiting=waiting, failed=len(broken))

    def reconcile_failed(self, kind: str, key: str, error: Exception, *, count: int, delay: float) -> None:
        """Write down that a look at an object failed: the first of several in a row, all of them counted.

        A lost race is no failure: somebody wrote first, and the next look reads afresh. Nor is a write that a
        process did not send because its time to lead was over; it says so once, for all of them.
        """
        self._metrics.reconcile_failed(kind)
        if count > 1 or isinstance(error, Conflict | NotLeading):
            return
        ours = isinstance(error, CrosstreeError)
        say(
            "reconcile failed",
            level=logging.WARNING if ours else logging.ERROR,
            error=None if ours else error,
            kind=kind,
            object=key,
            why=str(error),
            again_in=delay,
        )

    def forget(self, known: Iterable[str]) -> None:
        """Keep only what is remembered of these jobs."""
        alive = set(known)
        for key in self._waiting.keys() - alive:
            del self._waiting[key]

    def _placed(self, place: Place, cluster: str, cycle: int) -> None:
        self._waiting.pop(place.key, None)
        say(
            "gang placed",
            job=place.key,
            cluster=cluster,
            pool=place.pool,
            nodes=len(place.nodes),
            cycle=cycle,
        )

    def _waits(self, wait: Wait, cluster: str, cycle: int) -> None:
        known = self._waiting.get(wait.key)
        self._waiting[wait.key] = wait.reason
        if known is wait.reason or (known is not None and known.patient and wait.reason.patient):
            return
        say(
            "gang waits",
            job=wait.key,
            cluster=cluster,
            reason=wait.reason.value,
            why=wait.message,
            cycle=cycle,
        )
