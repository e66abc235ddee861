"""A gang that holds nodes: what accounts, forecasts and preemption look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from crosstree.core.arrays import Int32, Int64
from crosstree.core.workload import Gang


@dataclass(frozen=True, eq=False)
class Running:
    """One gang with a place, whether its pods exist yet or not. The same object while nothing about it changes.

    Attributes:
        gang: What it asks for.
        pool: Name of the pool it runs in.
        model: Its accelerator.
        rows: Nodes it holds, by row of the snapshot, int32 (m,), each once.
        counts: Workers on each of them, int64 (m,).
        began: When it got the place, seconds since the epoch.
        ends: When it is expected to have ended; `math.inf` if unknown. For one that is leaving, when its nodes are
            expected to be free.
        saved: Up to when its work is safe: its last reported checkpoint, else `began`.
        restart_cost: Seconds that a restart costs it besides the work since `saved`.
        grace: Seconds it may take to stop once it is told to.
        leaving: It has been told to stop: it can't be a victim, and its nodes come free by themselves.
    """

    gang: Gang
    pool: str
    model: str
    rows: Int32
    counts: Int64
    began: float
    ends: float
    saved: float
    restart_cost: float = 60.0
    grace: float = 30.0
    leaving: bool = False

    @cached_property
    def workers(self) -> int:
        """Workers it has; for an elastic gang not always `gang.workers`."""
        return int(self.counts.sum())

    @cached_property
    def devices(self) -> int:
        """Accelerators it holds."""
        return self.workers * self.gang.devices
