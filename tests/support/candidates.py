"""Candidates for one lease in a world of their own: a store with optimistic concurrency, a slow and lossy network,
clocks that drift, processes that stand still. Virtual time only; who may write is recorded at every instant.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from crosstree.engine import leadership
from crosstree.engine.leadership import Claim, Look, Record, Standing, StepDown, Terms

LOST = -1.0
"""Delay of a message that never arrives."""


@dataclass
class Store:
    """The API server: the last record, and who wrote when."""

    record: Record | None = None
    _versions: count[int] = field(default_factory=lambda: count(1))

    def write(self, over: Record | None, holder: str, stamp: str, seconds: float) -> Record | None:
        """Store a claim if nobody wrote since `over`; None if somebody did."""
        if (self.record.version if self.record else None) != (over.version if over else None):
            return None
        self.record = Record(str(next(self._versions)), holder, stamp, seconds)
        return self.record

    def delete(self) -> None:
        self.record = None


@dataclass
class World:
    """Time, and what happens in it.

    Attributes:
        terms: Of every candidate.
        delays: Asked for the delay of each message, in seconds; `LOST` loses it.
    """

    terms: Terms
    delays: Callable[[], float]
    store: Store = field(default_factory=Store)
    now: float = 0.0
    candidates: list[Candidate] = field(default_factory=list)
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _ids: count[int] = field(default_factory=count)

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._ids), what))

    def send(self, what: Callable[[], None]) -> None:
        """Deliver a message after its delay, or never."""
        delay = self.delays()
        if delay != LOST:
            self.at(self.now + delay, what)

    def run(self, until: float, each: Callable[[], None] = lambda: None) -> None:
        """Let time pass, event by event; `each` is called at every instant at which something happens."""
        while self._events and self._events[0][0] <= until:
            self.now, _, what = heapq.heappop(self._events)
            what()
            each()
        self.now = until
        each()

    def acting(self) -> list[str]:
        """Who may write at this instant, by its own clock; a process that stands still may, should it wake up now."""
        return [one.name for one in self.candidates if one.acts()]


class Candidate:
    """A process that campaigns; one that stepped down is started anew.

    Args:
        world: Where.
        name: Its identity.
        rate: How fast its clock runs.
        offset: What its clock shows at time 0.
    """

    def __init__(self, world: World, name: str, rate: float = 1.0, offset: float = 0.0) -> None:
        self.world = world
        self.name = name
        self.lost = 0
        self._rate = rate
        self._offset = offset
        self._frozen_until = 0.0
        self._life = 0
        self._stamps = count(1)
        self._start()
        world.candidates.append(self)

    def acts(self) -> bool:
        return self._standing is not None and leadership.leads(self._standing, self.world.terms, self.clock())

    def clock(self) -> float:
        return self._offset + self.world.now * self._rate

    def freeze(self, seconds: float) -> None:
        """Stand still, as under SIGSTOP: answers wait, timers ring late."""
        self._frozen_until = max(self._frozen_until, self.world.now + seconds)

    def kill(self, back_after: float) -> None:
        """Die, and be started anew."""
        self._life += 1
        self._standing: Standing | None = None
        self.world.at(self.world.now + back_after, self._start)

    @property
    def misses_the_lease(self) -> bool:
        """Whether it has looked, and found none when it looked last."""
        return self._standing is not None and self._standing.looked and self._standing.seen is None

    def _start(self) -> None:
        self._life += 1
        self._standing = Standing(self.name)
        self._turn = 0
        self._soon(0.0)

    def _soon(self, seconds: float) -> None:
        """Go on after so many seconds of our own clock, unless something else lets us go on before."""
        life, turn = self._life, self._turn

        def wake() -> None:
            if (self._life, self._turn) != (life, turn):
                return
            if self.world.now < self._frozen_until:
                self.world.at(self._frozen_until, wake)
                return
            self._go()

        self.world.at(self.world.now + seconds / self._rate, wake)

    def _go(self) -> None:
        assert self._standing is not None
        self._turn += 1
        match leadership.decide(self._standing, self.world.terms, self.clock()):
            case StepDown():
                self.lost += 1
                self.kill(back_after=1.0)
            case Look(after) | Claim(after, _) if after > 0:
                # Less than a float of this clock can tell would come back to the same moment for ever.
                self._soon(max(after, 1e-6))
            case Look():
                self._look()
            case Claim(_, over):
                self._claim(over)

    def _look(self) -> None:
        assert self._standing is not None
        self._standing = leadership.looks(self._standing, self.clock())
        self._ask(lambda: (self.world.store.record, True))

    def _claim(self, over: Record | None) -> None:
        assert self._standing is not None
        stamp = (
            f"{id(self)}-{self._life}-{next(self._stamps)}"  # as instants of writing, unique even among twins
        )
        self._standing = leadership.claimed(self._standing, stamp, self.clock())
        terms = self.world.terms

        def write() -> tuple[Record | None, bool]:
            stored = self.world.store.write(over, self.name, stamp, terms.lease)
            return stored, stored is not None

        self._ask(write)

    def _ask(self, what: Callable[[], tuple[Record | None, bool]]) -> None:
        """Send a request; its answer is heard within half a deadline or never."""
        life, turn, world = self._life, self._turn, self.world

        def served() -> None:
            record, fine = what()
            world.send(lambda: heard(record, fine))

        def heard(record: Record | None, fine: bool) -> None:
            if (self._life, self._turn) != (life, turn):
                return
            if world.now < self._frozen_until:
                world.at(self._frozen_until, lambda: heard(record, fine))
                return
            assert self._standing is not None
            self._turn += 1
            if not fine:
                self._look()
                return
            self._standing = leadership.saw(self._standing, record, world.terms, self.clock())
            self._go()

        world.send(served)
        self._soon(world.terms.deadline / 2)
