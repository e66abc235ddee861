"""Gangs that wait for a place, kept up to date job by job: only jobs something happened to are looked at again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from crosstree.adapters.holds import Holds, missing_workers
from crosstree.adapters.promises import Promises
from crosstree.adapters.requests import PODS
from crosstree.adapters.store import ObjectStore
from crosstree.core import lifecycle
from crosstree.core.admission import admit, cluster_of
from crosstree.core.job import Job
from crosstree.core.plan import NodeShare, Wait
from crosstree.core.pods import PodFact
from crosstree.core.recovery import footprint
from crosstree.core.shapes import Request
from crosstree.core.workload import Gang

PodsOf = Callable[[str, str], tuple[PodFact, ...]]


class Waiting:
    """The waiting gangs of every AICluster, and the places held for the jobs that have one.

    Args:
        store: Jobs and what admits them.
        pods_of: Pods of a job, by namespace and name.
        promises: Places on their way; verdicts of admission are put there.
        holds: Places held.
        told: Called with the key of a job whose verdict is news.
    """

    def __init__(
        self,
        store: ObjectStore,
        pods_of: PodsOf,
        promises: Promises,
        holds: Holds,
        told: Callable[[str], None],
    ) -> None:
        self.priorities: dict[str, int] = {}
        """Value of each PriorityClass."""
        self._store = store
        self._pods_of = pods_of
        self._promises = promises
        self._holds = holds
        self._launching: set[str] = set()
        self._told = told
        self._stale: set[str] = set()
        self._gangs: dict[str, tuple[str, Gang]] = {}
        self._kept_away: dict[str, Gang] = {}
        self._sorted: dict[str, tuple[str, ...]] | None = None

    def look_at(self, key: str) -> None:
        """Something happened to a job or its pods."""
        self._stale.add(key)

    def look_at_all(self) -> None:
        """Something happened that every job may depend on."""
        self._stale.update(self._store.jobs)

    def settle(self) -> None:
        """Bring everything up to date. O(jobs looked at)."""
        for key in sorted(self._stale):
            self._settle(key)
        self._stale.clear()

    def of(self, cluster: str, now: float) -> tuple[Gang, ...]:
        """Return the waiting gangs of an AICluster, by key, with the nodes each keeps away from at `now`."""
        if self._sorted is None:
            grouped: dict[str, list[str]] = {}
            for key in sorted(self._gangs):
                grouped.setdefault(self._gangs[key][0], []).append(key)
            self._sorted = {name: tuple(keys) for name, keys in grouped.items()}
        return tuple([self._gang(key, now) for key in self._sorted.get(cluster, ())])

    def _settle(self, key: str) -> None:
        job = self._store.jobs.get(key)
        self._promises.settle(key, job)
        self._forget(key)
        if job is None:
            self._release(key)
            return
        pods = self._pods_of(job.namespace, job.name)
        self._hold(job, pods)
        if self._promises.assumed(key) is not None or not lifecycle.wants_placement(job, pods):
            self._promises.stop_waiting(key)
            return
        verdict = admit(job, self._store.clusters, self._store.queues, self.priorities)
        owner = cluster_of(job, self._store.clusters)
        if isinstance(verdict, Wait):
            if self._promises.wait(verdict):
                self._told(key)
        elif not isinstance(owner, Wait):
            self._gangs[key] = (owner.name, _asking(job, verdict))
            self._sorted = None

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

    def _forget(self, key: str) -> None:
        if self._gangs.pop(key, None) is not None:
            self._sorted = None
        self._kept_away.pop(key, None)

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

    def _gang(self, key: str, now: float) -> Gang:
        """Return a gang; the same object as last time as long as it keeps away from the same nodes."""
        gang = self._gangs[key][1]
        avoid = lifecycle.avoided(self._store.jobs[key].progress.restarts, now)
        if not avoid:
            return gang
        last = self._kept_away.get(key)
        if last is None or last.avoid != avoid:
            last = self._kept_away[key] = replace(gang, avoid=avoid)
        return last


def request_of(gang: Gang, resource: str) -> Request:
    """Return what one worker takes from its node, as its pod will be counted."""
    amounts = dict(_with_pod(gang))
    if gang.devices and resource:
        amounts[resource] = gang.devices
    return tuple(sorted((name, amount) for name, amount in amounts.items() if amount))


def _asking(job: Job, gang: Gang) -> Gang:
    """Add to what a job asks for what only its status knows: that it lost a place, and which."""
    progress = job.progress
    lost = lifecycle.recovering(progress)
    before = footprint(progress.recovery) if lost else None
    return replace(gang, requests=_with_pod(gang), recovering=lost, before=before)


def _with_pod(gang: Gang) -> Request:
    """A pod also takes one of the pods its node may hold."""
    if any(name == PODS for name, _ in gang.requests):
        return gang.requests
    return tuple(sorted((*gang.requests, (PODS, 1))))
