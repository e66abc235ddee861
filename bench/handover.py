"""HA: how long nobody decides when a leader dies, and when it is told to stop.

Two operators are child processes with their usual settings and leader election. The one that leads gets a signal, a
job is submitted that it can't decide any more, and the clock that started with the signal stops when that job has its
place. Then another stands by, and so on. When the other had the lease is told as a condition.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from signal import Signals

from bench.start import ready_at
from crosstree.adapters.client import Api
from crosstree.api.v1alpha1.crds import definitions
from crosstree.base.clock import monotonic
from crosstree.base.errors import NotFound, Unavailable
from crosstree.cli import ground
from crosstree.cli.access import connected
from crosstree.cli.burst import created
from crosstree.cli.burst_objects import Shape, training_jobs
from crosstree.cli.crds import applied
from crosstree.cli.measure import Record, Value, quantile
from crosstree.cli.operator_process import Operator
from localcluster.ports import free_ports

RESOURCE = "nvidia.com/gpu"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/crosstree"
WAYS = (Signals.SIGKILL, Signals.SIGTERM)

PATIENCE = 60.0
"""Seconds until another leads, or decides, after which the bench gives up."""

OFTEN = 0.02
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """One hand-over, in seconds from the signal: the lease changed hands, and the first decision."""

    held: float
    decided: float


class Replicas:
    """Operators that campaign for one lease.

    Args:
        api: The API server.
        kubeconfig: How they reach it.
        namespace: Of the lease.
        stack: Stops them all at its end.
    """

    def __init__(self, api: Api, kubeconfig: Path, namespace: str, stack: ExitStack) -> None:
        self._api = api
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._stack = stack
        self._numbers = count(1)
        self.running: dict[str, Operator] = {}

    async def add(self) -> None:
        """Start one, and return when it is ready to lead."""
        (port,) = free_ports(1)
        name = f"replica-{next(self._numbers)}"
        settings = {
            "CROSSTREE_LEADER_ELECTION": "true",
            "CROSSTREE_LEASE_NAMESPACE": self._namespace,
            "CROSSTREE_IDENTITY": name,
        }
        self.running[name] = self._stack.enter_context(
            Operator.start(kubeconfig=str(self._kubeconfig), listen=f"127.0.0.1:{port}", settings=settings)
        )
        await ready_at(port)

    async def leader(self) -> str:
        """Return which of them holds the lease; nothing while none does."""
        try:
            found = await self._api.get_json(LEASE.format(namespace=self._namespace))
        except NotFound:
            return ""
        holder = str(found["spec"].get("holderIdentity") or "")
        return holder if holder in self.running else ""

    async def led(self) -> str:
        """Wait until one of them leads, and return which.

        Raises:
            Unavailable: none does in time, or one has ended.
        """
        begun = monotonic()
        while not (name := await self.leader()):
            for one in self.running.values():
                one.check()
            _patient(begun, "nobody leads")
            await asyncio.sleep(OFTEN)
        return name


async def measure(repeats: int, kubeconfig: Path) -> AsyncIterator[Record]:
    """Yield the figures of each way to end a leader.

    Raises:
        Unavailable: nobody takes over.
    """
    async with connected(str(kubeconfig), None) as api:
        await applied(api, definitions())
        with ExitStack() as stack:
            async with ground.namespace(api) as namespace:
                replicas = Replicas(api, kubeconfig, namespace, stack)
                await replicas.add()
                async with ground.ai_cluster(api, None) as cluster:
                    for way in WAYS:
                        times = []
                        for turn in range(repeats):
                            await replicas.add()
                            job = f"after-{way.name.lower()}-{turn}"
                            times.append(await _one(api, replicas, way, namespace, cluster, job))
                        for record in records(way, times):
                            yield record


async def _one(
    api: Api, replicas: Replicas, way: Signals, namespace: str, cluster: str, name: str
) -> HandOver:
    old = await replicas.led()
    begun = monotonic()
    replicas.running.pop(old).signal(way)
    (job,) = training_jobs(
        Shape(1, 1, 1, "leaf"), namespace=namespace, cluster=cluster, resource=RESOURCE, name=name
    )
    if way is Signals.SIGKILL:
        await created(api, job)
    await replicas.led()
    held = monotonic() - begun
    if way is not Signals.SIGKILL:  # before that, the one that was told to stop might still decide
        await created(api, job)
    while not ((await api.get_json(f"{job.path}/{name}")).get("status") or {}).get("placement"):
        _patient(begun, "no decision")
        await asyncio.sleep(OFTEN)
    return HandOver(held, monotonic() - begun)


def records(way: Signals, times: list[HandOver]) -> list[Record]:
    """Turn hand-overs into figures: the median and the worst."""
    decided = [one.decided for one in times]
    conditions: dict[str, Value] = {
        "signal": way.name,
        "repeats": len(times),
        "leaseTaken": round(max((one.held for one in times), default=0.0), 3),
    }
    return [
        Record("HA", "handover_p50", quantile(decided, 0.5), "s", conditions),
        Record("HA", "handover_max", max(decided, default=0.0), "s", conditions),
    ]


def _patient(begun: float, what: str) -> None:
    if monotonic() - begun > PATIENCE:
        raise Unavailable(f"{what} for {PATIENCE:.0f} s")
