"""Gangs that wait for a place and gangs that have one, kept up to date job by job.

Only jobs something happened to are looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from crosstree.adapters.holds import Holds, missing_workers
from crosstree.adapters.promises import Promises
from crosstree.adapters.requests import PODS
from crosstree.adapters.store import ObjectStore
from crosstree.core import lifecycle, tenure
from crosstree.core.admission import admit, cluster_of, priority_of
from crosstree.core.job import Job
from crosstree.core.plan import NodeShare, Wait
from crosstree.core.pods import PodFact
from crosstree.core.recovery import footprint
from crosstree.core.runbound import expected_in
from crosstree.core.runs import Runs
from crosstree.core.shapes import Request
from crosstree.core.tenure import Tenure
from crosstree.core.workload import Expectation, Gang, NodeConstraint

TAUGHT = 0.1
"""Part of an expected duration by which it has to change before those that wait are asked for anew."""

PodsOf = Callable[[str, str], tuple[PodFact, ...]]

CONSTRAINTS = 10_000
"""Distinct node constraints remembered, so that equal ones are one object; a few hundred bytes each."""


class Waiting:
    """The waiting gangs of every AICluster, the running ones, and the places held for them.

    Args:
        store: Jobs and what admits them.
        pods_of: Pods of a job, by namespace and name.
        promises: Places on their way; verdicts of admission are put there.
        holds: Places held.
        runs: Gangs that have a place.
        told: Called with the key of a job whose verdict is news.
    """

    def __init__(
        self,
        store: ObjectStore,
        pods_of: PodsOf,
        promises: Promises,
        holds: Holds,
        runs: Runs,
        told: Callable[[str], None],
    ) -> None:
        self.priorities: dict[str, int] = {}
        """Value of each PriorityClass."""
        self.namespaces: Mapping[str, Mapping[str, str]] = {}
        """Labels of each namespace."""
        self._store = store
        self._pods_of = pods_of
        self._promises = promises
        self._holds = holds
        self._runs = runs
        self._launching: set[str] = set()
        self._told = told
        self._stale: set[str] = set()
        self._gangs: dict[str, tuple[str, Gang]] = {}
        self._avoiding: set[str] = set()
        self._kept_away: dict[str, Gang] = {}
        self._sorted: dict[str, tuple[str, ...]] | None = None
        self._answers: dict[str, tuple[Gang, ...]] = {}
        self._constraints: dict[NodeConstraint, NodeConstraint] = {}

    def look_at(self, key: str) -> None:
        """Something happened to a job or its pods."""
        self._stale.add(key)

    def look_at_all(self) -> None:
        """Something happened that every job may depend on."""
        self._stale.update(self._store.jobs)

    def settle(self, now: float) -> None:
        """Bring everything up to date. O(jobs looked at)."""
        for key in sorted(self._stale):
            self._settle(key, now)
        self._stale.clear()

    def of(self, cluster: str, now: float) -> tuple[Gang, ...]:
        """Return the waiting gangs of an AICluster, by key, with the nodes each keeps away from at `now`.

        The same tuple as long as nothing changed. O(gangs) after a change; else O(gangs that failed lately).
        """
        if self._sorted is None:
            grouped: dict[str, list[str]] = {}
            for key in sorted(self._gangs):
                grouped.setdefault(self._gangs[key][0], []).append(key)
            self._sorted = {name: tuple(keys) for name, keys in grouped.items()}
            self._answers = {}
        kept, plain = self._kept_away, self._gangs
        moved = [self._keep_away(key, now) for key in self._avoiding if plain[key][0] == cluster]
        answer = self._answers.get(cluster)
        if answer is None or any(moved):
            keys = self._sorted.get(cluster, ())
            answer = tuple([kept[key] if key in kept else plain[key][1] for key in keys])
            self._answers[cluster] = answer
        return answer

    def _settle(self, key: str, now: float) -> None:
        job = self._store.jobs.get(key)
        self._promises.settle(key, job)
        if job is None:
            self._set_waiting(key, None)
            self._release(key)
            self._runs.hold(key, self._lingering(key, now))
            return
        pods = self._pods_of(job.namespace, job.name)
        self._hold(job, pods)
        self._runs.hold(key, self._tenure(job, pods, now))
        if self._promises.assumed(key) is not None or not lifecycle.wants_placement(job, pods):
            self._set_waiting(key, None)
            self._promises.stop_waiting(key)
            return
        verdict = admit(job, self._store.clusters, self._store.queues, self.priorities, self.namespaces)
        owner = cluster_of(job, self._store.clusters)
        if isinstance(verdict, Wait):
            self._set_waiting(key, None)
            if self._promises.wait(verdict, job.generation):
                self._told(key)
        elif not isinstance(owner, Wait):
            self._set_waiting(key, (owner.name, self._alike(_asking(job, verdict, self._expected(job)))))

    def launch_begins(self, key: str) -> None:
        """Pods of a job are about to be created: its places are held until that has ended."""
        self._launching.add(key)

    def launch_ends(self, key: str) -> None:
        """All pods of a launch have been answered for."""
        self._launching.discard(key)
        self.look_at(key)

    def _release(self, key: str) -> None:
        """Hold nothing for a job any more, unless pods of it may still come into being."""
        if key not in self._launching:
            self._holds.clear(key)

    def _set_waiting(self, key: str, asks: tuple[str, Gang] | None) -> None:
        """Remember what a job asks for, the same object as long as that does not change; None if it does not wait."""
        if asks is not None and self._store.jobs[key].progress.restarts:
            self._avoiding.add(key)
        else:
            self._avoiding.discard(key)
        if self._gangs.get(key) == asks:
            return
        self._sorted = None
        self._kept_away.pop(key, None)
        if asks is None:
            del self._gangs[key]
        else:
            self._gangs[key] = asks

    def _keep_away(self, key: str, now: float) -> bool:
        """Bring the nodes up to date that a gang keeps away from; return whether they changed."""
        restarts = self._store.jobs[key].progress.restarts
        avoid, banned = lifecycle.avoided(restarts, now), lifecycle.banned(restarts, now)
        last = self._kept_away.get(key, self._gangs[key][1])
        if (avoid, banned) == (last.avoid, last.banned):
            return False
        if avoid:
            self._kept_away[key] = replace(self._gangs[key][1], avoid=avoid, banned=banned)
        else:
            del self._kept_away[key]
        return True

    def _alike(self, gang: Gang) -> Gang:
        """Give gangs with equal constraints the same one: thousands are told apart by looking at the objects."""
        if len(self._constraints) > CONSTRAINTS:
            self._constraints.clear()
        shared = self._constraints.setdefault(gang.constraint, gang.constraint)
        return gang if shared is gang.constraint else replace(gang, constraint=shared)

    def _tenure(self, job: Job, pods: tuple[PodFact, ...], now: float) -> Tenure | None:
        """Return the place that a job holds, promised or stored, or what is left of it."""
        owner = cluster_of(job, self._store.clusters)
        cluster = "" if isinstance(owner, Wait) else owner.name
        gang = replace(
            job.gang,
            requests=_with_pod(job.gang),
            expected=self._expected(job),
            priority=priority_of(job, self._store.queues, self.priorities),
        )
        given = self._promises.assumed(job.key)
        if given is not None:
            return tenure.promised(job, gang, given.place, given.attempt, cluster, now)
        return tenure.stored(job, gang, cluster, pods, now) or self._left(job.key, pods, now)

    def _expected(self, job: Job) -> Expectation:
        return expected_in(self._store.queues, job)

    def taught(self, queue: str) -> None:
        """The memory of a queue changed: look at its waiting jobs of which it says something else by now."""
        for key, (_, gang) in self._gangs.items():
            if gang.queue == queue and gang.expected is not None:
                known, now = gang.expected.seconds, self._expected(self._store.jobs[key]).seconds
                if abs(known - now) > TAUGHT * known:
                    self._stale.add(key)

    def _lingering(self, key: str, now: float) -> Tenure | None:
        """Return what is left of the place of a job that is gone."""
        if self._runs.known(key) is None:
            return None
        namespace, _, name = key.partition("/")
        return self._left(key, self._pods_of(namespace, name), now)

    def _left(self, key: str, pods: tuple[PodFact, ...], now: float) -> Tenure | None:
        known = self._runs.known(key)
        return tenure.lingering(known, pods, now) if known is not None else None

    def _hold(self, job: Job, pods: tuple[PodFact, ...]) -> None:
        """Hold the place of every worker that has none of its own, until the placement is cleared.

        So nobody slips into the nodes of a gang that recovers between the end of its pods and its next place.
        """
        promised = self._promises.assumed(job.key)
        nodes: tuple[NodeShare, ...]
        if promised is not None:
            nodes, attempt, resource = promised.place.nodes, promised.attempt, promised.place.resource
        elif job.progress.placement is not None and not job.deleting and not lifecycle.finished(job.progress):
            placement = job.progress.placement
            nodes, attempt, resource = placement.nodes, job.progress.attempt, placement.resource
        else:
            self._release(job.key)
            return
        missing = missing_workers(nodes, attempt, job.uid, pods)
        leaving = promised is None and lifecycle.withdrawing(job.progress)
        self._holds.set(job.key, request_of(job.gang, resource), missing, if_free=leaving)


def request_of(gang: Gang, resource: str) -> Request:
    """Return what one worker takes from its node, as its pod will be counted."""
    amounts = dict(_with_pod(gang))
    if gang.devices and resource:
        amounts[resource] = gang.devices
    return tuple(sorted((name, amount) for name, amount in amounts.items() if amount))


def _asking(job: Job, gang: Gang, expected: Expectation) -> Gang:
    """Add to what a job asks for what only its status knows: that it lost a place, and which."""
    progress = job.progress
    lost = lifecycle.recovering(progress)
    before = footprint(progress.recovery) if lost else None
    return replace(
        gang,
        requests=_with_pod(gang),
        recovering=lost and not lifecycle.resizing(progress),
        before=before,
        promise=progress.plan,
        told=lifecycle.told_first(progress),
        expected=expected,
    )


def _with_pod(gang: Gang) -> Request:
    """A pod also takes one of the pods its node may hold."""
    if any(name == PODS for name, _ in gang.requests):
        return gang.requests
    return tuple(sorted((*gang.requests, (PODS, 1))))
