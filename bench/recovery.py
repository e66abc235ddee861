"""S10: a gang is broken again and again, and what follows is timed from the write that broke it.

The operator is a child process with its usual settings; only the grace period of the AICluster is none, for it is
a wait that was asked for. Pods keep the grace of 30 s that pods have, which a simulated kubelet does not use up:
how long it takes it to confirm the deletions is part of every figure after the decision, and told on its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.breaks import Break, prepare
from bench.timeline import Gang, following
from crosstree.adapters.client import Api
from crosstree.base.clock import monotonic
from crosstree.base.errors import SpecError, Unavailable
from crosstree.base.names import API_VERSION, pod_name
from crosstree.cli import ground
from crosstree.cli.access import connected
from crosstree.cli.burst import created
from crosstree.cli.burst_objects import JOBS, Post
from crosstree.cli.measure import Record, Value, quantile
from localcluster import kubeconfig as access
from localcluster.api import Api as PlainApi
from localcluster.nodes import SIMULATED

JOB = "gang"
RESOURCE = "nvidia.com/gpu"
PATIENCE = 120.0
"""Seconds a start or a recovery may take before the bench gives up."""

REST = 1.5
"""Seconds between a recovery and the next break: what follows a start, such as statuses, is over by then."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    workers: int
    per_worker: int
    repeats: int
    bindings: Sequence[str]
    breaks: Sequence[Break]


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long after the break each thing was first seen, in seconds.

    Attributes:
        decided: The status says Recovering, or has a new placement: whichever came first.
        stopping: The first pod of the old attempt was told to go.
        stopped: The last pod of the old attempt was gone; equal to `stopping` if none had to go.
        placed: The new attempt has its placement.
        bound: The last worker got its node.
        ready: The last worker was ready.
        kept: Pods of the old attempt that live on.
    """

    decided: float
    stopping: float
    stopped: float
    placed: float
    bound: float
    ready: float
    kept: int


async def measure(plan: Plan, kubeconfig: Path) -> AsyncIterator[Record]:
    """Yield the figures of each way to break a gang, with each way to bind its pods.

    Raises:
        SpecError: a node of the cluster is real.
        Unavailable: the gang does not come to run, or not again.
    """
    plain = await asyncio.to_thread(access.connect, kubeconfig)
    await asyncio.to_thread(only_simulated, plain)
    async with (
        connected(str(kubeconfig), None) as api,
        ground.operator(api, str(kubeconfig), None) as operator,
        ground.ai_cluster(api, None) as cluster,
    ):
        await ground.change(api, cluster, {"health": {"gracePeriod": "0s"}})
        for binding in plan.bindings:
            await ground.bind(api, cluster, binding)
            async with ground.namespace(api) as namespace, following(api, namespace, JOB) as gang:
                await created(api, _job(plan, namespace, cluster))
                await _whole(gang, plan.workers, "start")
                for how in plan.breaks:
                    times = []
                    for turn in range(plan.repeats):
                        operator.check()
                        worker = (turn * 37 + 5) % plan.workers  # anywhere, the same in every run
                        times.append(await _one(plain, gang, plan, namespace, how, worker))
                    for record in records(plan, binding, how, times):
                        yield record
                await _end(api, gang, namespace)


def only_simulated(api: PlainApi) -> None:
    """Make sure that nothing is broken but what is simulated.

    Raises:
        SpecError: a node is real.
    """
    for node in api.get("/api/v1/nodes")["items"]:
        if SIMULATED not in node["metadata"].get("annotations", {}):
            raise SpecError(
                f"node {node['metadata']['name']} is not simulated. This bench breaks nodes: run it on a cluster of "
                "`python -m localcluster up`, where every node is."
            )


async def _one(plain: PlainApi, gang: Gang, plan: Plan, namespace: str, how: Break, worker: int) -> Recovery:
    await asyncio.sleep(REST)
    gang.forget()
    old = {pod.uid: pod for pod in gang.alive()}
    node = next(pod.node for pod in old.values() if pod.index == worker)
    stroke = await asyncio.to_thread(
        prepare, plain, how, namespace=namespace, pod=pod_name(JOB, worker), node=node, resource=RESOURCE
    )
    struck = monotonic()
    await asyncio.to_thread(stroke.strike)
    await gang.until(lambda: gang.placed_at is not None, PATIENCE)
    await _whole(gang, plan.workers, how.value)
    found = recovery(gang, set(old), struck)
    await asyncio.to_thread(stroke.mend)
    return found


def recovery(gang: Gang, old: set[str], struck: float) -> Recovery:
    """Read the times of one recovery from what was seen of it, `old` being the uids of the pods before."""
    before = [pod for uid, pod in gang.pods.items() if uid in old]
    made = [pod for uid, pod in gang.pods.items() if uid not in old]
    placed = gang.placed_at if gang.placed_at is not None else min((pod.made for pod in made), default=struck)
    decided = min(placed, gang.recovering_at if gang.recovering_at is not None else placed)
    # A pod that was removed by force is never seen leaving.
    leaving = [pod.leaving if pod.leaving is not None else pod.gone for pod in before]
    stopping = min((at for at in leaving if at is not None), default=decided)
    stopped = max((pod.gone for pod in before if pod.gone is not None), default=stopping)
    return Recovery(
        decided=decided - struck,
        stopping=stopping - struck,
        stopped=stopped - struck,
        placed=placed - struck,
        bound=max((pod.bound for pod in made if pod.bound is not None), default=placed) - struck,
        ready=max((pod.ready for pod in made if pod.ready is not None), default=placed) - struck,
        kept=sum(pod.gone is None for pod in before),
    )


def records(plan: Plan, binding: str, how: Break, times: Sequence[Recovery]) -> list[Record]:
    """Turn recoveries into figures: the median and the worst of what has a bar; the steps between as conditions."""
    conditions: dict[str, Value] = {
        "break": how.value, "binding": binding, "workers": plan.workers, "perWorker": plan.per_worker,
        "repeats": len(times), "kept": min((one.kept for one in times), default=0),
        "podsEnding": round(quantile([one.stopped - one.stopping for one in times], 0.5), 3),
    }  # fmt: skip
    for step in ("stopping", "stopped", "placed"):
        conditions[step] = round(quantile([getattr(one, step) for one in times], 0.5), 3)
    found = []
    for stage in ("decided", "bound", "ready"):
        samples = [getattr(one, stage) for one in times]
        found.append(Record("S10", f"{stage}_p50", quantile(samples, 0.5), "s", conditions))
        found.append(Record("S10", f"{stage}_max", max(samples, default=0.0), "s", conditions))
    return found


async def _whole(gang: Gang, workers: int, after: str) -> None:
    if not await gang.until(lambda: gang.whole(workers) and gang.phase == "Running", PATIENCE):
        ready = sum(pod.is_ready for pod in gang.alive())
        raise Unavailable(
            f"{PATIENCE:.0f} s after {after} the gang is {gang.phase or 'unknown'} with {ready} of {workers} workers "
            f"ready and {len(gang.alive())} pods"
        )


async def _end(api: Api, gang: Gang, namespace: str) -> None:
    await api.request("DELETE", f"{JOBS.format(namespace=namespace)}/{JOB}")
    if not await gang.until(lambda: not gang.alive(), PATIENCE):
        raise Unavailable(
            f"{len(gang.alive())} pods are still there {PATIENCE:.0f} s after their job was deleted"
        )


def _job(plan: Plan, namespace: str, cluster: str) -> Post:
    pod = {
        "tolerations": [{"key": RESOURCE, "operator": "Exists"}],
        "containers": [
            {
                "name": "trainer",
                "image": "pause",
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
            }
        ],
    }
    body = {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": {"name": JOB, "namespace": namespace},
        "spec": {
            "cluster": cluster,
            "framework": {"name": "custom"},
            "workers": plan.workers,
            "accelerators": {"perWorker": plan.per_worker, "vendor": "nvidia"},
            "topology": {"preferred": "leaf"},
            "restart": {"maxRestarts": 1000},
            "template": {"spec": pod},
        },
    }
    return Post(JOBS.format(namespace=namespace), json.dumps(body).encode())
