"""A small simulated cluster to which anything may happen, and the production loop that has to live with it.

Every operation takes its chance from whoever drives it: a seeded generator for long runs, hypothesis for short ones
that shrink. After each the loop settles and a judge looks.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from bench import kinds
from bench.judge import Judge, Violation
from crosstree.base.clock import VirtualClock
from crosstree.core.cycle import run_cycle
from crosstree.core.holdings import release
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.plan import Place, Plan, Wait
from crosstree.core.policy import Policy
from crosstree.core.snapshot import NodeState, Snapshot, SpareRule
from crosstree.core.workload import Expectation, Gang, Source
from crosstree.engine.loop import SchedulingLoop
from crosstree.sim.cluster import SimulatedCluster
from crosstree.sim.runtime import Runtime

AT_ONCE = 24
"""Steps at one instant after which a loop that still wants to go on counts as never settling."""

CROWD = 5
"""Waiting gangs from which on nobody is submitted any more: a cycle costs what its line is long."""

NOW = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class Suspended:
    """A job that was taken out of the line, to come back."""

    gang: Gang
    work: float
    factor: float


class Dying:
    """A port whose operator dies before it has carried out all of a plan."""

    def __init__(self, port: SimulatedCluster, decisions: int) -> None:
        self._port, self._decisions = port, decisions
        self.view = port.view

    def apply(self, plan: Plan) -> None:
        """Carry out the first decisions only."""
        self._port.apply(replace(plan, decisions=plan.decisions[: self._decisions]))


class World:
    """A cluster, its loop and its judge.

    Args:
        chance: Chooses how the cluster is made.
        again: Every how many plans the judge decides again.

    Attributes:
        operations: Operations so far.
        history: The last of them, in words.
    """

    def __init__(self, chance: Random, *, again: int = 8) -> None:
        self.clock = VirtualClock(NOW)
        # Sentences are most of the work of a cycle: one world in four is told in words why it waits.
        words = chance.random() < 0.25
        self.policy = Policy(explained_in_full=1, reservations=chance.choice((1, 4, 64)), sentences=words)
        self.judge = Judge(self.policy, again=again)
        self.nodes = kinds.nodes(chance)
        self.cluster = SimulatedCluster(
            self.nodes,
            self.clock,
            runtime=Runtime(
                checkpoint=chance.choice((0.0, 300.0, 1800.0, math.inf)),
                restart=chance.choice((0.0, 60.0)),
                grace=chance.choice((0.0, 30.0, 120.0)),
                saves_when_told=chance.random() < 0.5,
            ),
            queues=kinds.queues(chance, NOW),
            manners=kinds.manners(chance),
            spares=SpareRule(1, "leaf") if chance.random() < 0.2 else None,
        )
        self.operations = 0
        self.history: deque[str] = deque(maxlen=40)
        self._submitted = 0
        self._suspended: list[Suspended] = []
        self._loop = self._fresh()

    # operations -------------------------------------------------------------------------------------------

    def submit(self, chance: Random) -> None:
        """Somebody submits a gang of any kind."""
        if self.cluster.waiting >= CROWD:
            self.cancel(chance)
            return
        self._submitted += 1
        gang = kinds.gang(chance, self._submitted, self.clock.now())
        work, factor = chance.choice((5.0, 600.0, 5000.0, 20_000.0)), chance.choice((1.0, 1.0, 0.5, 2.0, 0.0))
        if factor:
            gang = replace(gang, expected=Expectation(work * factor, Source.DECLARED, 0.9))
        self._outside(f"submit {_told(gang)} for {work:.0f}x{factor}")
        self.cluster.submit(gang, work, factor=factor)
        self.settle()

    def cancel(self, chance: Random) -> None:
        """Somebody deletes a job, waiting or running."""
        if uid := self._anybody(chance):
            self._outside(f"cancel {uid}")
            self.cluster.cancel(uid)
            self.settle()

    def suspend(self, chance: Random) -> None:
        """Somebody suspends a job, or lets one go on."""
        if self._suspended and chance.random() < 0.5:
            back = self._suspended.pop(chance.randrange(len(self._suspended)))
            self._outside(f"resume {back.gang.uid}")
            self.cluster.submit(back.gang, back.work, factor=back.factor)
        elif uid := self._anybody(chance):
            self._outside(f"suspend {uid}")
            self._suspended.append(self._taken_out(uid))
        self.settle()

    def reprioritise(self, chance: Random) -> None:
        """Somebody changes the priority or the queue of a waiting job."""
        waiting = self.seen().gangs
        if waiting:
            gang = chance.choice(waiting)
            out = self._taken_out(gang.uid)
            changed = replace(
                out.gang, priority=chance.randint(-1, 3), queue=chance.choice(kinds.QUEUES), promise=None
            )
            self._outside(f"{gang.uid} becomes {changed.priority} in {changed.queue}")
            self.cluster.submit(changed, out.work, factor=out.factor)
            self.settle()

    def fail(self, chance: Random) -> None:
        """A node breaks and is repaired later."""
        row, repair = chance.randrange(len(self.nodes.names)), chance.choice((1.0, 200.0, 4000.0))
        self._outside(f"{self.nodes.names[row]} fails for {repair:.0f}")
        self.cluster.fail(row, repair)
        self.settle()

    def state(self, chance: Random) -> None:
        """A node is cordoned, reports trouble, or is well again."""
        name = chance.choice(self.nodes.names)
        state = chance.choice((NodeState.USABLE, NodeState.USABLE, *NodeState))
        self._outside(f"{name} is {state.name}")
        self.cluster.set_state(name, state)
        self.settle()

    def queues(self, chance: Random) -> None:
        """An admin edits the queue tree, cycles and missing parents included."""
        tree = kinds.queues(chance, self.clock.now())
        self._outside(f"queues {tree}")
        self.cluster.set_queues(tree)
        self.settle()

    def manners(self, chance: Random) -> None:
        """An admin changes how the cluster schedules."""
        manners = kinds.manners(chance)
        self._outside(f"manners {manners}")
        self.cluster.set_manners(manners)
        self.settle()

    def restart(self, chance: Random) -> None:
        """The operator is restarted: all it knows is what is stored."""
        self.history.append("restart")
        self._loop = self._fresh()
        self.settle()

    def crash(self, chance: Random) -> None:
        """The operator dies with only a part of a plan carried out, and another one starts."""
        kept = chance.randrange(4)
        self.history.append(f"crash after {kept}")
        dying = SchedulingLoop(Dying(self.cluster, kept), self.policy, self.clock, cycle=self._judged)
        self._raise(dying.step().failures)
        self.judge.epoch += 1  # what the dead one began and could not go on with is nobody's fault
        self.restart(chance)

    def jump(self, chance: Random) -> None:
        """Time passes."""
        until = self.clock.now() + chance.choice((1.0, 30.0, 300.0, 3000.0))
        self.history.append(f"until +{until - NOW:.0f}")
        same = 0
        while (at := self._next()) <= until:
            same = same + 1 if at <= self.clock.now() else 0
            if same > AT_ONCE:
                raise Violation(
                    f"it never gets beyond {at - NOW:.0f}: whoever is stopped is placed again, and stopped."
                )
            self._to(at)
        self._to(until)

    def starve(self, chance: Random) -> None:
        """A gang of a whole pool comes, and small ones of the same priority never stop coming: it starts all the same.

        Every duration is known exactly and nothing else happens, so it starts when the last one ends that ran as it
        came.
        """
        self._empty_line()
        self.rest(chance)
        self._empty_line()  # who was stopped meanwhile may wait for a quota, and run once there is none
        if self.seen().running:
            return
        self._outside("starve")
        self.cluster.set_queues(())
        self.cluster.set_manners(Manners(Backfill.CONSERVATIVE, Preemption.LOWER_PRIORITY, 0.0))
        for _ in range(3):
            before = self._known(chance, chance.choice((1, 2)), 8)
            if self._in_line(before):
                self.cluster.cancel(before)
        pool = self.seen().pools[0]
        large = int((self.seen().state[pool.nodes] == NodeState.USABLE).sum())
        ends = max((one.ends for one in self.seen().running), default=self.clock.now())
        uid = self._known(chance, large, 8, model=pool.profile.id)
        if not large or isinstance(self._alone(uid), Wait):
            self.cluster.cancel(uid)
            return
        self._to(self.clock.now() + 1.0)  # whoever comes in the same second goes by name
        while self.clock.now() < ends and self._in_line(uid):
            self._known(chance, 1, chance.choice((1, 4, 8)))
            self._to(min(self.clock.now() + chance.choice((10.0, 300.0, 2000.0)), ends))
        if self._in_line(uid):
            raise Violation(f"{uid} of {large} workers waits though all that ran when it came are gone.")

    def rest(self, chance: Random) -> None:
        """Nothing is done from outside for as long as anything happens by itself; then nobody waits who could run."""
        self.history.append("rest")
        for _ in range(400):
            at = self._next()
            if at == math.inf:
                self._rested()
                return
            self._to(at)

    OPERATIONS: Mapping[str, int] = {
        "submit": 36, "jump": 26, "cancel": 5, "suspend": 5, "reprioritise": 5, "fail": 5, "state": 7, "queues": 4,
        "manners": 2, "restart": 3, "crash": 3, "rest": 1, "starve": 1,
    }  # fmt: skip
    """Every operation and how often it happens, of all of them."""

    def operate(self, name: str, chance: Random) -> None:
        """Do one operation.

        Raises:
            Violation: the judge found something.
        """
        self.operations += 1
        operation: Callable[[Random], None] = getattr(self, name)
        operation(chance)

    # the loop ---------------------------------------------------------------------------------------------

    def seen(self) -> Snapshot:
        """Return the cluster as the loop would see it now."""
        return self.cluster.view()[0]

    def settle(self) -> None:
        """Step until the loop has nothing more to do at this instant."""
        for _ in range(AT_ONCE):
            report = self._loop.step()
            self._raise(report.failures)
            self.judge.cluster(self.seen())
            if not report.plans:
                return
        raise Violation(f"the loop does not settle within {AT_ONCE} steps.")

    def _fresh(self) -> SchedulingLoop:
        return SchedulingLoop(self.cluster, self.policy, self.clock, cycle=self._judged)

    def _judged(self, snapshot: Snapshot, policy: Policy, now: float) -> Plan:
        plan = run_cycle(snapshot, policy, now)
        self.judge.plan(snapshot, plan, now)
        return plan

    def _raise(self, failures: tuple[object, ...]) -> None:
        for failure in failures:
            raise failure.error  # type: ignore[attr-defined]

    def _next(self) -> float:
        due = self._loop.due()
        return min(self.cluster.next_event(), math.inf if due is None else due)

    def _to(self, at: float) -> None:
        self.cluster.advance(max(at, self.clock.now()))
        self.settle()

    def _rested(self) -> None:
        """Hold the cluster to what follows when nothing moves: nobody runs, so whoever could run alone would."""
        seen = self.seen()
        if seen.running:
            raise Violation(f"{seen.running[0].gang.key} runs and never ends.")
        for gang in seen.gangs:
            alone = run_cycle(
                replace(seen, gangs=(replace(gang, promise=None),)), self.policy, self.clock.now()
            )
            if isinstance(alone.decisions[0], Place):
                raise Violation(f"{gang.key} waits in an idle cluster, where it could run.")

    def _known(self, chance: Random, workers: int, devices: int, model: str = "") -> str:
        """Submit a gang whose duration is known exactly, and return its uid."""
        self._submitted += 1
        uid, work = f"u{self._submitted}", chance.choice((60.0, 600.0, 5000.0))
        expected = Expectation(work, Source.DECLARED, 0.9)
        models = (model,) if model else ()
        gang = Gang(
            f"team-0/{uid}",
            uid,
            max(workers, 1),
            devices,
            models,
            created=self.clock.now(),
            expected=expected,
        )
        self._outside(f"submit {_told(gang)} for {work:.0f}")
        self.cluster.submit(gang, work)
        self.settle()
        return uid

    def _empty_line(self) -> None:
        """Cancel everybody who waits."""
        for uid in sorted(gang.uid for gang in self.seen().gangs):
            self._outside(f"cancel {uid}")
            self.cluster.cancel(uid)
        self.settle()

    def _in_line(self, uid: str) -> bool:
        return any(gang.uid == uid for gang in self.seen().gangs)

    def _alone(self, uid: str) -> Place | Wait | None:
        """Decide on a gang as if nobody else were there; None if it does not wait."""
        gang = next((gang for gang in self.seen().gangs if gang.uid == uid), None)
        if gang is None:
            return None
        empty = release(self.seen(), self.seen().running)
        alone = replace(empty, gangs=(replace(gang, promise=None),))
        answer = run_cycle(alone, self.policy, self.clock.now()).decisions[0]
        assert isinstance(answer, Place | Wait)
        return answer

    # helpers ----------------------------------------------------------------------------------------------

    def _outside(self, what: str) -> None:
        self.judge.epoch += 1
        self.history.append(what)

    def _anybody(self, chance: Random) -> str:
        seen = self.seen()
        uids = sorted([gang.uid for gang in seen.gangs] + [one.gang.uid for one in seen.running])
        return chance.choice(uids) if uids else ""

    def _taken_out(self, uid: str) -> Suspended:
        tenant = self.cluster.job(uid)
        assert tenant is not None
        # Under a new uid: what is still going to happen to the one taken out must not happen to this one.
        gang = replace(tenant.gang, uid=f"{uid}'", promise=None)
        self.cluster.cancel(uid)
        return Suspended(gang, max(tenant.work, 1.0), tenant.factor)


def _told(gang: Gang) -> str:
    return (
        f"{gang.uid} {gang.sizes or gang.workers}x{gang.devices} prio {gang.priority} {gang.queue}"
        f"{' in one ' + gang.required if gang.required else ''}{f' {gang.groups}' if gang.groups else ''} {gang.models}"
    )
