"""A cluster as it would go on from a snapshot: what runs ends when it is expected to, what is decided happens.

Nothing breaks and nobody submits anything: it answers what becomes of those who are there. A `ClusterPort`, so that
the production loop drives it; `SimulatedCluster` is the other one, which begins empty and follows a trace.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crosstree.base.clock import VirtualClock
from crosstree.core.expect import confidence, ends, or_assumed
from crosstree.core.holdings import occupy, release
from crosstree.core.plan import Evict, Place, Plan, Resize, Wait
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Expectation, Footprint, Gang, Told
from crosstree.sim.bill import Bill


@dataclass(frozen=True, slots=True)
class Started:
    """A gang got its place.

    Attributes:
        at: When, seconds since the epoch.
        place: Where.
        confidence: 0 to 1: how far the expected ends can be trusted that came before it.
        recovered: It had run before, and goes on.
    """

    at: float
    place: Place
    confidence: float
    recovered: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """A gang was told to make room.

    Attributes:
        at: When, seconds since the epoch.
        key: Who.
        beneficiary: For whom; empty if it is to grow.
        workers: Size it goes on with; 0 for one that stops whole.
        lost: Accelerator-seconds of work that were not saved.
    """

    at: float
    key: str
    beneficiary: str
    workers: int
    lost: float


class Continuation:
    """One AICluster that goes on from a snapshot.

    Args:
        snapshot: How it begins.
        clock: Moved by `advance`.

    Attributes:
        starts: Who started, by uid: the first start of each.
        resumed: Later starts of those, in order, by uid.
        stops: Who was told to stop, in order.
        waits: What each gang was told last, by uid.
        promised: Whether the plan applied last left something that a next step goes on with at once.
    """

    def __init__(self, snapshot: Snapshot, clock: VirtualClock) -> None:
        self._snapshot = replace(
            snapshot, running=tuple(_with_an_end(one, clock.now()) for one in snapshot.running)
        )
        self._clock = clock
        self._bill = Bill(snapshot.queues, snapshot.tab, snapshot.running, clock.now())
        self._returning: dict[str, Gang] = {}
        self._confidence = 1.0
        self.starts: dict[str, Started] = {}
        self.resumed: dict[str, list[Started]] = {}
        self.stops: list[Stopped] = []
        self.waits: dict[str, Wait] = {}
        self.promised = False

    def view(self) -> Sequence[Snapshot]:
        """Return the one snapshot; the same as before if nothing has changed."""
        return (self._snapshot,)

    def apply(self, plan: Plan) -> None:
        """Carry out a plan. O(N·R) per decision that changes something."""
        self.promised = False
        waiting = {gang.uid: gang for gang in self._snapshot.gangs}
        for decision in plan.decisions:
            match decision:
                case Place():
                    self._start(decision, waiting.pop(decision.uid))
                case Wait():
                    waiting[decision.uid] = self._told(decision, waiting[decision.uid])
                case Evict():
                    self._stop(decision.uid, decision.beneficiary, 0)
                case Resize():
                    self._stop(decision.uid, decision.beneficiary, decision.workers)
        gangs = tuple(waiting.values())
        if gangs != self._snapshot.gangs:
            self._become(replace(self._snapshot, gangs=gangs))

    @property
    def idle(self) -> bool:
        """True when nobody waits, nor is going to."""
        return not self._snapshot.gangs and not self._returning

    def next_event(self) -> float:
        """Return when the next gang leaves its nodes, seconds since the epoch; `math.inf` for never."""
        return min((one.ends for one in self._snapshot.running), default=math.inf)

    def advance(self, until: float) -> None:
        """Let time pass up to an instant, and everybody leave whose time has come."""
        self._clock.advance(max(0.0, until - self._clock.now()))
        gone = [one for one in self._snapshot.running if one.ends <= until]
        if not gone:
            return
        for one in gone:
            self._bill.ended(one, one.ends)
            if not one.leaving:
                sure = confidence(one.gang.expected, one.began, one.ends)
                self._confidence = min(self._confidence, sure)
        back = [self._returning.pop(one.gang.uid) for one in gone if one.gang.uid in self._returning]
        emptied = release(self._snapshot, gone)
        self._become(replace(emptied, gangs=(*emptied.gangs, *back)))

    def _told(self, wait: Wait, gang: Gang) -> Gang:
        """Store what a gang was promised, and what it was told first of its start."""
        self.waits[wait.uid] = wait
        told = gang.told
        if told is None and wait.forecast is not None:
            told = Told(self._clock.now(), wait.forecast.start)
        if (wait.promise, told) == (gang.promise, gang.told):
            return gang
        self.promised |= wait.promise != gang.promise
        return replace(gang, promise=wait.promise, told=told)

    def _start(self, place: Place, gang: Gang) -> None:
        now, rows = self._clock.now(), {name: row for row, name in enumerate(self._snapshot.names)}
        counts: dict[int, int] = {}
        for share in place.nodes:
            counts[rows[share.name]] = counts.get(rows[share.name], 0) + share.count
        held = np.array(list(counts), np.int32), np.array(list(counts.values()), np.int64)
        again = gang.recovering or gang.before is not None
        started = Started(now, place, self._confidence, again)
        if self.starts.setdefault(gang.uid, started) is not started:
            self.resumed.setdefault(gang.uid, []).append(started)
        gang = replace(gang, promise=None, told=None, recovering=False, before=None)
        running = Running(gang, place.pool, place.model, *held, began=now, ends=math.inf, saved=now)
        self._become(occupy(self._snapshot, [_with_an_end(running, now)]))

    def _stop(self, uid: str, beneficiary: str, workers: int) -> None:
        """Let a gang keep its nodes for the grace, and then wait for a place with the work that is not saved."""
        one = next((each for each in self._snapshot.running if each.gang.uid == uid), None)
        if one is None or one.leaving:
            return
        now, gang = self._clock.now(), one.gang
        lost = max(now - max(one.saved, one.began), 0.0) * one.devices
        self.stops.append(Stopped(now, gang.key, beneficiary, workers, lost))
        pairs = zip(one.rows.tolist(), one.counts.tolist(), strict=True)
        before = Footprint(one.pool, tuple((self._snapshot.names[row], count) for row, count in pairs))
        self._returning[uid] = replace(
            gang,
            before=before if workers else None,
            expected=_left(one),
        )
        leaving = replace(one, leaving=True, ends=now + one.grace)
        others = tuple(leaving if each is one else each for each in self._snapshot.running)
        self._become(replace(self._snapshot, running=others))

    def _become(self, snapshot: Snapshot) -> None:
        tab = self._bill.tab(snapshot.running, self._clock.now())
        self._snapshot = replace(snapshot, generation=self._snapshot.generation + 1, tab=tab)


def _with_an_end(one: Running, now: float) -> Running:
    """Give a gang an end to come, where it has none or has overrun the one it had. Fewer workers take longer."""
    if now < one.ends < math.inf:
        return one
    whole = or_assumed(one.gang.expected)
    longer = replace(whole, seconds=whole.seconds * one.gang.workers / max(one.workers, 1))
    return replace(one, ends=ends(longer, one.began, now))


def _left(one: Running) -> Expectation | None:
    """Return what is left of a gang's work, at its full size, once what is not saved is lost."""
    expected = one.gang.expected
    if expected is None:
        return None
    share = one.workers / max(one.gang.workers, 1)
    seconds, declared = max(one.ends - one.saved, 1.0) * share, expected.declared
    if declared is not None:
        declared = max(declared - (expected.seconds - seconds), 1.0)
    return replace(expected, seconds=seconds, declared=declared)
