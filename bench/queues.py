"""Q1 on a real API server: thousands of jobs wait in a tree of queues while others end and start.

The fleet is filled with gangs, then many more are submitted than will start. Three times are looked at: until each of
those that wait has been told why; a time in which nothing happens; and a time in which a gang ends now and then, so
that others start. What the operator writes is counted in the last two, and how long its cycles take in all of them.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.histogram import Histogram, quantile
from bench.standing import during, quiet, running, split
from crosstree.adapters.client import Api
from crosstree.api.v1alpha1.crds import crds
from crosstree.base.clock import SystemClock, monotonic
from crosstree.base.errors import SettingsError, Unavailable
from crosstree.base.names import API_VERSION
from crosstree.cli import ground
from crosstree.cli.access import OURS, connected, listed
from crosstree.cli.burst import created, each
from crosstree.cli.burst_objects import JOBS, PODS, Post, Shape, training_jobs
from crosstree.cli.crds import applied
from crosstree.cli.measure import Record, Value
from crosstree.cli.operator_process import Operator
from crosstree.cli.write_count import Writes
from localcluster.ports import free_ports

RESOURCE = "nvidia.com/gpu"
PER_WORKER = 8
SIZES = (1, 2, 4, 8, 16, 32)
"""Workers of the jobs that wait, in turn."""

PARENTS = 10
"""Queues that have others below them."""

TOLD_WITHIN = 300.0
"""Seconds until every waiting job says why, after which the bench gives up."""

CYCLES = "crosstree_cycle_seconds"
STATUS = "PATCH trainingjobs/status"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        waiting: Jobs that wait.
        queues: JobQueues they wait in, parents included.
        gangs: Gangs that run, of four workers each; they should fill the fleet.
        idle: Seconds in which nothing happens.
        churn: Gangs that end while others wait, one after another.
        pace: Seconds between two of these.
        audit_log: The API server's audit log.
    """

    waiting: int
    queues: int
    gangs: int
    idle: float
    churn: int
    pace: float
    audit_log: Path


async def measure(plan: Plan, kubeconfig: Path) -> AsyncIterator[Record]:
    """Yield the figures of each of the three times.

    Raises:
        SettingsError: there is no such audit log.
        Unavailable: the gangs do not come to run, or the jobs are not told why they wait.
    """
    if not plan.audit_log.exists():
        raise SettingsError(f"--audit-log {plan.audit_log} does not exist; start the cluster with --audit.")
    (port,) = free_ports(1)
    async with connected(str(kubeconfig), None) as api:
        await applied(api, list(crds().values()))
        with Operator.start(kubeconfig=str(kubeconfig), listen=f"127.0.0.1:{port}") as operator:
            async with (
                ground.ai_cluster(api, None) as cluster,
                ground.namespace(api) as namespace,
                ground.namespace(api, suffix="-waiting") as crowd,
            ):
                made = [post async for post in _queues(api, plan)]
                try:
                    stage = _Stage(api, plan, operator, port, cluster, namespace, crowd)
                    async for record in stage.play():
                        yield record
                finally:
                    for post in made:
                        await api.request(
                            "DELETE", f"{post.path}/{json.loads(post.body)['metadata']['name']}"
                        )


