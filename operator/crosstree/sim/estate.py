"""Nodes and jobs of a simulated cluster together: moves that change both, each whole or not at all.

Every move tells the journal how much time has passed first, so that its sums are right, and raises `generation`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crosstree.core.durations import Lesson, Run, learn, pattern_of, percent_of, size_class
from crosstree.core.expect import DECLARED_CONFIDENCE, ends, expected, left, or_assumed
from crosstree.core.plan import Place, Wait
from crosstree.core.queues import QueueSpec, RunBound
from crosstree.core.runbound import bounded, run_bound
from crosstree.core.running import Running
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import Expectation, Footprint, Gang, Source, Told
from crosstree.sim.bill import Bill
from crosstree.sim.errors import BrokenRule
from crosstree.sim.floor import Floor
from crosstree.sim.inventory import Inventory
from crosstree.sim.journal import Cause, Journal
from crosstree.sim.runtime import Attempt, Runtime
from crosstree.sim.tenants import Tenant, Tenants


class Estate:
    """What there is, and the moves.

    Args:
        inventory: The nodes.
        runtime: How jobs run.
        journal: Who keeps books.

    Attributes:
        floor: Numbers of the nodes.
        tenants: The jobs.
        generation: Grows with every move.
        bill: What the jobs use of budgets.
    """

    def __init__(self, inventory: Inventory, runtime: Runtime, journal: Journal) -> None:
        self.inventory = inventory
        self.runtime = runtime
        self.floor = Floor(inventory.devices)
        self.tenants = Tenants()
        self.generation = 1
        self.bill = Bill()
        self._journal = journal
        self._on: list[dict[str, Tenant]] = [{} for _ in inventory.names]
        self._asked = 0
        self._lessons: dict[str, tuple[Lesson, ...]] = {}
        self._queues: dict[str, QueueSpec] = {}

    def set_queues(self, queues: Sequence[QueueSpec]) -> None:
        """Replace the queue tree. How long runs may last in it counts for those that begin from now on."""
        self._queues = {one.name: one for one in queues}
        self.bill.set_queues(queues)

    def on(self, row: int) -> list[Tenant]:
        """Return the jobs that have workers on a node, by uid."""
        return sorted(self._on[row].values(), key=lambda tenant: tenant.gang.uid)

    def elapse(self, now: float) -> None:
        """Tell the journal how things were until now."""
        floor = self.floor
        self._journal.elapsed(now, floor.used, floor.usable, self._asked, len(self.tenants.waiting))

    def line_up(self, tenant: Tenant, now: float) -> None:
        """Let a job wait, for the first time or again with the work that is left."""
        self.elapse(now)
        tenant.queued = now
        if tenant.attempts or tenant.gang.expected is None:
            tenant.gang = replace(tenant.gang, expected=self._expected(tenant))
        self._asked += tenant.gang.workers * tenant.gang.devices
        self.tenants.line_up(tenant)
        self.generation += 1

    def leave_line(self, tenant: Tenant, now: float) -> None:
        """Let a job wait no more."""
        self.elapse(now)
        self._asked -= tenant.gang.workers * tenant.gang.devices
        self.tenants.leave_line(tenant.gang.uid)
        self.generation += 1

    def tell(self, tenant: Tenant, wait: Wait, now: float) -> None:
        """Store what a waiting job has been promised, and the first start it was told in this wait."""
        gang, told = tenant.gang, tenant.gang.told
        if told is None and wait.forecast is not None:
            told = Told(now, wait.forecast.start)
        if (wait.promise, told) != (gang.promise, gang.told):
            tenant.gang = replace(gang, promise=wait.promise, told=told)
            self.tenants.line_up(tenant)
            self.generation += 1

    def occupy(self, tenant: Tenant, place: Place, now: float) -> Attempt:
        """Give a waiting job its nodes.

        Raises:
            BrokenRule: the size is not a legal one, or a node can't hold its share.
        """
        gang = tenant.gang
        rows = np.array([self.inventory.row[share.name] for share in place.nodes], np.int32)
        counts = np.array([share.count for share in place.nodes], np.int64)
        workers = int(counts.sum())
        if workers not in (gang.sizes or (gang.workers,)) or len(set(rows.tolist())) != len(rows):
            raise BrokenRule(f"{place.key} was given {workers} workers on {len(rows)} nodes: no legal size.")
        self.elapse(now)
        if not self.floor.take(rows, counts, gang.devices):
            raise BrokenRule(f"{place.key} was placed on {place.nodes}, which can't hold it.")
        self.leave_line(tenant, now)
        tenant.attempts += 1
        tenant.cause = ""
        delay = self.runtime.restart if tenant.attempts > 1 else 0.0
        rate = self.runtime.rate(place.model, workers, gang.workers)
        attempt = tenant.attempt = Attempt(now, now + delay, rate, tenant.work)
        tenant.gang = _plain(gang)
        tenant.length = bounded(_length(gang.expected, delay, rate), self._bound(gang))
        running = Running(
            gang=tenant.gang,
            pool=place.pool,
            model=place.model,
            rows=rows,
            counts=counts,
            began=now,
            ends=ends(tenant.length, now, now),
            saved=now,
            restart_cost=self.runtime.restart,
        )
        self.tenants.hold(tenant, running)
        for row in rows.tolist():
            self._on[row][gang.uid] = tenant
        self.generation += 1
        self._journal.started(tenant, now)
        return attempt

    def over_at(self, tenant: Tenant) -> float:
        """Return when a run has lasted as long as its queue allows, seconds since the epoch; infinite for never."""
        assert tenant.attempt is not None
        bound = self._bound(tenant.gang)
        return math.inf if bound is None else tenant.attempt.began + bound.seconds

    def show(self, tenant: Tenant, running: Running) -> None:
        """Let snapshots say something else about a job that holds nodes."""
        self.tenants.hold(tenant, running)
        self.generation += 1

    def give_back(self, tenant: Tenant, cause: Cause, now: float) -> None:
        """Take a job off its nodes whose run has ended; it waits again unless it is over, whatever ended it last."""
        if tenant.cause == Cause.EXCEEDED.value:
            cause = Cause.EXCEEDED
        over = cause in (Cause.FINISHED, Cause.EXCEEDED)
        if over:
            del self.tenants.known[tenant.gang.uid]
        self.vacate(tenant, cause, now)
        if not over:
            self.line_up(tenant, now)

    def vacate(self, tenant: Tenant, cause: Cause, now: float) -> None:
        """Take a job off its nodes, and count what of its work is saved."""
        assert tenant.running is not None and tenant.attempt is not None
        held, attempt = tenant.running, tenant.attempt
        self.elapse(now)
        self.floor.give(held.rows, held.counts, held.gang.devices)
        for row in held.rows.tolist():
            del self._on[row][held.gang.uid]
        lost = 0.0
        if cause is Cause.FINISHED:
            self._learn(tenant, now)
        else:
            saved = attempt.saved_at(now, self.runtime.checkpoint)
            if self.runtime.saves_when_told and cause in (Cause.PREEMPTED, Cause.RESIZED, Cause.EXCEEDED):
                saved = now
            tenant.work = attempt.left_when(saved)
            lost = (now - max(saved, attempt.began)) * held.devices
        if cause in (Cause.FAILED, Cause.RESIZED):
            # As in the operator: only who was broken goes first; who changes its size just goes back where it was.
            broken = cause is Cause.FAILED
            tenant.gang = replace(tenant.gang, before=self._footprint(held), recovering=broken)
        self.bill.ended(held, now)
        self.tenants.release(tenant)
        tenant.attempt = None
        self.generation += 1
        self._journal.stopped(tenant, now, cause, lost)

    def put(self, row: int, state: NodeState, now: float) -> None:
        """Change the state of a node."""
        self.elapse(now)
        if self.floor.put(row, state):
            self.generation += 1

    def _footprint(self, held: Running) -> Footprint:
        names = self.inventory.names
        pairs = zip(held.rows.tolist(), held.counts.tolist(), strict=True)
        return Footprint(held.pool, tuple((names[row], count) for row, count in pairs))

    def _expected(self, tenant: Tenant) -> Expectation:
        """Say what is thought of the work that is left: what its owner says of it, and what jobs like it taught."""
        gang, declared = tenant.gang, None
        if tenant.factor > 0:
            declared = Expectation(self._declared(tenant, tenant.work), Source.DECLARED, DECLARED_CONFIDENCE)
        known = expected(
            declared, _name(gang), gang.workers * gang.devices, self._lessons.get(gang.queue, ())
        )
        if declared is None:
            known = left(known, tenant.whole - tenant.work)
        return bounded(known, self._bound(gang))

    def _declared(self, tenant: Tenant, work: float) -> float:
        """Return what an owner says of work: no more than the queue allows, for it takes no job that declares more."""
        bound = self._bound(tenant.gang)
        said = work * tenant.factor
        return said if bound is None else min(said, bound.seconds)

    def _bound(self, gang: Gang) -> RunBound | None:
        return run_bound(gang.queue, self._queues)

    def _learn(self, tenant: Tenant, now: float) -> None:
        """Let a job that ended at its first attempt teach its queue how long its like run, as in the operator."""
        gang, attempt = tenant.gang, tenant.attempt
        if tenant.attempts != 1 or attempt is None:
            return
        size = size_class(gang.workers * gang.devices)
        ran = now - attempt.began
        percent = percent_of(self._declared(tenant, tenant.whole), attempt.rate * ran)
        run = Run(now, pattern_of(_name(gang)), size, max(1, int(ran)), percent)
        self._lessons[gang.queue] = learn(self._lessons.get(gang.queue, ()), (run,))


def _plain(gang: Gang) -> Gang:
    """Strip a gang of what only mattered while it waited."""
    if gang.promise is None and gang.told is None and not gang.recovering and gang.before is None:
        return gang
    return replace(gang, promise=None, told=None, recovering=False, before=None)


def _name(gang: Gang) -> str:
    return gang.key.partition("/")[2]


def _length(known: Expectation | None, delay: float, rate: float) -> Expectation:
    """Return how long an attempt is expected to take: the work at its speed, after what starting takes."""
    whole = or_assumed(known)
    return Expectation(delay + whole.seconds / rate, whole.source, whole.confidence)
