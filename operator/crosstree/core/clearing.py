"""What one cycle knows about places that are being cleared: who stops, for whom, and whose search is hopeless."""

from __future__ import annotations

from dataclasses import dataclass, field

from crosstree.core.arrays import Int32, Int64
from crosstree.core.claims import Claims
from crosstree.core.ground import Tenants
from crosstree.core.snapshot import Pool
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """A place that is promised: part of it is free, and booked; the rest comes free when others have gone.

    Attributes:
        gang: Whose.
        pool: Where.
        rows: Nodes by row of the snapshot, int32 (m,).
        counts: Workers on each, int64 (m,).
        held: Of those, how many are booked on the trial, int64 (m,).
        victims: Uids of the gangs that go for it.
    """

    gang: Gang
    pool: Pool
    rows: Int32
    counts: Int64
    held: Int64
    victims: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Clearing:
    """The notes of one cycle.

    Attributes:
        holds: Places promised, those of this cycle included.
        claimed: Uids of the running gangs that go for them: nobody else counts on their nodes.
        hopeless: Shapes of gangs for which no victims were found. It stays so: in a cycle, capacity only shrinks.
        searches: Searches made in full.
        claims: Who may be stopped for whom; None until somebody asks.
        tenants: Running gangs by pool, as arrays.
    """

    holds: list[Hold] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)
    hopeless: set[Gang] = field(default_factory=set)
    searches: int = 0
    claims: Claims | None = None
    tenants: dict[str, Tenants] = field(default_factory=dict)

    def note(self, hold: Hold) -> None:
        """Remember a promise."""
        self.holds.append(hold)
        self.claimed.update(hold.victims)
