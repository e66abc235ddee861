"""Baselines that stop running gangs: Tiresias-like least attained service, and shortest remaining time by an oracle.

A running gang is stopped for a waiting one that ranks before it, the last in rank first, until the waiting one fits.
What they stop is charged like any other stop: grace, restart, and the work that is not saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from crosstree.core.plan import Evict, Place, Plan
from crosstree.core.policy import Policy
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from crosstree.sim.baselines.table import Table

LIMITS = (3_600.0, 36_000.0)
"""Accelerator-seconds attained at which a gang goes down a level: one and ten accelerator-hours."""

Rank: TypeAlias = tuple[float, float, str]


class LeastAttained:
    """Two-dimensional least attained service in levels (Tiresias, NSDI 2019), with what each gang has attained.

    An object holds the books of one cluster, from cycle to cycle; age decides within a level, and nobody is stopped
    for one of the same level.
    """

    def __init__(self) -> None:
        self._attained: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def __call__(self, snapshot: Snapshot, policy: Policy, now: float) -> Plan:
        """Decide one cycle."""
        due = self._count(snapshot, now)
        plan = _decide(snapshot, self._rank, lambda one: self._rank(one.gang), by_level=True)
        return Plan(plan.cluster, plan.generation, plan.decisions, due)

    def _count(self, snapshot: Snapshot, now: float) -> float | None:
        """Add what gangs have attained since the last cycle; return when the next one goes down a level."""
        due = math.inf
        seen: dict[str, float] = {}
        for one in snapshot.running:
            uid = one.gang.uid
            since = max(self._seen.get(uid, one.began), one.began)
            attained = self._attained[uid] = self._attained.get(uid, 0.0) + one.devices * (now - since)
            seen[uid] = now
            limit = next((limit for limit in LIMITS if limit > attained), math.inf)
            due = min(due, now + max(1.0, (limit - attained) / one.devices))
        present = seen.keys() | {gang.uid for gang in snapshot.gangs}
        self._attained = {uid: value for uid, value in self._attained.items() if uid in present}
        self._seen = seen
        return due if due < math.inf else None

    def _rank(self, gang: Gang) -> Rank:
        attained = self._attained.get(gang.uid, 0.0)
        return (sum(attained >= limit for limit in LIMITS), gang.created, gang.key)


def shortest_remaining(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    """Shortest remaining time first. An oracle where expectations are the truth: nobody knows them."""

    def waiting(gang: Gang) -> Rank:
        return (gang.expected.seconds if gang.expected is not None else math.inf, gang.created, gang.key)

    def running(one: Running) -> Rank:
        return (one.ends - now, one.gang.created, one.gang.key)

    return _decide(snapshot, waiting, running, by_level=False)


def _decide(
    snapshot: Snapshot, rank: Callable[[Gang], Rank], held: Callable[[Running], Rank], *, by_level: bool
) -> Plan:
    """Start gangs in order of rank, stopping those that rank behind them; by level if age alone is no reason."""
    table = Table(snapshot)
    ranked = sorted((held(one), one.gang.uid, one) for one in snapshot.running if not one.leaving)
    leaving = [one for one in snapshot.running if one.leaving]
    decisions: list[Place | Evict] = []
    spare = table.idle()
    for mine, gang in sorted(((rank(gang), gang) for gang in snapshot.gangs), key=lambda pair: pair[0]):
        asked = gang.workers * gang.devices
        if spare >= asked and (found := table.place(gang)) is not None:
            decisions.append(found)
            spare -= asked
            continue
        lower = [one for theirs, _, one in ranked if (theirs[0] > mine[0] if by_level else theirs > mine)]
        if spare + sum(one.devices for one in (*leaving, *lower)) < asked:
            continue
        found, victims, going = _cleared(table, gang, leaving, lower[::-1])
        if found is None:
            continue
        decisions += [Evict(one.gang.key, one.gang.uid, gang.key, "It ranks behind.") for one in victims]
        used = {one.gang.uid for one in (*victims, *going)}
        ranked = [entry for entry in ranked if entry[1] not in used]
        leaving = [one for one in leaving if one.gang.uid not in used]
        spare = table.idle()
    return Plan(snapshot.cluster, snapshot.generation, tuple(decisions))


def _cleared(
    table: Table, gang: Gang, leaving: list[Running], lower: list[Running]
) -> tuple[Place | None, list[Running], list[Running]]:
    """Find a place for a gang on nodes that others have to leave, or leave anyway, and keep what is free of it.

    Twice as many are tried each time; who turns out to be on none of the nodes goes on.

    Returns:
        The place, which is not free yet; who has to stop for it, and who leaves anyway. No place if stopping all is
        not enough.
    """
    mark = table.trial.checkpoint()
    freed: list[Running] = []
    table.free(leaving)
    step = 1
    while (found := table.place(gang)) is None and len(freed) < len(lower):
        more = lower[len(freed) : len(freed) + step]
        table.free(more)
        freed += more
        step *= 2
    table.undo(mark)
    if found is None:
        return None, [], []
    nodes = {share.name for share in found.nodes}
    stopped = [one for one in freed if table.touches(one, nodes)]
    going = [one for one in leaving if table.touches(one, nodes)]
    table.keep(gang, found, (*stopped, *going))
    return found, stopped, going
