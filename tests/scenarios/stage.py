"""A stage for scenarios: a simulated cluster, the production loop on it, and what has happened so far.

    stage = Stage(leaves=2, nodes=4)
    stage.submit("big", workers=8, runs=HOUR)
    stage.after(60)
    assert stage.runs("big")

Nodes are `n0`, `n1`, ... of 8 accelerators, in leaves `l0`, `l1`, ... under one spine or more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crosstree.base.clock import VirtualClock
from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.plan import Evict, Plan, Promise, Resize, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot, SpareRule
from crosstree.core.workload import Expectation, Gang, Groups, Source
from crosstree.engine.loop import SchedulingLoop
from crosstree.sim.cluster import SimulatedCluster
from crosstree.sim.inventory import NodeFact, inventory
from crosstree.sim.journal import Cause, Silent
from crosstree.sim.runtime import Runtime
from crosstree.sim.tenants import Tenant

MINUTE, HOUR = 60.0, 3600.0
H100, ASCEND = "nvidia-h100-sxm", "huawei-ascend-910b"
NOW = 1_700_000_000.0


@dataclass(frozen=True)
class Stop:
    """Somebody was told to stop or to shrink."""

    at: float
    who: str
    for_whom: str
    workers: int = 0
    """Size it goes on with; 0 for one that stops."""


class Stage:
    """One simulated AICluster under the production loop. Seconds count from its beginning."""

    def __init__(
        self,
        *,
        leaves: int = 2,
        nodes: int = 4,
        spines: int = 1,
        model: str = H100,
        more: Sequence[NodeFact] = (),
        queues: Iterable[QueueSpec] = (),
        backfill: Backfill = Backfill.CONSERVATIVE,
        preemption: Preemption = Preemption.LOWER_PRIORITY,
        min_runtime: float = 0.0,
        checkpoint: float = math.inf,
        spares: SpareRule | None = None,
    ) -> None:
        facts = []
        for leaf in range(leaves * spines):
            for _ in range(nodes):
                facts.append(NodeFact(f"n{len(facts)}", model, 8, f"l{leaf}", f"s{leaf // leaves}"))
        self.clock = VirtualClock(NOW)
        self.cluster = SimulatedCluster(
            inventory([*facts, *more]),
            self.clock,
            runtime=Runtime(checkpoint=checkpoint, restart=0.0, grace=30.0),
            queues=queues,
            manners=Manners(backfill, preemption, min_runtime),
            spares=spares,
            journal=Notes(self),
        )
        self.stops: list[Stop] = []
        self.starts: dict[str, list[float]] = {}
        self.finished: dict[str, float] = {}
        self.told: dict[str, Wait] = {}
        self.restart_operator()

    # what people do ---------------------------------------------------------------------------------------

    def submit(
        self,
        name: str,
        *,
        workers: int = 1,
        devices: int = 8,
        runs: float = HOUR,
        says: float | None = 1.0,
        models: Sequence[str] = (),
        sizes: Sequence[int] = (),
        groups: tuple[int, str] | None = None,
        **asks: object,
    ) -> None:
        """Submit a job that runs for so many seconds. Its owner says so, or a multiple of it, or None: nothing."""
        expected = Expectation(runs * says, Source.DECLARED, 0.9) if says is not None else None
        gang = Gang(
            key=f"{asks.pop('namespace', 'ml')}/{name}",
            uid=name,
            workers=workers,
            devices=devices,
            models=tuple(models),
            sizes=tuple(sizes),
            groups=Groups(*groups) if groups else None,
            created=self.clock.now(),
            expected=expected,
            **asks,  # type: ignore[arg-type]
        )
        self.cluster.submit(gang, runs, factor=says or 0.0)
        self.settle()

    def delete(self, name: str) -> None:
        """Delete a job."""
        self.cluster.cancel(name)
        self.settle()

    def restart_operator(self) -> None:
        """Start another operator, which knows what is stored and nothing else."""
        self._loop = SchedulingLoop(self.cluster, Policy(), self.clock, cycle=self._watched)

    def after(self, seconds: float) -> None:
        """Let time pass, step by step as things happen."""
        until = self.clock.now() + seconds
        while (at := self._next()) < until:
            self._to(at)
        self._to(until)

    def settle(self) -> None:
        """Let the operator do what is to be done now."""
        for _ in range(24):
            report = self._loop.step()
            for failure in report.failures:
                raise failure.error
            if not report.plans:
                return
        raise AssertionError("the loop does not settle")

    # what can be seen -------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.clock.now() - NOW

    @property
    def snapshot(self) -> Snapshot:
        """What the loop would see now."""
        return self.cluster.view()[0]

    def running(self, name: str) -> Running | None:
        """The place of a job; None while it has none."""
        return next((one for one in self.snapshot.running if one.gang.uid == name), None)

    def runs(self, *names: str) -> bool:
        """Whether all of these jobs have a place they do not have to leave."""
        found = [self.running(name) for name in names]
        return all(one is not None and not one.leaving for one in found)

    def workers(self, name: str) -> int:
        """Workers a job has; 0 while it waits."""
        one = self.running(name)
        return one.workers if one is not None else 0

    def nodes(self, name: str) -> list[str]:
        """Nodes of a running job."""
        one = self.running(name)
        assert one is not None, f"{name} does not run: {self.told.get(name)}"
        return [self.snapshot.names[row] for row in one.rows.tolist()]

    def domains(self, name: str, level: str = "leaf") -> set[str]:
        """Domains of a level that a running job is in."""
        one = self.running(name)
        assert one is not None, f"{name} does not run: {self.told.get(name)}"
        pool = next(pool for pool in self.snapshot.pools if pool.name == one.pool)
        found = pool.fabric.levels[pool.fabric.depth(level) or 0]
        at = {row: index for index, row in enumerate(pool.nodes.tolist())}
        return {found.names[int(found.domain[at[row]])] for row in one.rows.tolist()}

    def waits(self, name: str) -> Wait:
        """What a waiting job was told last."""
        assert self.running(name) is None, f"{name} runs"
        return self.told[name]

    def promise(self, name: str) -> Promise | None:
        """The plan that is stored with a waiting job."""
        return next(gang.promise for gang in self.snapshot.gangs if gang.uid == name)

    def started(self, name: str) -> float | None:
        """When a job first started."""
        return self.starts.get(name, [None])[0]

    def stopped(self) -> set[str]:
        """Who was ever told to stop for another."""
        return {stop.who for stop in self.stops if not stop.workers}

    def on(self, node: str) -> set[str]:
        """Who is on a node."""
        row = self.snapshot.names.index(node)
        return {one.gang.uid for one in self.snapshot.running if row in one.rows}

    # the loop ---------------------------------------------------------------------------------------------

    def _watched(self, snapshot: Snapshot, policy: Policy, now: float) -> Plan:
        plan = run_cycle(snapshot, policy, now)
        for one in plan.decisions:
            if isinstance(one, Evict):
                self.stops.append(Stop(now - NOW, one.uid, one.beneficiary))
            elif isinstance(one, Resize) and one.beneficiary:
                self.stops.append(Stop(now - NOW, one.uid, one.beneficiary, one.workers))
        return plan

    def _next(self) -> float:
        due = self._loop.due()
        return min(self.cluster.next_event(), math.inf if due is None else due)

    def _to(self, at: float) -> None:
        self.cluster.advance(max(at, self.clock.now()))
        self.settle()


class Notes(Silent):
    """What the simulated cluster tells the stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def started(self, tenant: Tenant, now: float) -> None:
        """Note a start."""
        self._stage.starts.setdefault(tenant.gang.uid, []).append(now - NOW)

    def stopped(self, tenant: Tenant, now: float, cause: Cause, lost: float) -> None:
        """Note an end."""
        if cause is Cause.FINISHED:
            self._stage.finished[tenant.gang.uid] = now - NOW

    def told_to_wait(self, tenant: Tenant, wait: Wait, now: float) -> None:
        """Note what it was told."""
        self._stage.told[tenant.gang.uid] = wait


def guaranteed(
    name: str, devices: int, *, model: str = "*", limit: int | None = None, **spec: object
) -> QueueSpec:
    """Describe a queue with one quota."""
    return QueueSpec(name, quotas=(Quota(model, devices, limit),), **spec)  # type: ignore[arg-type]
