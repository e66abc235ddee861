"""The future of the nodes: who leaves when, and which places are reserved from when on.

A reservation is a concrete place at a concrete time for a gang that can't start now. Gangs behind it in the line may
use its nodes until then, and never longer: that is backfill.
"""

from __future__ import annotations

from dataclasses import dataclass

from crosstree.core.arrays import Int32, Int64
from crosstree.core.capacity import Trial
from crosstree.core.plan import Forecast
from crosstree.core.snapshot import Pool
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """A place in the future.

    Attributes:
        gang: Whose.
        pool: Name of the pool.
        rows: Nodes by row of the snapshot, int32 (m,).
        counts: Workers on each, int64 (m,).
        forecast: When.
        ends: When it is expected to be over, `math.inf` if unknown.
        blockers: Keys of the running gangs that have to end first, the last to end first.
    """

    gang: Gang
    pool: str
    rows: Int32
    counts: Int64
    forecast: Forecast
    ends: float
    blockers: tuple[str, ...] = ()


class Horizon:
    """Ends of running gangs and reservations made so far in this cycle.

    Args:
        trial: The ledger of the cycle; its free amounts are those of now.
        now: Seconds since the epoch.
    """

    def __init__(self, trial: Trial, now: float) -> None:
        self._trial = trial
        self._now = now
        self.reservations: list[Reservation] = []

    def open_slots(self, gang: Gang, pool: Pool, slots: Int64) -> Int64:
        """Cut the slots open now to what the gang may use for as long as it is expected to run: int64 (n,), pool order.

        O(nodes reserved); returns `slots` itself where no reservation is in its way.
        """
        return slots

    def reserve(self, gang: Gang) -> Reservation | None:
        """Find the earliest place for a gang that can't start now, and reserve it; None if no end is in sight."""
        return None
