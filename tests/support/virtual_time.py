"""Scheduling cycles over virtual time: jobs arrive, start where `run_cycle` places them, and end when they do.

Durations are told to the scheduler as a test wants them told: truly, wrongly or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

import numpy as np

from crosstree.core.cycle import run_cycle
from crosstree.core.expect import ends
from crosstree.core.manners import Manners
from crosstree.core.plan import Forecast, Place, Plan, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Expectation, Gang, Source, Told

POLICY = Policy()


@dataclass(frozen=True)
class Work:
    """A job: what it asks for, when it comes, and how long it runs; `gang.expected` is what is told of that."""

    gang: Gang
    runs: float
    at: float = 0.0


@dataclass
class History:
    """What became of the jobs, by key.

    Attributes:
        starts: When each started.
        places: Where.
        told: Every forecast each was given, with the time at which it was.
        plans: All plans, with their times.
    """

    starts: dict[str, float] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    told: dict[str, list[tuple[float, Forecast]]] = field(default_factory=dict)
    plans: list[tuple[float, Plan]] = field(default_factory=list)

    def first(self, key: str) -> float:
        """Return the start that a job was told first; infinite if it never was told one."""
        return self.told[key][0][1].start if key in self.told else inf


def declared(seconds: float) -> Expectation:
    """Return the expectation of a job whose author says how long it runs."""
    return Expectation(seconds, Source.DECLARED, 0.9)


def live(
    empty: Snapshot,
    works: Iterable[Work],
    manners: Manners,
    *,
    queues: tuple[QueueSpec, ...] = (),
    policy: Policy = POLICY,
    until: float = 1e7,
) -> History:
    """Let jobs come and go on an empty cluster until all are done, or the time is over.

    A cycle follows each arrival, each end, and each instant that a plan says is due.
    """
    history = History()
    coming = sorted(works, key=lambda work: (work.at, work.gang.key))
    by_key = {work.gang.key: work for work in coming}
    waiting: dict[str, Gang] = {}
    running: dict[str, tuple[float, float, Running]] = {}
    row_of = {name: row for row, name in enumerate(empty.names)}
    now = 0.0
    while coming or waiting or running:
        while coming and coming[0].at <= now:
            work = coming.pop(0)
            waiting[work.gang.key] = replace(work.gang, created=work.at)
        for key in [key for key, (end, _, _) in running.items() if end <= now]:
            del running[key]
        snapshot = _seen(empty, waiting, running, now)
        plan = run_cycle(replace(snapshot, manners=manners, queues=queues), policy, now)
        history.plans.append((now, plan))
        for decision in plan.decisions:
            if isinstance(decision, Place):
                gang = waiting.pop(decision.key)
                history.starts[decision.key] = now
                history.places[decision.key] = decision
                began = _began(gang, decision, row_of, now)
                running[decision.key] = (now + by_key[decision.key].runs, now, began)
            elif isinstance(decision, Wait) and decision.forecast is not None:
                _tell(decision, waiting, history, now)
        nexts = [work.at for work in coming[:1]] + [end for end, _, _ in running.values()]
        if plan.due is not None:
            nexts.append(plan.due)
        if not nexts or min(nexts) > until:
            return history
        now = min(nexts)
    return history


def _tell(wait: Wait, waiting: dict[str, Gang], history: History, now: float) -> None:
    assert wait.forecast is not None
    history.told.setdefault(wait.key, []).append((now, wait.forecast))
    if waiting[wait.key].told is None:
        waiting[wait.key] = replace(waiting[wait.key], told=Told(now, wait.forecast.start))


def _began(gang: Gang, place: Place, row_of: Mapping[str, int], now: float) -> Running:
    rows = np.array([row_of[share.name] for share in place.nodes], np.int32)
    counts = np.array([share.count for share in place.nodes], np.int64)
    return Running(gang, place.pool, place.model, rows, counts, now, ends(gang.expected, now, now), now)


def _seen(
    empty: Snapshot,
    waiting: Mapping[str, Gang],
    running: Mapping[str, tuple[float, float, Running]],
    now: float,
) -> Snapshot:
    """Return the cluster as an operator would see it: accelerators and pods taken, ends as expected now."""
    free, grain = empty.free.copy(), empty.grain.copy()
    held = []
    for _, began, one in running.values():
        column = next(pool.column for pool in empty.pools if pool.name == one.pool)
        free[one.rows, column] -= one.counts * one.gang.devices
        for name, amount in one.gang.requests:
            free[one.rows, empty.resources.index(name)] -= one.counts * amount
        grain[one.rows] = np.minimum(grain[one.rows], (one.gang.devices & -one.gang.devices).bit_length() - 1)
        held.append(replace(one, ends=ends(one.gang.expected, began, now)))
    return replace(
        empty,
        free=free,
        grain=grain,
        gangs=tuple(waiting[key] for key in sorted(waiting)),
        running=tuple(sorted(held, key=lambda one: one.gang.key)),
    )
