"""One TrainingJob in a world of its own: pods, nodes, a status and a scheduler, all in memory, no time but ours.

The world stands behind the two ports of the reconciler. It can kill the operator right after (or right before) any
write takes effect, refuse pods, lose nodes, and it checks after every write what must hold always.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from crosstree.base.errors import AlreadyExists, Conflict, NotFound, Refused
from crosstree.core.cluster import Binding, Cluster
from crosstree.core.job import Job
from crosstree.core.lifecycle import avoided, finished, recovering, wants_placement
from crosstree.core.plan import Decision, Evict, NodeShare, Place, Rung, Span, Wait, WaitReason
from crosstree.core.pods import NodeHealth, PodFact, PodPhase
from crosstree.core.snapshot import NodeState
from crosstree.engine.work import Again
from crosstree.reconcilers.trainingjob import TrainingJobReconciler
from crosstree.translate.stored import progress
from tests.support.builders.jobs import GPU, MODEL, T0
from tests.support.virtual_pods import Outcome, VirtualPod
from tests.support.virtual_store import VirtualStore

UNREACHABLE_SECONDS = 300
"""A node may be silent for this long before what was told to go there is removed by force."""

LADDER = tuple(Rung)
"""The rungs, lowest first."""

PARTIAL_SECONDS = 60
"""A gang may be partial for this long while every node answers."""


def merge_patched(stored: Any, patch: Any) -> Any:
    """Apply a JSON merge patch as the API server does (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    base = dict(stored) if isinstance(stored, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merge_patched(base.get(key), value)
    return base


class Killed(BaseException):
    """The operator was killed: the write may have taken effect, nobody heard of it."""


@dataclass
class VirtualJobs:
    """The world. Satisfies both `Facts` and `Writer`.

    Attributes:
        job: The job as stored.
        behaviour: Attempt and index to the worker's fate; what is not named succeeds.
        kill_at: Numbers of writes at which the operator is killed, counted from 1 over the whole run.
        kill_before: Whether the write is lost (True) or takes effect (False) when the operator is killed.
        refusing: Seconds from the start during which the server refuses every pod but the first worker's.
        lagging: Whether the operator sees pods as they were a tick ago, as a slow watch would show them.
        broken_raw: The job as an object that can't be understood, if it is to be one.
        nodes: State of each node; a node that is gone has none.
        evicting: The attempt that is to make room for another job; 0 for none.
        graces: What deletions said about the time to end in.
    """

    job: Job
    behaviour: Callable[[int, int], Outcome] = lambda attempt, index: Outcome()
    kill_at: frozenset[int] = frozenset()
    kill_before: bool = False
    refusing: int = 0
    lagging: bool = False
    broken_raw: Mapping[str, Any] | None = None
    nodes: dict[str, NodeState] = field(default_factory=dict)
    evicting: int = 0
    graces: list[int | None] = field(default_factory=list)
    now: float = T0
    exists: bool = True
    pods: dict[str, VirtualPod] = field(default_factory=dict)
    services: int = 0
    events: list[tuple[str, str, str]] = field(default_factory=list)
    writes: int = 0
    kills: int = 0
    dead: bool = False
    violations: list[str] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = VirtualStore(self, {"east": Cluster("east", "c", 1, "1", T0, binding=Binding.SCHEDULER)})
        self._since: dict[str, float] = {}
        self._rung: tuple[Any, int] = (None, -1)
        self._partial_since: float | None = None
        self._given: Place | None = None
        for index in range(self.job.gang.workers * 3 + 6):
            self.nodes.setdefault(f"n{index:02d}", NodeState.USABLE)
        self._made = 0
        self._shown: tuple[PodFact, ...] = ()

    # ---- Facts

    def pods_of(self, namespace: str, job_name: str) -> tuple[PodFact, ...]:
        return self._shown if self.lagging else self._present()

    def health_of(self, job: Job) -> tuple[NodeHealth, ...]:
        placement = job.progress.placement
        if placement is None:
            return ()
        return tuple(
            NodeHealth(
                s.name,
                s.name in self.nodes,
                self.nodes.get(s.name, NodeState.USABLE),
                self._since.get(s.name, 0),
                silent=self.nodes.get(s.name) is NodeState.NOT_READY,
            )
            for s in placement.nodes
        )

    def served(self, job: Job) -> bool:
        return bool(self.services)

    def decision_for(self, key: str, uid: str) -> Decision | None:
        if self._given is None and wants_placement(self.job, self.pods_of("", "")):
            self._given = self._place()
            if self._given is None:
                return Wait(key, uid, WaitReason.NOT_ENOUGH_FREE, "There are too few nodes.")
        if self._given is None and self.evicting == self.job.progress.attempt:
            return Evict(key, uid, "", "It makes room for another job.")
        return self._given

    def carried_out(self, key: str, uid: str) -> None:
        self._given = None

    def launching(self, key: str) -> AbstractContextManager[None]:
        return nullcontext()

    def give_back(self, key: str, uid: str) -> None:
        self._given = None

    # ---- Writer

    async def pods_now(self, namespace: str, job_name: str, job_uid: str) -> frozenset[str]:
        return frozenset(name for name, pod in self.pods.items() if pod.fact.job_uid == job_uid)

    async def create_pod(self, namespace: str, body: bytes) -> None:
        with_kill = self._begin()
        pod = json.loads(body)
        name = pod["metadata"]["name"]
        if self.now < T0 + self.refusing and not name.endswith("-0"):
            raise Refused("pods is forbidden: exceeded quota", status=403)
        if name in self.pods:
            raise AlreadyExists(f"pods {name!r} already exists", status=409)
        self._made += 1
        self.pods[name] = VirtualPod.made(pod, f"pod-uid-{self._made}", self.now)
        self._end(with_kill)

    async def create_service(self, namespace: str, body: bytes) -> None:
        with_kill = self._begin()
        if self.services:
            raise AlreadyExists("services already exists", status=409)
        self.services = 1
        self._end(with_kill)

    async def delete_pod(self, namespace: str, name: str, uid: str, grace: int | None = None) -> None:
        with_kill = self._begin()
        pod = self.pods.get(name)
        self.graces.append(grace)
        if pod is not None and pod.fact.uid == uid:
            if grace == 0:
                self._check_force(pod.fact)
                del self.pods[name]
            else:
                pod.fact = replace(pod.fact, terminating=True)
        self._end(with_kill)

    async def patch_status(
        self,
        plural: str,
        namespace: str | None,
        name: str,
        resource_version: str,
        status: Mapping[str, Any],
        *,
        urgent: bool = False,
    ) -> Mapping[str, Any]:
        with_kill = self._begin()
        if not self.exists:
            raise NotFound("gone", status=404)
        if resource_version != self.job.resource_version:
            raise Conflict("somebody wrote first", status=409)
        merged = merge_patched(self.job.progress.observed, status)
        version = str(int(self.job.resource_version) + 1)
        self.job = replace(
            self.job, resource_version=version, progress=progress(json.loads(json.dumps(merged)))
        )
        self.phases.append(str(merged["phase"]))
        self._check_rung(merged)
        self._end(with_kill)
        return {"metadata": {"resourceVersion": version}, "status": merged}

    async def delete_object(self, plural: str, namespace: str | None, name: str, uid: str) -> None:
        with_kill = self._begin()
        self.exists = False
        self.pods.clear()
        self._end(with_kill)

    async def event(self, involved: Mapping[str, Any], type: str, reason: str, message: str) -> None:
        self.events.append((type, reason, message))

    # ---- what happens by itself

    async def run(self, ticks: int, *, each: Callable[[int], None] = lambda tick: None) -> VirtualJobs:
        """Let the world and the operator go on for some seconds, at most until the job has ended.

        A killed operator is started again at once.
        """
        operator = TrainingJobReconciler(self, self)
        for tick in range(ticks):
            each(tick)
            for _ in range(12):
                try:
                    outcome = await operator.reconcile(self.job.key, self.now)
                except Conflict:
                    continue
                except Killed:
                    await operator.drain()
                    operator, self.dead, self._given = TrainingJobReconciler(self, self), False, None
                    self._shown = self._present()  # a new process lists before it watches
                    continue
                if not (isinstance(outcome, Again) and outcome.after == 0):
                    break
            self._tick()
            if self._over():
                break
        await operator.drain()
        return self

    def lose(self, node: str) -> None:
        """Remove a Node object; its pods stay behind, and nobody ends them."""
        self.nodes.pop(node, None)

    def fail(self, node: str) -> None:
        """Stop a node's kubelet."""
        self.nodes[node] = NodeState.NOT_READY
        self._since[node] = self.now

    def remove(self, name: str) -> None:
        """Delete a pod behind the operator's back."""
        if name in self.pods:
            self.pods[name].fact = replace(self.pods[name].fact, terminating=True)

    def evict(self) -> None:
        """Order the attempt that runs to make room, as the scheduler does until it has gone."""
        self.evicting = self.job.progress.attempt

    def update(self, **spec: Any) -> None:
        """Change the job's spec as its owner would."""
        version = str(int(self.job.resource_version) + 1)
        self.job = replace(self.job, resource_version=version, generation=self.job.generation + 1, **spec)

    def _over(self) -> bool:
        running = any(pod.fact.phase in (PodPhase.PENDING, PodPhase.RUNNING) for pod in self.pods.values())
        return not self.exists or (finished(self.job.progress) and not running)

    def _present(self) -> tuple[PodFact, ...]:
        return tuple(pod.fact for pod in self.pods.values())

    def _tick(self) -> None:
        self.now += 1.0
        self._shown = self._present()
        for name, pod in list(self.pods.items()):
            node = pod.fact.node
            if node and self.nodes.get(node) is not NodeState.USABLE:
                continue  # no kubelet: nothing starts, ends or is confirmed there
            if pod.fact.terminating:
                del self.pods[name]
                continue
            pod.age += 1
            pod.fact = pod.grown(self.behaviour(pod.fact.attempt, pod.fact.index), self.now)
        self._check()

    def _place(self) -> Place | None:
        keep_away = avoided(self.job.progress.restarts, self.now)
        usable = [
            n for n, state in sorted(self.nodes.items()) if state is NodeState.USABLE and n not in keep_away
        ]
        workers = self.job.gang.workers
        if len(usable) < workers:
            return None
        shares = tuple(NodeShare(node, index, 1) for index, node in enumerate(usable[:workers]))
        rung = Rung.MOVED if recovering(self.job.progress) else None
        return Place(self.job.key, self.job.uid, "pool", MODEL, GPU, shares, (Span("leaf", 1, 1),), rung)

    # ---- what must hold always

    def _begin(self) -> bool:
        if self.dead:
            raise Killed
        self.writes += 1
        kill = self.writes in self.kill_at
        if kill:
            self.kills += 1
        if kill and self.kill_before:
            self.dead = True
            raise Killed
        return kill

    def _end(self, kill: bool) -> None:
        self._check_attempts()
        if kill:
            self.dead = True
            raise Killed

    def _check_rung(self, status: Mapping[str, Any]) -> None:
        """The ladder is climbed, never descended, within one recovery; the lost place is kept while it is needed."""
        recovery = status.get("recovery") or {}
        begun = (recovery.get("since"), recovery.get("cause"), status.get("attempt"), recovery.get("pod"))
        rung = LADDER.index(Rung(recovery["rung"])) if recovery else -1
        if recovery and self._rung[0] == begun and rung < self._rung[1]:
            self.violations.append(
                f"at {self.now - T0:.0f} s rung {recovery['rung']} came after a higher one"
            )
        if ("nodes" in recovery) is not (recovery.get("rung") == Rung.WAITING.value):
            self.violations.append(
                f"at {self.now - T0:.0f} s rung {recovery.get('rung')} has the wrong nodes"
            )
        self._rung = (begun, rung)

    def _check_force(self, pod: PodFact) -> None:
        state, silent = self.nodes.get(pod.node), self.now - self._since.get(pod.node, self.now)
        if state is not None and not (state is NodeState.NOT_READY and silent >= UNREACHABLE_SECONDS):
            self.violations.append(
                f"at {self.now - T0:.0f} s {pod.name} was removed by force from {pod.node}, which may still run it"
            )

    def _check_attempts(self) -> None:
        attempts = {pod.fact.attempt for pod in self.pods.values()}
        if len(attempts) > 1:
            self.violations.append(
                f"at {self.now - T0:.0f} s pods of attempts {sorted(attempts)} are alive together"
            )

    def _check(self) -> None:
        self._check_attempts()
        unreachable = any(
            self.nodes.get(p.fact.node) is NodeState.NOT_READY for p in self.pods.values() if p.fact.node
        )
        alive = [p for p in self.pods.values() if p.fact.phase in (PodPhase.PENDING, PodPhase.RUNNING)]
        whole = len(self.pods) == self.job.gang.workers and all(
            not p.fact.terminating for p in self.pods.values()
        )
        if not alive or whole or unreachable:
            self._partial_since = None
        elif self._partial_since is None:
            self._partial_since = self.now
        elif self.now - self._partial_since > PARTIAL_SECONDS:
            self.violations.append(f"at {self.now - T0:.0f} s the gang has been partial for too long")
