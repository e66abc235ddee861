"""Replaying a trace on the scheduling loop: the driver that stands where controllers stand in the operator.

What happens within one window leads to one step, as the operator gathers watch events. Time jumps from one event to
the next; nothing waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from crosstree.base.clock import VirtualClock, monotonic
from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Manners
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec
from crosstree.core.workload import Gang
from crosstree.engine.loop import Cycle, SchedulingLoop
from crosstree.sim.books import Books
from crosstree.sim.cluster import SimulatedCluster
from crosstree.sim.failures import Failures, Fault, faults
from crosstree.sim.inventory import ANY, Inventory
from crosstree.sim.runtime import Runtime
from crosstree.sim.traces.jobs import Jobs

AT_ONCE = 16
"""Steps taken at one instant at most: a promise is proposed, stored and acted on in three."""

UNMOVED = 256
"""Times in a row that a step is due though nobody runs, comes or is mended, after which whoever waits waits for ever:
bookings come again and again, and not every job fits in between."""


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """All that a replay is a function of, but the decisions.

    Attributes:
        nodes: The cluster.
        jobs: What is submitted, and when.
        runtime: How jobs run.
        queues: JobQueues; empty for none.
        manners: How the AICluster schedules.
        policy: The admin's choices.
        failures: Which nodes break; None for none.
        hint: What owners say of durations, as a multiple of the truth; 0 for nothing.
        window: Seconds within which events lead to one step.
        prefer: Level that gangs of several workers prefer; empty for none.
        until: Second at which it ends, whatever still runs; infinite for when all jobs are over.
    """

    nodes: Inventory
    jobs: Jobs
    runtime: Runtime = field(default_factory=Runtime)
    queues: tuple[QueueSpec, ...] = ()
    manners: Manners = field(default_factory=Manners)
    policy: Policy = field(default_factory=lambda: Policy(sentences=False))
    failures: Failures | None = None
    hint: float = 1.0
    window: float = 5.0
    prefer: str = "leaf"
    until: float = math.inf


@dataclass(slots=True)
class Progress:
    """How far a replay is.

    Attributes:
        now: Seconds from the start of the trace.
        submitted: Jobs so far.
        over: Jobs that neither wait nor run any more.
        waiting: Jobs in line.
        steps: Steps of the loop.
        decisions: Places, evictions, resizes and waits it decided.
        deciding: Seconds of ours that the steps took.
    """

    now: float = 0.0
    submitted: int = 0
    over: int = 0
    waiting: int = 0
    steps: int = 0
    decisions: int = 0
    deciding: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a replay."""

    scenario: Scenario
    books: Books
    progress: Progress
    seconds: float


class Replay:
    """One trace on one cluster under one policy.

    Args:
        scenario: What happens.
        cycle: Who decides.
    """

    def __init__(self, scenario: Scenario, cycle: Cycle = run_cycle) -> None:
        self.scenario = scenario
        self.progress = Progress()
        self.books = Books(len(scenario.jobs))
        self.clock = VirtualClock()
        self.cluster = SimulatedCluster(
            scenario.nodes,
            self.clock,
            runtime=scenario.runtime,
            queues=scenario.queues,
            manners=scenario.manners,
            journal=self.books,
        )
        self.loop = SchedulingLoop(self.cluster, scenario.policy, self.clock, cycle=cycle)
        self._faults: Iterator[Fault] = iter(())
        if scenario.failures is not None:
            self._faults = faults(scenario.failures, len(scenario.nodes.names))
        self._fault = next(self._faults, None)
        self._arrivals = scenario.jobs.submit.tolist()
        self._models = _models(scenario)
        self._unmoved = 0

    def run(self, watch: Callable[[Progress], None] | None = None) -> Outcome:
        """Replay to the end; `watch` is called after every step.

        Raises:
            Exception: what a cycle raised: a bug that a replay must not hide.
        """
        began = monotonic()
        while (at := self._next()) < math.inf:
            until = min(at + self.scenario.window, self.scenario.until)
            self._happen(until)
            self._decide()
            if watch is not None:
                watch(self.progress)
            if until >= self.scenario.until:
                break
        self.cluster.close()
        return Outcome(self.scenario, self.books, self.progress, monotonic() - began)

    def _next(self) -> float:
        """Return when there is something to do next; infinite when all jobs are over, or nothing can move."""
        if self.progress.submitted == len(self._arrivals) and not self.cluster.unfinished:
            return math.inf
        arrival = (
            self._arrivals[self.progress.submitted]
            if self.progress.submitted < len(self._arrivals)
            else math.inf
        )
        due = self.loop.due()
        fault = self._fault.at if self._fault is not None else math.inf
        happens = min(arrival, self.cluster.next_event())
        self._unmoved = self._unmoved + 1 if happens == math.inf else 0
        moving = min(happens, due if due is not None else math.inf)
        if (moving == math.inf or self._unmoved > UNMOVED) and not self.cluster.broken:
            return math.inf  # what waits now waits for ever
        return max(min(moving, fault), self.clock.now())

    def _happen(self, until: float) -> None:
        """Let everything happen up to an instant, in order of time."""
        progress = self.progress
        while True:
            arrival = (
                self._arrivals[progress.submitted] if progress.submitted < len(self._arrivals) else math.inf
            )
            fault = self._fault.at if self._fault is not None else math.inf
            at = min(arrival, fault)
            if at > until:
                break
            self.cluster.advance(at)
            if arrival <= fault:
                self._submit(progress.submitted, arrival)
                progress.submitted += 1
                if progress.submitted == len(self._arrivals):
                    self.cluster.close()
                    self.books.submissions_end()
            else:
                assert self._fault is not None
                self.cluster.fail(self._fault.row, self._fault.repair)
                self._fault = next(self._faults, None)
        self.cluster.advance(until)

    def _decide(self) -> None:
        progress = self.progress
        for _ in range(AT_ONCE):
            report = self.loop.step()
            progress.steps += 1
            progress.deciding += report.seconds
            for failure in report.failures:
                raise failure.error
            progress.decisions += sum(len(plan.decisions) for plan in report.plans)
            happened = self.cluster.advance(self.clock.now())
            if not report.plans or not (happened or self.cluster.promised):
                break
        progress.now = self.clock.now()
        progress.waiting = self.cluster.waiting
        progress.over = progress.submitted - self.cluster.unfinished

    def _submit(self, row: int, at: float) -> None:
        jobs = self.scenario.jobs
        workers, name = int(jobs.workers[row]), jobs.ids[row]
        gang = Gang(
            key=f"trace/{name}",
            uid=name,
            workers=workers,
            devices=int(jobs.devices[row]),
            models=self._models[int(jobs.model[row])],
            preferred=self.scenario.prefer if workers > 1 else "",
            created=at,
            queue=jobs.queues[int(jobs.queue[row])] or "default",
        )
        self.cluster.submit(gang, float(jobs.duration[row]), row=row, factor=self.scenario.hint)


def _models(scenario: Scenario) -> list[tuple[str, ...]]:
    """Return, for every model a trace names, the models of the nodes that will do."""
    there = set(scenario.nodes.models)
    return [tuple(one for one in (model, ANY) if model and one in there) for model in scenario.jobs.models]
