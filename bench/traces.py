"""The recorded traces of the repository as scenarios, and one replay of each reduced to records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from crosstree.cli.measure import Value
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.sim.inventory import Inventory, NodeFact, inventory
from crosstree.sim.policies import contender
from crosstree.sim.policy_names import PolicyName
from crosstree.sim.replay import Replay, Scenario
from crosstree.sim.runtime import Runtime
from crosstree.sim.summary import Summary, summarise
from crosstree.sim.traces import shape
from crosstree.sim.traces.jobs import Jobs
from crosstree.sim.traces.nodes import nodes, on_fabric, tiled
from crosstree.sim.traces.read import read

FOLDER = Path(__file__).resolve().parent.parent / "traces"

FILES = {
    "helios": ("helios_venus_2020_15k.csv.gz", "helios_venus_2020_nodes.csv.gz"),
    "philly": ("philly_2017_jobs.csv.gz", "philly_2017_nodes.csv.gz"),
}
FABRIC = "topology_lingjun_2023.csv.gz"
"""Neither trace tells its fabric: the nodes stand at the places of the first ones of this one."""

HINTS = {"exact": 1.0, "x2": 2.0, "/2": 0.5, "absent": 0.0}


@dataclass(frozen=True, slots=True)
class Case:
    """One replay.

    Attributes:
        trace: Name in `FILES`.
        load: Offered; None for that of the trace.
        hints: Name in `HINTS`.
        jobs: Only the first ones; None for all.
        window: Seconds within which events lead to one step.
    """

    trace: str
    load: float | None
    hints: str = "exact"
    jobs: int | None = None
    window: float = 15.0

    def conditions(self, **more: Value) -> dict[str, Value]:
        """Name the case in a record."""
        base: dict[str, Value] = {
            "trace": self.trace,
            "load": self.load,
            "hints": self.hints,
            "jobs": self.jobs,
        }
        return base | {"window": self.window} | more

    def scenario(self) -> Scenario:
        """Return what is replayed: jobs save their work when told to stop, which favours those who stop many."""
        cluster = fleet(self.trace)
        jobs = shape.first(_jobs(self.trace), self.jobs, None)
        if self.load is not None:
            jobs = shape.loaded(jobs, self.load, cluster.total)
        return Scenario(
            nodes=cluster,
            jobs=shape.possible(jobs, cluster),
            runtime=Runtime(saves_when_told=True),
            hint=HINTS[self.hints],
            window=self.window,
        )


def played(case: Case, policy: str) -> Summary:
    """Replay a case under a policy."""
    chosen = contender(PolicyName(policy))
    outcome = Replay(chosen.scenario(case.scenario()), chosen.cycle()).run()
    return summarise(policy, outcome)


@lru_cache(maxsize=2)
def fleet(trace: str) -> Inventory:
    """Return the nodes of a trace on the fabric."""
    return inventory(on_fabric(nodes(FOLDER / FILES[trace][1]), fabric()))


def fabric() -> tuple[NodeFact, ...]:
    """Return the hosts of the Lingjun fabric."""
    return nodes(FOLDER / FABRIC)


def week(count: int, days: float, window: float) -> Scenario:
    """Return Helios superposed to its own load on `count` nodes, for so many days."""
    one = nodes(FOLDER / FILES["helios"][1])
    copies = -(-count // len(one))
    cluster = inventory(on_fabric(tiled(one, copies)[:count], fabric()))
    jobs = shape.first(shape.superposed(_jobs("helios"), copies), None, days)
    return Scenario(cluster, shape.possible(jobs, cluster), window=window, until=days * shape.DAY)


def many(count: int) -> Scenario:
    """Return `count` Helios jobs that ask for accelerators: the trace twice over, on twice the nodes."""
    one = nodes(FOLDER / FILES["helios"][1])
    cluster = inventory(on_fabric(tiled(one, 2), fabric()))
    jobs = shape.superposed(_jobs("helios"), 2)
    return Scenario(cluster, shape.first(jobs, count, None))


@lru_cache(maxsize=2)
def _jobs(trace: str) -> Jobs:
    return read(FOLDER / FILES[trace][0])


def halves(load_a: float, load_b: float) -> tuple[Scenario, Scenario]:
    """Return S9: two queues on Helios' nodes, each guaranteed half, and the first of them alone on half of the nodes.

    Every other job of the trace is of the other queue; times are stretched so that each offers its own load of its
    half. Guarantees are in accelerators, so that all are of workers that fill nodes evenly on either cluster.
    """
    whole = fleet("helios")
    half = inventory(nodes(FOLDER / FILES["helios"][1])[: len(whole.names) // 2])
    source = _jobs("helios")
    turn = np.arange(len(source)) % 2
    mine = shape.loaded(source.only(np.flatnonzero(turn == 0)), load_a, half.total)
    theirs = shape.loaded(source.only(np.flatnonzero(turn == 1)), load_b, half.total)
    mine = shape.possible(mine, half)
    both = _merged(mine, theirs)
    queues = tuple(
        QueueSpec(name, quotas=(Quota(ANY_MODEL, guaranteed=half.total),)) for name in ("mine", "theirs")
    )
    runtime = Runtime(saves_when_told=True)
    together = Scenario(whole, shape.possible(both, whole), runtime=runtime, queues=queues, prefer="")
    alone = Scenario(half, _in_queue(mine, "mine"), runtime=runtime, queues=queues[:1], prefer="")
    return together, alone


def _in_queue(jobs: Jobs, name: str) -> Jobs:
    return replace(jobs, queues=(name,), queue=jobs.queue * 0)


def _merged(mine: Jobs, theirs: Jobs) -> Jobs:
    """Lay two traces over each other, each in a queue of its own."""
    until = mine.span
    theirs = theirs.only(np.flatnonzero(theirs.submit <= until))
    count = len(mine)
    submit = np.concatenate((mine.submit, theirs.submit))
    order = np.argsort(submit, kind="stable")
    ids = (*mine.ids, *theirs.ids)
    queue = np.where(order < count, 0, 1).astype(np.int32)
    return replace(
        mine,
        ids=tuple(ids[row] for row in order.tolist()),
        submit=submit[order],
        duration=np.concatenate((mine.duration, theirs.duration))[order],
        workers=np.concatenate((mine.workers, theirs.workers))[order],
        devices=np.concatenate((mine.devices, theirs.devices))[order],
        model=np.concatenate((mine.model, theirs.model))[order],
        queue=queue,
        queues=("mine", "theirs"),
        left_out={},
    )