@dataclass(frozen=True, slots=True)
class _Stage:
    """One run: where everything is."""

    api: Api
    plan: Plan
    operator: Operator
    port: int
    cluster: str
    namespace: str
    crowd: str

    async def play(self) -> AsyncIterator[Record]:
        plan, api = self.plan, self.api
        nodes = len(await listed(api, "/api/v1/nodes"))
        about: dict[str, Value] = {
            "source": "api-server", "nodes": nodes, "waiting": plan.waiting, "queues": plan.queues,
            "runningGangs": plan.gangs,
        }  # fmt: skip
        names = queue_names(plan.queues)
        shape = Shape(plan.gangs, 4, PER_WORKER, "")
        jobs = training_jobs(shape, namespace=self.namespace, cluster=self.cluster, resource=RESOURCE)
        await each([queued(post, names[at % len(names)]) for at, post in enumerate(jobs)], self._create)
        await running(api, self.namespace, plan.gangs)
        before, begun = await self._cycles(), monotonic()
        await each(list(crowd(plan.waiting, names, self.crowd, self.cluster)), self._create)
        await self._all_told()
        yield Record("Q1", "all_told", monotonic() - begun, "s", about)
        yield await self._cycle_p99("submitted", before, about)
        await quiet(plan.audit_log, TOLD_WITHIN)
        yield await self._idle(about)
        async for record in self._churn(about):
            yield record

    async def _create(self, post: Post) -> None:
        await created(self.api, post)

    async def _all_told(self) -> None:
        begun = monotonic()
        while True:
            self.operator.check()
            jobs = await listed(self.api, JOBS.format(namespace=self.crowd))
            told = sum(bool((job.get("status") or {}).get("phase")) for job in jobs)
            if told >= self.plan.waiting:
                return
            if monotonic() - begun > TOLD_WITHIN:
                raise Unavailable(
                    f"{told} of {self.plan.waiting} jobs say why they wait; see {self.operator.log}"
                )
            await asyncio.sleep(1.0)

    async def _idle(self, about: Mapping[str, Value]) -> Record:
        begun = SystemClock().now()
        await asyncio.sleep(self.plan.idle)
        writes = await self._written(begun, SystemClock().now())
        more = {**about, "seconds": self.plan.idle, **_most(writes)}
        return Record("Q1", "idle_writes", writes.total(), "writes", more)

    async def _churn(self, about: Mapping[str, Value]) -> AsyncIterator[Record]:
        """Let gangs end one after another, and look at what that costs."""
        started, before, begun = await self._started(), await self._cycles(), SystemClock().now()
        for number in range(self.plan.churn):
            await self._end(f"g{number}")
            await asyncio.sleep(self.plan.pace)
        await asyncio.sleep(self.plan.pace)
        now = SystemClock().now()
        more: dict[str, Value] = {**about, "ended": self.plan.churn, "seconds": round(now - begun)}
        yield await self._cycle_p99("churn", before, more)
        starts = await self._started() - started
        writes = await self._written(begun, now)
        statuses = sum(count for what, count in writes.items() if "trainingjobs/status" in what)
        yield Record("Q1", "starts", starts, "jobs", more)
        yield Record(
            "Q1", "status_writes_a_second", statuses / (now - begun), "1/s", {**more, **_most(writes)}
        )
        yield Record("Q1", "status_writes_per_start", statuses / max(starts, 1), "writes", more)

    async def _end(self, name: str) -> None:
        """Let every worker of a gang end well."""
        where = PODS.format(namespace=self.namespace)
        body = json.dumps({"status": {"phase": "Succeeded"}}).encode()
        for index in range(4):
            await self.api.request(
                "PATCH", f"{where}/{name}-worker-{index}/status", body=body, content_type=ground.MERGE_PATCH
            )

    async def _started(self) -> int:
        jobs = await listed(self.api, JOBS.format(namespace=self.crowd))
        return sum((job.get("status") or {}).get("attempt", 0) > 0 for job in jobs)

    async def _cycles(self) -> Histogram:
        return await asyncio.to_thread(Histogram.read, self.port, CYCLES)

    async def _cycle_p99(self, when: str, before: Histogram, about: Mapping[str, Value]) -> Record:
        taken = (await self._cycles()).since(before)
        more = {**about, "when": when, "cycles": taken.count, "p50": round(quantile(taken, 0.5) * 1000, 1)}
        return Record("Q1", "cycle_p99", quantile(taken, 0.99) * 1000, "ms", more)

    async def _written(self, begun: float, ended: float) -> Writes:
        await asyncio.sleep(2.0)  # the log is written in batches
        ours, _ = split(during(await asyncio.to_thread(self.plan.audit_log.read_text), begun, ended))
        return ours


async def _queues(api: Api, plan: Plan) -> AsyncIterator[Post]:
    """Make the tree of queues: ten with guarantees, the others below them with less each, and with limits."""
    for name in queue_names(plan.queues, parents=True):
        post = Post(f"{OURS}/jobqueues", json.dumps(queue(name)).encode())
        await created(api, post)
        yield post


def queue_names(count: int, *, parents: bool = False) -> list[str]:
    """Name the queues that jobs wait in; with `parents` all of them, those above first."""
    above = [f"bench-{number}" for number in range(min(PARENTS, count))]
    below = [f"bench-{number % PARENTS}-{number // PARENTS}" for number in range(PARENTS, count)]
    return [*above, *below] if parents else (below or above)


def queue(name: str) -> Json:
    """Describe one queue by its name."""
    parent = name.rpartition("-")[0]
    quota: Json = {"model": "*", "guaranteed": 400}
    spec: Json = {"quotas": [quota]}
    if parent != "bench":
        spec = {"parent": parent, "quotas": [{"model": "*", "guaranteed": 80, "limit": 600}]}
    return {"apiVersion": API_VERSION, "kind": "JobQueue", "metadata": {"name": name}, "spec": spec}


def crowd(count: int, names: list[str], namespace: str, cluster: str) -> Iterator[Post]:
    """Make the jobs that wait: of six sizes, in all queues, some with a declared duration."""
    for number in range(count):
        workers = SIZES[number % len(SIZES)]
        (post,) = training_jobs(
            Shape(1, workers, PER_WORKER, "leaf", strict=False),
            namespace=namespace,
            cluster=cluster,
            resource=RESOURCE,
            name=f"w{number:04d}",
        )
        yield queued(post, names[number % len(names)], "2h" if number % 2 else None)


def queued(post: Post, name: str, duration: str | None = None) -> Post:
    """Let a job wait in a queue."""
    body = json.loads(post.body)
    body["spec"]["queue"] = name
    if duration is not None:
        body["spec"]["expectedDuration"] = duration
    return Post(post.path, json.dumps(body).encode())


def _most(writes: Counter[str]) -> dict[str, Value]:
    return {"most": ", ".join(f"{what} {count}" for what, count in writes.most_common(4))} if writes else {}
