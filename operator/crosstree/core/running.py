"""A gang that holds nodes: what accounts, forecasts and preemption look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from crosstree.core.arrays import Int32, Int64
from crosstree.core.workload import Gang

Account = tuple[str, str]
"""Queue and model: what devices are charged to."""


class _Derived:
    """What every cycle asks of every running gang: worked out when one is made, as few change between two cycles."""

    __slots__ = ("account", "devices", "workers")

    account: Account
    devices: int
    workers: int


@dataclass(frozen=True, eq=False, slots=True)
class Running(_Derived):
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
        account: What its devices are charged to.
        devices: Accelerators it holds.
        workers: Workers it has; for an elastic gang not always `gang.workers`.
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

    def __post_init__(self) -> None:
        """Work out what follows from the rest."""
        workers = int(self.counts.sum())
        object.__setattr__(self, "workers", workers)
        object.__setattr__(self, "devices", workers * self.gang.devices)
        object.__setattr__(self, "account", _account(self.gang.queue, self.model))


@lru_cache(maxsize=4096)  # thousands of gangs share a few
def _account(queue: str, model: str) -> Account:
    return queue, model
