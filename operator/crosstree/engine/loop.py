"""The scheduling loop: look, decide, apply. The operator and the simulator drive this very class.

They differ only in who calls `step`, which `Clock` and which `ClusterPort`; nothing here waits, sleeps or
knows what a Kubernetes API is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from crosstree.base.clock import Clock, monotonic
from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Place, Plan, Wait
from crosstree.core.policy import Policy
from crosstree.core.snapshot import Snapshot
from crosstree.engine.ports import ClusterPort

Cycle = Callable[[Snapshot, Policy, float], Plan]


@dataclass(frozen=True, slots=True)
class Failure:
    """A cluster whose cycle broke, or taking its plan over; a bug of ours that must not hold up the others."""

    cluster: str
    error: Exception


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did.

    Attributes:
        number: Steps so far, this one included.
        plans: One per cluster that was looked at; clusters without a change since their last cycle have none.
        failures: Clusters whose cycle broke, or whose plan could not be taken over whole.
        seconds: Duration of the step, views and applying included.
    """

    number: int
    plans: tuple[Plan, ...]
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def placed(self) -> int:
        """Gangs that were given a place."""
        return sum(isinstance(decision, Place) for plan in self.plans for decision in plan.decisions)

    @property
    def waiting(self) -> int:
        """Gangs that were looked at and must wait."""
        return sum(isinstance(decision, Wait) for plan in self.plans for decision in plan.decisions)


class SchedulingLoop:
    """Runs one cycle per changed cluster and step.

    Args:
        port: The cluster, real or simulated.
        policy: Handed to every cycle.
        clock: Handed to every cycle as `now`.
        cycle: The decision itself.
    """

    def __init__(self, port: ClusterPort, policy: Policy, clock: Clock, *, cycle: Cycle = run_cycle) -> None:
        self._port = port
        self._policy = policy
        self._clock = clock
        self._cycle = cycle
        self._seen: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._steps = 0

    def step(self) -> StepReport:
        """Decide for every cluster that changed since its last cycle, or whose plan is due again, and apply the plans.

        The generation remembered is the one that was looked at, so whatever applying a plan changes is
        looked at in the next step. A cluster that breaks, in its cycle or in what the plan is applied to, is tried
        again when it changes, or when the plan was due.
        """
        began = monotonic()
        self._steps += 1
        plans: list[Plan] = []
        failures: list[Failure] = []
        views = self._port.view()
        for snapshot in views:
            name, now = snapshot.cluster, self._clock.now()
            if self._seen.get(name) == snapshot.generation and now < self._due.get(name, math.inf):
                continue
            self._seen[name] = snapshot.generation
            self._due.pop(name, None)
            try:
                plan = self._cycle(snapshot, self._policy, now)
                if plan.due is not None:
                    self._due[name] = plan.due
                self._port.apply(plan)
            except Exception as error:  # one broken cluster must not hold up others; the driver reports it
                failures.append(Failure(name, error))
                continue
            plans.append(plan)
        self._forget({snapshot.cluster for snapshot in views})
        return StepReport(self._steps, tuple(plans), tuple(failures), monotonic() - began)

    def due(self) -> float | None:
        """Return when a step is due though nothing changes, seconds since the epoch; None for never."""
        return min(self._due.values(), default=None)

    def _forget(self, present: set[str]) -> None:
        """Drop clusters that are gone: one made again under the same name starts its generations anew."""
        for name in self._seen.keys() - present:
            del self._seen[name]
            self._due.pop(name, None)
