"""S14 and S15 on a real API server: what an operator costs that has nothing to do, and one that comes back.

Gangs are started and left running, beside pods of others that only hold their places. Then, one after another: a
minute in which nothing happens, whose writes are counted; the operator ended, a job submitted, the operator started
again, timed until it is ready and until that job has its place; and the writes by which it took over what ran.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.start import ready_at
from crosstree.adapters.client import Api
from crosstree.api.v1alpha1.crds import definitions
from crosstree.base.clock import SystemClock, from_rfc3339, monotonic
from crosstree.base.errors import SettingsError, Unavailable
from crosstree.cli import ground
from crosstree.cli.access import connected, listed
from crosstree.cli.burst import created, each
from crosstree.cli.burst_objects import JOBS, PODS, Post, Shape, training_jobs
from crosstree.cli.crds import applied
from crosstree.cli.measure import Record, Value
from crosstree.cli.operator_process import Operator
from crosstree.cli.write_count import Writes, from_audit
from localcluster.faults import FROZEN
from localcluster.ports import free_ports

RESOURCE = "nvidia.com/gpu"
LATE = "late"
"""The job that is submitted while no operator runs."""
PATIENCE = 180.0
"""Seconds until everything runs, or until a decision, after which the bench gives up."""

QUIET = 8.0
"""Seconds without a write of the operator after which all that follows a start is over."""

OPERATOR = "crosstree "
"""Whose writes count, in what `from_audit` returns: the first part of the operator's User-Agent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        shape: The gangs that run.
        others: Pods of others, bound and idle.
        idle: Seconds to watch an idle cluster for.
        audit_log: The API server's audit log, which says who wrote what and when.
    """

    shape: Shape
    others: int
    idle: float
    audit_log: Path


async def measure(plan: Plan, kubeconfig: Path) -> AsyncIterator[Record]:
    """Yield the figures of an idle time and of a restart.

    Raises:
        SettingsError: there is no such audit log.
        Unavailable: the gangs do not come to run, or the operator does not decide.
    """
    if not plan.audit_log.exists():
        raise SettingsError(f"--audit-log {plan.audit_log} does not exist; start the cluster with --audit.")
    (port,) = free_ports(1)
    async with connected(str(kubeconfig), None) as api:
        operator = await _operator(api, kubeconfig, port)
        try:
            async with (
                ground.ai_cluster(api, None) as cluster,
                ground.namespace(api) as namespace,
                ground.namespace(api, suffix="-late") as later,
            ):
                conditions = await _populate(api, plan, cluster, namespace)
                await quiet(plan.audit_log)
                yield await _idle(plan, conditions)
                operator.stop()
                shape = Shape(1, plan.shape.workers, plan.shape.per_worker, plan.shape.level)
                (late,) = training_jobs(shape, namespace=later, cluster=cluster, resource=RESOURCE, name=LATE)
                await created(api, late)
                begun, wall = monotonic(), SystemClock().now()
                operator = Operator.start(kubeconfig=str(kubeconfig), listen=f"127.0.0.1:{port}")
                for record in await _restart(
                    api, plan, operator, port, f"{late.path}/{LATE}", begun, conditions
                ):
                    yield record
                await quiet(plan.audit_log)
                yield await _adoption(plan, wall, namespace, conditions)
        finally:
            operator.stop()


async def _operator(api: Api, kubeconfig: Path, port: int) -> Operator:
    """Install our kinds and start an operator; the caller stops it."""
    await applied(api, definitions())
    return Operator.start(kubeconfig=str(kubeconfig), listen=f"127.0.0.1:{port}")


async def _populate(api: Api, plan: Plan, cluster: str, namespace: str) -> dict[str, Value]:
    """Make what stands there; return the conditions that name it."""
    nodes = [node["metadata"]["name"] for node in await listed(api, "/api/v1/nodes")]
    await each(others(plan.others, nodes, namespace), lambda post: created(api, post))
    jobs = training_jobs(plan.shape, namespace=namespace, cluster=cluster, resource=RESOURCE)
    await each(jobs, lambda post: created(api, post))
    await running(api, namespace, plan.shape.gangs)
    return {
        "source": "api-server", "nodes": len(nodes), "pods": plan.others + plan.shape.pods,
        "runningGangs": plan.shape.gangs,
    }  # fmt: skip


async def _idle(plan: Plan, conditions: dict[str, Value]) -> Record:
    """Count what the operator writes while nothing happens."""
    begun = SystemClock().now()
    await asyncio.sleep(plan.idle)
    ended = SystemClock().now()
    await asyncio.sleep(2.0)  # the log is written in batches
    writes = during(_read(plan.audit_log), begun, ended)
    ours, theirs = split(writes)
    more = {**conditions, "seconds": plan.idle, "writesOfOthers": theirs.total()}
    if ours:
        more["most"] = ", ".join(f"{what} {count}" for what, count in ours.most_common())
    return Record("S15", "idle_writes", ours.total(), "writes", more)


async def _restart(
    api: Api, plan: Plan, operator: Operator, port: int, late: str, begun: float, conditions: dict[str, Value]
) -> list[Record]:
    """Time an operator that has just been started until it is ready and has decided on the job that waits."""
    watching = asyncio.create_task(ready_at(port))
    while not ((await api.get_json(late)).get("status") or {}).get("placement"):
        operator.check()
        if monotonic() - begun > PATIENCE:
            raise Unavailable(f"no decision {PATIENCE:.0f} s after the start; its log is {operator.log}")
        await asyncio.sleep(0.02)
    decided, processor = monotonic() - begun, operator.processor_seconds()
    ready = await watching - begun
    return [
        Record("S14", "ready", ready, "s", conditions),
        Record("S14", "first_decision", decided, "s", conditions),
        Record("S14", "rss_peak", operator.peak_memory() / 2**20, "MiB", conditions),
        Record("S14", "processor_time", processor, "s", conditions),
    ]


async def _adoption(plan: Plan, begun: float, namespace: str, conditions: dict[str, Value]) -> Record:
    """Count what an operator that came back wrote about jobs that ran already."""
    ours, _ = split(about(_read(plan.audit_log), begun, namespace))
    more = dict(conditions)
    if ours:
        more["most"] = ", ".join(f"{what} {count}" for what, count in ours.most_common())
    return Record("S15", "writes_for_running_gangs", ours.total(), "writes", more)


def during(log: str, begun: float, ended: float) -> Writes:
    """Count the writes of an audit log that were received in a span of time, seconds since the epoch."""
    return from_audit("\n".join(line for line in log.splitlines() if begun <= _received(line) < ended))


def about(log: str, begun: float, namespace: str) -> Writes:
    """Count the writes since `begun` to anything in a namespace."""
    return from_audit(
        "\n".join(
            line
            for line in log.splitlines()
            if json.loads(line).get("objectRef", {}).get("namespace") == namespace
            and _received(line) >= begun
        )
    )


def split(writes: Writes) -> tuple[Writes, Writes]:
    """Divide writes into those of the operator and those of everybody else."""
    ours = {what: count for what, count in writes.items() if what.startswith(OPERATOR)}
    return Writes(ours), Writes(writes - Writes(ours))


def others(count: int, nodes: list[str], namespace: str) -> list[Post]:
    """Make pods of others: bound from the start, of no accelerators, and left alone by simulated kubelets."""
    posts = []
    for number in range(count):
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"other-{number:06d}",
                "namespace": namespace,
                "annotations": {FROZEN: "true"},
                "labels": {"app": "other"},
            },
            "spec": {
                "nodeName": nodes[number % len(nodes)],
                "terminationGracePeriodSeconds": 0,
                "tolerations": [{"operator": "Exists"}],
                "containers": [
                    {
                        "name": "c",
                        "image": "pause",
                        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                    }
                ],
            },
        }
        posts.append(Post(PODS.format(namespace=namespace), json.dumps(body).encode()))
    return posts


async def running(api: Api, namespace: str, gangs: int) -> None:
    """Wait until so many gangs run."""
    begun = monotonic()
    while True:
        jobs = await listed(api, JOBS.format(namespace=namespace))
        count = sum((job.get("status") or {}).get("phase") == "Running" for job in jobs)
        if count >= gangs:
            return
        if monotonic() - begun > PATIENCE:
            raise Unavailable(f"{count} of {gangs} gangs run {PATIENCE:.0f} s after they were submitted")
        await asyncio.sleep(0.5)


async def quiet(audit_log: Path, within: float = PATIENCE) -> None:
    """Wait until the operator has not written for a while.

    Raises:
        Unavailable: it goes on writing for longer than `within` seconds.
    """
    begun, ours = monotonic(), Writes()
    while monotonic() - begun < within:
        since = SystemClock().now() - QUIET
        ours, _ = split(during(_read(audit_log), since, float("inf")))
        if not ours and monotonic() - begun > QUIET:
            return
        await asyncio.sleep(1.0)
    raise Unavailable(f"the operator writes without end: {', '.join(ours)}")


def _received(line: str) -> float:
    return from_rfc3339(json.loads(line)["requestReceivedTimestamp"])


def _read(log: Path) -> str:
    """Read a local file, between two measurements."""
    return log.read_text()
