"""What one cycle knows about places that are being cleared: who stops, for whom, and whose search is hopeless."""

from __future__ import annotations

from dataclasses import dataclass, field

from crosstree.core.alike import Shape
from crosstree.core.arrays import Bool
from crosstree.core.claims import Claims, Grounds
from crosstree.core.ground import Tenants
from crosstree.core.plan import Promise
from crosstree.core.roster import Roster
from crosstree.core.workload import Gang


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """A promise that is booked, and whose it is."""

    gang: Gang
    promise: Promise


@dataclass(slots=True, eq=False)
class Clearing:
    """The notes of one cycle.

    Attributes:
        holds: Places promised, those of this cycle included.
        claimed: Uids of the running gangs that go for them: nobody else counts on their nodes.
        told: Those of them that are told to go, in this cycle or before: it is certain that they do.
        hopeless: The shortest stay of gangs for which no victims were found, by shape, queue and priority. Who stays
            longer meets the same reservations and more, and may have nobody stopped whom the other may not;
            and it stays so, for capacity only shrinks in a cycle.
        soon: Gangs that had better wait because they start soon: shape, queue, priority and stay.
        asked: Turns that came to asking for victims, those that others answered for among them.
        searches: Searches made in full.
        spent: How many they were when the searches that go by the line were used up; None while they are not.
        claims: Who may be stopped for whom; None until somebody asks.
        tenants: Running gangs by pool, as arrays.
        roster: All of them; None until somebody asks.
        ripe: Which of those who may be stopped have run long enough, as long as nobody else goes: by all of them, the
            pool, and whether who asks recovers.
        ending: Those that end within a minute for sure; None until somebody asks.
    """

    holds: list[Hold] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    hopeless: dict[tuple[Shape, str, int], float] = field(default_factory=dict)
    soon: set[tuple[Shape, str, int, float]] = field(default_factory=set)
    asked: int = 0
    searches: int = 0
    spent: int | None = None
    claims: Claims | None = None
    tenants: dict[str, Tenants] = field(default_factory=dict)
    roster: Roster | None = None
    ripe: dict[tuple[Grounds, str, bool], Grounds] = field(default_factory=dict)
    ending: Bool | None = None

    def note(self, hold: Hold) -> None:
        """Remember a promise."""
        self.holds.append(hold)
        self._claim(hold.promise)

    def tell(self, promise: Promise) -> None:
        """Remember that those go who make room for a promise."""
        self.told.update(promise.victims)
        self._claim(promise)

    def recall(self, promise: Promise) -> None:
        """Forget that anybody goes for a promise that is void or kept: those who are on the way out go all the same."""
        self.told.difference_update(promise.victims)
        self.claimed.difference_update(promise.victims)
        if self.roster is not None:
            self.roster.let_off(promise.victims)
        self.ripe.clear()

    def _claim(self, promise: Promise) -> None:
        self.claimed.update(promise.victims)
        self.ripe.clear()
        if self.roster is not None:
            self.roster.claim(promise.victims)
