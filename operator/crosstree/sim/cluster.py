"""A cluster that is not there, behind the port that the scheduling loop knows.

It does what it is told and nothing of its own: plans are carried out or refused, jobs end when their work is done,
nodes break when somebody says so. A decision that breaks a rule of the cluster (a node too full, a job that does not
wait) is a bug of who decided, and raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import assert_never

from crosstree.base.clock import VirtualClock
from crosstree.core.expect import ends
from crosstree.core.manners import Manners
from crosstree.core.plan import Evict, Place, Plan, Resize, Wait
from crosstree.core.queues import QueueSpec
from crosstree.core.snapshot import NodeState, Snapshot, SpareRule
from crosstree.core.workload import Gang
from crosstree.sim.calendar import Calendar
from crosstree.sim.errors import BrokenRule
from crosstree.sim.estate import Estate
from crosstree.sim.events import Done, Event, Gone, Over, Overrun, Repaired
from crosstree.sim.inventory import RESOURCE, Inventory
from crosstree.sim.journal import Cause, Journal, Silent
from crosstree.sim.runtime import Runtime
from crosstree.sim.tenants import Tenant

NAME = "simulated"
"""Name of the AICluster."""


class SimulatedCluster:
    """One AICluster of simulated nodes; a `ClusterPort`.

    Args:
        inventory: Its nodes.
        clock: Read when plans are applied; moved by `advance`.
        runtime: How jobs run.
        queues: JobQueues.
        manners: How it schedules.
        spares: Nodes kept for jobs that recover.
        journal: Who keeps books.

    Attributes:
        promised: Whether the plan applied last left a promise that a next step has to go on with at once.
    """

    def __init__(
        self,
        inventory: Inventory,
        clock: VirtualClock,
        *,
        runtime: Runtime | None = None,
        queues: Iterable[QueueSpec] = (),
        manners: Manners | None = None,
        spares: SpareRule | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.inventory = inventory
        self.clock = clock
        self.runtime = runtime or Runtime()
        self.promised = False
        self._journal: Journal = journal or Silent()
        self._estate = Estate(inventory, self.runtime, self._journal)
        self._queues = _by_name(queues)
        self._estate.set_queues(self._queues)
        self._manners = manners or Manners()
        self._spares = spares
        self._calendar: Calendar[Event] = Calendar()
        self._saves: Calendar[Done] = Calendar()
        self._cut: Snapshot | None = None

    def view(self) -> Sequence[Snapshot]:
        """Return the one snapshot; the same as before if nothing has changed. O(N) of copies after a change."""
        self._report_checkpoints()
        if self._cut is None or self._cut.generation != self._estate.generation:
            self._cut = self._snapshot()
        return (self._cut,)

    def apply(self, plan: Plan) -> None:
        """Carry out a plan.

        Raises:
            BrokenRule: a decision can't be carried out.
        """
        self.promised = False
        for decision in plan.decisions:
            match decision:
                case Place():
                    self._place(decision)
                case Wait():
                    self._wait(decision)
                case Evict():
                    self._tell_to_stop(decision.key, decision.uid, Cause.PREEMPTED, 0)
                case Resize():
                    self._tell_to_stop(decision.key, decision.uid, Cause.RESIZED, decision.workers)
                case _:
                    assert_never(decision)

    def job(self, uid: str) -> Tenant | None:
        """Return a job that is not over; None if it is, or never was."""
        return self._estate.tenants.known.get(uid)

    @property
    def unfinished(self) -> int:
        """Jobs that wait or run."""
        return len(self._estate.tenants.known)

    @property
    def waiting(self) -> int:
        """Jobs in line."""
        return len(self._estate.tenants.waiting)

    @property
    def broken(self) -> bool:
        """Whether some node can't be used."""
        return self._estate.floor.usable < self.inventory.total

    def submit(self, gang: Gang, work: float, *, row: int = -1, factor: float = 1.0) -> None:
        """Let a job wait from now on.

        Args:
            gang: What it asks for; `created` is its age in the line. Its `expected` is kept if it has one.
            work: Seconds it runs at full size on an accelerator of speed 1.
            row: Number under which results are kept.
            factor: What its owner says of its duration, as a multiple of the truth; 0 for nothing said.

        Raises:
            BrokenRule: a job of that uid waits or runs.
        """
        if self.job(gang.uid) is not None:
            raise BrokenRule(f"job {gang.key} is submitted twice; give every job an id of its own.")
        tenant = Tenant(gang, work, row, factor, whole=work)
        self._estate.tenants.known[gang.uid] = tenant
        self._estate.line_up(tenant, self.clock.now())

    def cancel(self, uid: str) -> None:
        """Withdraw a job, whether it waits or runs."""
        tenant = self._estate.tenants.known.pop(uid)
        if tenant.running is None:
            self._estate.leave_line(tenant, self.clock.now())
        else:
            self._estate.vacate(tenant, Cause.CANCELLED, self.clock.now())

    def set_state(self, name: str, state: NodeState) -> None:
        """Put a node into a state: what runs on it stays, unless the state loses it; then it starts again."""
        row, now = self.inventory.row[name], self.clock.now()
        self._estate.put(row, state, now)
        if state.lost:
            for tenant in self._estate.on(row):
                self._estate.give_back(tenant, Cause.FAILED, now)

    def fail(self, row: int, repair: float) -> None:
        """Break a node; it is back after `repair` seconds."""
        self.set_state(self.inventory.names[row], NodeState.NOT_READY)
        self._calendar.write(self.clock.now() + repair, Repaired(row))

    def set_queues(self, queues: Iterable[QueueSpec]) -> None:
        """Replace the queue tree."""
        self._queues = _by_name(queues)
        self._estate.set_queues(self._queues)
        self._estate.generation += 1

    def set_manners(self, manners: Manners) -> None:
        """Change how the cluster schedules."""
        self._manners = manners
        self._estate.generation += 1

    def next_event(self) -> float:
        """Return when something happens by itself, seconds since the epoch; `math.inf` for never."""
        return self._calendar.next()

    def advance(self, until: float) -> int:
        """Let time pass, and happen what happens in it; return how many things did."""
        happened = 0
        while (found := self._calendar.take(until)) is not None:
            at, event = found
            self.clock.advance(max(0.0, at - self.clock.now()))
            self._happen(event)
            happened += 1
        self.clock.advance(max(0.0, until - self.clock.now()))
        return happened

    def close(self) -> None:
        """Tell the journal about the time up to now."""
        self._estate.elapse(self.clock.now())

    def _happen(self, event: Event) -> None:
        now = self.clock.now()
        if isinstance(event, Repaired):
            if self._estate.floor.state[event.row] == NodeState.NOT_READY:
                self._estate.put(event.row, NodeState.USABLE, now)
            return
        tenant = self.job(event.uid)
        if tenant is None or tenant.attempts != event.attempt or tenant.running is None:
            return
        if isinstance(event, Done):
            # Who was told that its time is over has failed, also if its work is done before it is gone.
            if tenant.cause != Cause.EXCEEDED.value:
                self._estate.give_back(tenant, Cause.FINISHED, now)
        elif isinstance(event, Gone):
            self._estate.give_back(tenant, Cause(tenant.cause), now)
        elif isinstance(event, Over):
            self._tell_to_stop(tenant.gang.key, event.uid, Cause.EXCEEDED, 0)
            tenant.cause = Cause.EXCEEDED.value  # also of who is on its way already, as in the operator
        elif not tenant.running.leaving:
            later = ends(tenant.length, tenant.running.began, now)
            self._estate.show(tenant, replace(tenant.running, ends=later))
            self._foresee(tenant, later)

    def _report_checkpoints(self) -> None:
        """Show of the running jobs what they have saved by now."""
        now = self.clock.now()
        while (found := self._saves.take(now)) is not None:
            event = found[1]
            tenant = self.job(event.uid)
            if tenant is None or tenant.attempts != event.attempt or tenant.attempt is None:
                continue
            assert tenant.running is not None
            saved = tenant.attempt.saved_at(now, self.runtime.checkpoint)
            self._estate.show(tenant, replace(tenant.running, saved=saved))
            self._remind(tenant, saved)

    def _remind(self, tenant: Tenant, saved: float) -> None:
        """Note when a job saves its work next, if it runs that long."""
        assert tenant.attempt is not None
        following = max(saved, tenant.attempt.works) + self.runtime.checkpoint
        if self.runtime.checkpoint > 0 and following < tenant.attempt.ends:
            self._saves.write(following, Done(tenant.gang.uid, tenant.attempts))

    def _place(self, place: Place) -> None:
        tenant = self._estate.tenants.waiting.get(place.uid)
        if tenant is None:
            raise BrokenRule(f"{place.key} was placed, but it does not wait.")
        now = self.clock.now()
        attempt = self._estate.occupy(tenant, place, now)
        self._calendar.write(attempt.ends, Done(place.uid, tenant.attempts))
        if (over := self._estate.over_at(tenant)) < attempt.ends:
            self._calendar.write(over, Over(place.uid, tenant.attempts))
        self._remind(tenant, now)
        assert tenant.running is not None
        self._foresee(tenant, tenant.running.ends)

    def _foresee(self, tenant: Tenant, end: float) -> None:
        """Note when a job overruns what is thought of it, if it does."""
        if tenant.attempt is not None and end < tenant.attempt.ends:
            self._calendar.write(end, Overrun(tenant.gang.uid, tenant.attempts))

    def _wait(self, wait: Wait) -> None:
        tenant = self._estate.tenants.waiting.get(wait.uid)
        if tenant is None:
            raise BrokenRule(f"{wait.key} was told to wait, but it does not.")
        self._journal.told_to_wait(tenant, wait, self.clock.now())
        if wait.promise != tenant.gang.promise:
            self.promised = True
        self._estate.tell(tenant, wait, self.clock.now())

    def _tell_to_stop(self, key: str, uid: str, cause: Cause, size: int) -> None:
        tenant = self.job(uid)
        if tenant is None or tenant.running is None:
            raise BrokenRule(f"{key} was told to stop, but it does not run.")
        if tenant.running.leaving:
            return
        gone = self.clock.now() + self.runtime.grace
        tenant.cause, tenant.size = cause.value, size
        self._estate.show(tenant, replace(tenant.running, leaving=True, ends=gone))
        self._calendar.write(gone, Gone(uid, tenant.attempts))

    def _snapshot(self) -> Snapshot:
        floor, tenants = self._estate.floor, self._estate.tenants
        free, state, grain = floor.free.copy(), floor.state.copy(), floor.grain.copy()
        for array in (free, state, grain):
            array.flags.writeable = False
        return Snapshot(
            cluster=NAME,
            generation=self._estate.generation,
            names=self.inventory.names,
            resources=(RESOURCE,),
            allocatable=floor.allocatable,
            free=free,
            state=state,
            grain=grain,
            pools=self.inventory.pools,
            gangs=tenants.gangs(),
            spares=self._spares,
            running=tenants.running(),
            queues=self._queues,
            manners=self._manners,
            tab=self._estate.bill.tab(tenants.running(), self.clock.now()),
        )


def _by_name(queues: Iterable[QueueSpec]) -> tuple[QueueSpec, ...]:
    return tuple(sorted(queues, key=lambda queue: queue.name))
