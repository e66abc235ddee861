"""S14: an operator process is started on a large cluster that runs already; timed from its start to its first decision.

The cluster is a `bench.replay` server in a process of its own. One job waits and has room: the first decision is
there when its placement arrives in a write.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.recorded import NAMESPACE, Size
from bench.replay import JOURNAL
from crosstree.adapters.client import Api
from crosstree.adapters.resources import JOBS, resource_of
from crosstree.base.clock import monotonic
from crosstree.base.errors import Unavailable
from crosstree.cli.access import connected
from crosstree.cli.measure import Record, Value
from crosstree.cli.operator_process import Operator
from localcluster.ports import free_ports

PATIENCE = 180.0
"""Seconds until the first decision after which the bench gives up."""

QUIET = 3.0
"""Seconds without a write after which nothing more is expected of an operator that has adopted what it found."""

WAITING = JOBS.path(NAMESPACE, "waiting", "status")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    """What one start took.

    Attributes:
        ready: Process started until `/readyz` said yes, seconds.
        decided: Process started until the placement of the waiting job arrived, seconds.
        memory: Most resident memory, bytes.
        processor: Processor time until the decision, seconds.
        adopted: Writes to the status of running jobs, and new pods, services or events of theirs.
        writes: All writes by what was written, those for the waiting job included.
    """

    ready: float
    decided: float
    memory: int
    processor: float
    adopted: int
    writes: Counter[str]


async def measure(size: Size, repeats: int) -> AsyncIterator[Record]:
    """Start an operator so many times, each on a fresh copy of the cluster, and yield the figures of each."""
    for turn in range(repeats):
        with (
            tempfile.TemporaryDirectory(prefix="crosstree-bench-") as folder,
            _server(size, Path(folder)) as file,
        ):
            found = await _start(file)
        for record in records(size, turn, found):
            yield record


def records(size: Size, turn: int, found: Start) -> list[Record]:
    """Turn one start into figures."""
    most = ", ".join(f"{what} {count}" for what, count in found.writes.most_common())
    conditions: dict[str, Value] = {
        "source": "recorded", "nodes": size.nodes, "pods": size.pods, "runningGangs": size.gangs, "round": turn + 1,
    }  # fmt: skip
    return [
        Record("S14", "ready", found.ready, "s", conditions),
        Record("S14", "first_decision", found.decided, "s", conditions),
        Record("S14", "rss_peak", found.memory / 2**20, "MiB", conditions),
        Record("S14", "processor_time", found.processor, "s", conditions),
        Record("S15", "writes_for_running_gangs", found.adopted, "writes", {**conditions, "all": most}),
    ]


def adopted(journal: Sequence[Json]) -> int:
    """Count the writes that had to do with jobs that ran already."""
    own = [one["path"] for one in journal if resource_of(one["path"]) == "trainingjobs/status"]
    return sum(path != WAITING for path in own)


async def _start(kubeconfig: Path) -> Start:
    (port,) = free_ports(1)
    async with connected(str(kubeconfig), None) as api:
        begun = monotonic()
        with Operator.start(kubeconfig=str(kubeconfig), listen=f"127.0.0.1:{port}") as operator:
            watching = asyncio.create_task(ready_at(port))
            journal: list[Json] = []
            while not any(one["placed"] and one["path"] == WAITING for one in journal):
                operator.check()
                if monotonic() - begun > PATIENCE:
                    raise Unavailable(
                        f"no decision {PATIENCE:.0f} s after the start; its log is {operator.log}"
                    )
                await asyncio.sleep(0.1)
                journal = await _journal(api)
            decided = next(one["at"] for one in journal if one["placed"] and one["path"] == WAITING)
            processor = operator.processor_seconds()
            ready = await watching
            journal = await _settled(api)
            memory = operator.peak_memory()
    writes = Counter(f"{one['method']} {resource_of(one['path'])}" for one in journal)
    return Start(ready - begun, decided - begun, memory, processor, adopted(journal), writes)


async def ready_at(port: int) -> float:
    """Return when the operator first said that it is ready."""
    while True:
        if await asyncio.to_thread(_says_yes, port):
            return monotonic()
        await asyncio.sleep(0.05)


def _says_yes(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


async def _journal(api: Api) -> list[Json]:
    found: list[Json] = json.loads(await api.request("GET", JOURNAL))
    now = monotonic()  # the clock of another process can't be compared with ours, but spans of time can
    return [{**one, "at": now - one["ago"]} for one in found]


async def _settled(api: Api) -> list[Json]:
    """Wait until nothing has been written for a while; return the journal."""
    while True:
        journal = await _journal(api)
        left = QUIET - (monotonic() - max((one["at"] for one in journal), default=0.0))
        if left <= 0:
            return journal
        await asyncio.sleep(left)


@contextmanager
def _server(size: Size, folder: Path) -> Iterator[Path]:
    """Run a replay server as a child; yields a kubeconfig. It ends with us, however we end: its stdin closes."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "bench", "replay", "--port", str(port), "--nodes", str(size.nodes)]
    command += ["--pods", str(size.pods), "--gangs", str(size.gangs)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        if not child.stdout.readline():
            raise Unavailable("the replay server did not come up; see its message above")
        file = folder / "kubeconfig"
        file.write_text(json.dumps(kubeconfig(f"http://127.0.0.1:{port}")))
        yield file
    finally:
        child.terminate()
        child.wait()


def kubeconfig(server: str) -> Json:
    """Return a kubeconfig that names one server and no credentials."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "replay", "cluster": {"server": server}}],
        "users": [{"name": "replay", "user": {}}],
        "contexts": [{"name": "replay", "context": {"cluster": "replay", "user": "replay"}}],
        "current-context": "replay",
    }
