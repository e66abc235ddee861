"""EASY backfill as batch systems do it: the first that does not fit is given a time, by counting accelerators.

Where they are is not looked at: when the time comes, what is free may be scattered.
"""

from __future__ import annotations

import math

from crosstree.core.line import in_order
from crosstree.core.plan import Place, Plan
from crosstree.core.policy import Policy
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang
from crosstree.sim.baselines.table import Table


def easy(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    """Start in order of age; past the first that does not fit only who is gone by its time, or leaves it enough."""
    table = Table(snapshot)
    placed: list[Place] = []
    ends = [(one.ends, one.devices) for one in snapshot.running]
    shadow, extra = math.inf, 0
    blocked = False
    for gang in in_order(snapshot.gangs):
        asked = gang.workers * gang.devices
        until = now + gang.expected.seconds if gang.expected is not None else math.inf
        if blocked and until > shadow and asked > extra:
            continue
        found = table.place(gang)
        if found is not None:
            placed.append(found)
            ends.append((until, asked))
            if blocked and until > shadow:
                extra -= asked
        elif not blocked:
            blocked = True
            shadow, extra = _shadow(gang, table.idle(), ends, now)
    return Plan(snapshot.cluster, snapshot.generation, tuple(placed))


def _shadow(head: Gang, idle: int, ends: list[tuple[float, int]], now: float) -> tuple[float, int]:
    """Return when enough accelerators are free for the head of the line, and how many are left over then.

    Where enough are free now already, it is their place that is wrong: it is expected with the next end.
    """
    asked = head.workers * head.devices
    free = idle
    for end, devices in sorted(ends):
        free += devices
        if free >= asked:
            return max(end, now), free - asked
    return math.inf, 0
