"""S6, what is in the way: how little the largest gangs could have waited, and what would have to be otherwise.

A floor: whoever stops nobody has to wait until enough of what runs has ended by itself. And replays in which something
is otherwise that no scheduler can choose: which share of the wait goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from bench.traces import Case
from crosstree.cli.measure import Record
from crosstree.core.arrays import Bool, Int64
from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Preemption
from crosstree.core.plan import Plan
from crosstree.core.policy import Policy
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from crosstree.engine.loop import Cycle
from crosstree.sim.inventory import Inventory, NodeFact, inventory
from crosstree.sim.replay import Progress, Replay, Scenario
from crosstree.sim.summary import largest_tenth


def least(case: Case, best_fit: float) -> Iterator[Record]:
    """Tell what the largest gangs could not be spared, as shares of what they wait under best fit.

    Args:
        case: What is replayed.
        best_fit: Their mean wait under best fit, seconds.
    """
    scenario = case.scenario()
    big, _ = largest_tenth(scenario.jobs)
    for counting, seconds in zip(("nodes", "accelerators"), floor(scenario, big), strict=True):
        told = case.conditions(counting=counting)
        yield Record("S6", "largest_wait_floor_over_best_fit", seconds / best_fit, "ratio", told)
    first, single = ahead(scenario, big), scattered(scenario)
    for otherwise, changed, cycle in (
        ("largest first", *first),
        ("one accelerator a node", single, run_cycle),
        ("both", *ahead(single, big)),
    ):
        waited = Replay(changed, cycle).run().books.waited[big].mean()
        told = case.conditions(otherwise=otherwise)
        yield Record("S6", "largest_wait_over_best_fit_if", float(waited) / best_fit, "ratio", told)


def floor(scenario: Scenario, big: Bool) -> tuple[float, float]:
    """Return the least that some jobs could wait, mean seconds, counting whole workers on nodes, and accelerators.

    For each by itself: when it comes, nobody is stopped, nobody else starts any more, and it begins as soon as enough
    of what runs then has ended. Nobody who is not warned does better from there; how things stand when it comes is the
    production cycle's doing. Workers that some nodes could never hold are counted all the same, which lowers it.

    Args:
        scenario: What is replayed; durations are known exactly.
        big: Whose wait, Bool (n,), by row of the jobs.
    """
    jobs = scenario.jobs
    awaited = {jobs.ids[row]: float(jobs.submit[row]) for row in np.flatnonzero(big).tolist()}
    spent = dict.fromkeys(awaited, (0.0, 0.0))
    replay = Replay(scenario)

    def look(progress: Progress) -> None:
        (snapshot,) = replay.cluster.view()
        for gang in snapshot.gangs:
            came = awaited.pop(gang.uid, None)
            if came is not None:
                nodes, accelerators = free_from(snapshot, gang, progress.now)
                spent[gang.uid] = nodes - came, accelerators - came

    replay.run(look)
    nodes, accelerators = np.array(list(spent.values())).mean(axis=0).tolist()
    return nodes, accelerators


def free_from(snapshot: Snapshot, gang: Gang, now: float) -> tuple[float, float]:
    """Return from when on there is room if nothing more starts: for its workers on nodes, and for its accelerators."""
    leavers = sorted(snapshot.running, key=lambda one: one.ends)

    def first(enough: Callable[[Int64], bool]) -> float:
        free, at = np.maximum(snapshot.free[:, 0], 0), now
        for one in leavers:
            if enough(free):
                break
            free[one.rows] += one.counts * one.gang.devices
            at = one.ends
        return at

    return (
        first(lambda free: int((free // gang.devices).sum()) >= gang.workers),
        first(lambda free: int(free.sum()) >= gang.workers * gang.devices),
    )


def ahead(scenario: Scenario, big: Bool) -> tuple[Scenario, Cycle]:
    """Let some jobs go before all others, stopping nobody: by row of the jobs, Bool (n,)."""
    uids = {scenario.jobs.ids[row] for row in np.flatnonzero(big).tolist()}
    never = replace(scenario.manners, preemption=Preemption.NEVER)

    def cycle(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
        gangs = tuple(replace(one, priority=1) if one.uid in uids else one for one in snapshot.gangs)
        return run_cycle(replace(snapshot, gangs=gangs), policy, now)

    return replace(scenario, manners=never), cycle


def scattered(scenario: Scenario) -> Scenario:
    """Let every accelerator be a node, and a worker be one for each of its accelerators: nothing is in pieces then."""
    jobs = scenario.jobs
    single = replace(jobs, workers=jobs.accelerators, devices=np.ones_like(jobs.devices))
    return replace(scenario, nodes=_apart(scenario.nodes), jobs=single, prefer="")


def _apart(nodes: Inventory) -> Inventory:
    return inventory(
        [
            NodeFact(f"{nodes.names[row]}-{number}", pool.name, 1)
            for pool in nodes.pools
            for row in pool.nodes.tolist()
            for number in range(int(nodes.devices[row]))
        ]
    )
