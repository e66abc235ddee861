"""A gang seen from outside while it recovers: its status and its pods, each change with the time it was seen.

Reads only what any client of the API server can read, so it holds for any way the operator may go about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from crosstree.adapters import podfacts, wire
from crosstree.adapters.client import Api
from crosstree.adapters.watch import Watcher
from crosstree.base.clock import monotonic
from crosstree.cli.burst_objects import JOBS, PODS


class JobStatus(wire.Wire):
    """What a TrainingJob's status says about its attempts."""

    phase: str = ""
    attempt: int = 0
    placement: msgspec.Raw = msgspec.Raw()


class Job(wire.Wire):
    """A TrainingJob."""

    metadata: wire.NodeMeta = msgspec.field(default_factory=wire.NodeMeta)
    status: JobStatus = msgspec.field(default_factory=JobStatus)


@dataclass(slots=True)
class Sighting:
    """A pod, and when it was first seen to be each thing; seconds by `base.clock.monotonic`."""

    uid: str
    index: int
    attempt: int
    node: str = ""
    made: float = 0.0
    bound: float | None = None
    ready: float | None = None
    leaving: float | None = None
    gone: float | None = None
    is_ready: bool = False


@dataclass(slots=True)
class Gang:
    """One TrainingJob with its pods, as its watches tell it."""

    phase: str = ""
    attempt: int = 0
    placed: bool = False
    pods: dict[str, Sighting] = field(default_factory=dict)
    recovering_at: float | None = None
    placed_at: float | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def forget(self) -> None:
        """Begin a new measurement: pods that are gone and earlier moments don't matter any more."""
        self.pods = {uid: pod for uid, pod in self.pods.items() if pod.gone is None}
        self.recovering_at = self.placed_at = None

    def job(self, seen: Job, now: float) -> None:
        """Take over the job's status."""
        status = seen.status
        if status.phase == "Recovering" and self.phase != "Recovering":
            self.recovering_at = self.recovering_at or now
        placed = len(status.placement) > 0
        if placed and (status.attempt != self.attempt or not self.placed):
            self.placed_at = now
        self.phase, self.attempt, self.placed = status.phase, status.attempt, placed
        self.changed.set()

    def pod(self, seen: wire.Pod, now: float) -> None:
        """Take over a pod."""
        fact = podfacts.of(seen)
        one = self.pods.setdefault(fact.uid, Sighting(fact.uid, fact.index, fact.attempt, made=now))
        if fact.node and one.bound is None:
            one.node, one.bound = fact.node, now
        if fact.terminating and one.leaving is None:
            one.leaving = now
        one.is_ready = fact.ready and not fact.terminating
        if one.is_ready and one.ready is None:
            one.ready = now
        self.changed.set()

    def lost(self, uid: str, now: float) -> None:
        """A pod is gone."""
        if uid in self.pods:
            self.pods[uid].gone = now
        self.changed.set()

    def alive(self) -> list[Sighting]:
        """Return the pods that exist."""
        return [pod for pod in self.pods.values() if pod.gone is None]

    def whole(self, workers: int) -> bool:
        """Tell whether every worker has exactly one pod, all of them ready."""
        alive = self.alive()
        return (
            {pod.index for pod in alive} == set(range(workers))
            and len(alive) == workers
            and all(pod.is_ready for pod in alive)
        )

    async def until(self, holds: Callable[[], bool], within: float) -> bool:
        """Wait until something holds; False if it does not within so many seconds."""
        try:
            async with asyncio.timeout(within):
                while not holds():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return holds()
        return True


class _JobSink:
    def __init__(self, gang: Gang, name: str) -> None:
        self._gang, self._name = gang, name

    def begin_list(self) -> None:
        """Nothing to prepare."""

    def put(self, item: Job) -> None:
        """A job as it is now."""
        if item.metadata.name == self._name:
            self._gang.job(item, monotonic())

    def drop(self, item: Job) -> None:
        """Nobody deletes it while it is measured."""

    def end_list(self) -> None:
        """Nothing to conclude."""


class _PodSink:
    def __init__(self, gang: Gang, job: str) -> None:
        self._gang, self._job = gang, job
        self._unseen: set[str] = set()

    def begin_list(self) -> None:
        """A complete list follows."""
        self._unseen = {pod.uid for pod in self._gang.alive()}

    def put(self, item: wire.Pod) -> None:
        """A pod as it is now."""
        if item.metadata.labels is not None and item.metadata.labels.job == self._job:
            self._unseen.discard(item.metadata.uid)
            self._gang.pod(item, monotonic())

    def drop(self, item: wire.Pod) -> None:
        """A pod is gone."""
        self._gang.lost(item.metadata.uid, monotonic())

    def end_list(self) -> None:
        """What the list did not hold is gone."""
        for uid in self._unseen:
            self._gang.lost(uid, monotonic())


@asynccontextmanager
async def following(api: Api, namespace: str, job: str) -> AsyncIterator[Gang]:
    """Follow one TrainingJob and its pods."""
    gang = Gang()
    watchers: list[Watcher[Job] | Watcher[wire.Pod]] = [
        Watcher(api, JOBS.format(namespace=namespace), Job, _JobSink(gang, job)),
        Watcher(api, PODS.format(namespace=namespace), wire.Pod, _PodSink(gang, job)),
    ]
    tasks = [asyncio.create_task(one.run()) for one in watchers]
    try:
        for one in watchers:
            await asyncio.wait_for(one.synced.wait(), 30)
        yield gang
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
