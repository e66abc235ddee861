"""What would happen: a snapshot lived forward, as it is and as it would be, and the difference told.

Both lives are the production loop's, cycle by cycle. Jobs end when they are expected to; nobody else comes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from crosstree.base.clock import VirtualClock
from crosstree.core.plan import Place, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.snapshot import Snapshot
from crosstree.core.ways import Way, ways_out
from crosstree.engine.loop import SchedulingLoop
from crosstree.sim.compare import Turn, compared, growing, idle_times
from crosstree.sim.continuation import Continuation, Stopped
from crosstree.sim.course import Course, Pause, pauses

AT_ONCE = 16
"""Steps taken at one instant at most: a promise is proposed, stored and acted on in three."""

WEEK = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one job that was asked about.

    Attributes:
        job: `namespace/name`.
        start: When it first starts, seconds since the epoch; None if it does not within the horizon.
        confidence: 0 to 1; 1 for now.
        place: Where; None if it does not start.
        reason: Why it does not start now; None if it does.
        message: The sentence its status would carry now; empty if it starts.
        position: Its place in the line of its queue, 0 if it starts now.
        victims: Who is told to make room for it.
        ways: Changes of the job under which it would start now, alone in the line, the least first.
        later: When it is stopped again or changes its size, as far as the line is followed.
    """

    job: str
    start: float | None
    confidence: float
    place: Place | None
    reason: WaitReason | None
    message: str
    position: int
    victims: tuple[Stopped, ...]
    ways: tuple[Way, ...]
    later: tuple[Pause, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """What the change does to a job that was there before.

    Attributes:
        job: `namespace/name`.
        before: When it would have started without the change, or gone on after having been stopped, seconds since the
            epoch; None for not within the horizon. For one that only the change stops, when it is stopped.
        after: The same with the change. For one that the change spares, when it would have been stopped.
    """

    job: str
    before: float | None
    after: float | None

    @property
    def seconds(self) -> float:
        """How much later it starts or goes on; negative for earlier, infinite for not within the horizon any more."""
        after = math.inf if self.after is None else self.after
        before = math.inf if self.before is None else self.before
        return after - before


@dataclass(frozen=True, slots=True)
class Answer:
    """What would happen.

    Attributes:
        now: When that is from, seconds since the epoch.
        horizon: Seconds looked ahead.
        fates: Of the jobs asked about, in order.
        shifts: Jobs that start or go on at another time than they would have, the most delayed first.
        stopped: Jobs that are stopped by the change itself or for anybody, and would not have been.
        spared: Jobs that would have been stopped, and are not.
        grown: Jobs that go on with more workers, as far as the line is followed, and would not have.
    """

    now: float
    horizon: float
    fates: tuple[Fate, ...]
    shifts: tuple[Shift, ...]
    stopped: tuple[str, ...]
    spared: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()

    @property
    def yes(self) -> bool:
        """Whether every job asked about starts within the horizon."""
        return all(fate.start is not None for fate in self.fates)


Watch = Callable[[float], None]
"""Told the seconds lived so far, after every step."""


def ahead(
    snapshot: Snapshot,
    policy: Policy,
    now: float,
    horizon: float = WEEK,
    *,
    window: float = 0.0,
    watch: Watch | None = None,
) -> Course:
    """Live a snapshot forward until every gang that waits has started, or the horizon is reached.

    Args:
        snapshot: How it begins.
        policy: Handed to every cycle.
        now: Seconds since the epoch.
        horizon: Seconds to look ahead.
        window: Seconds within which what happens leads to one step, as the operator gathers what it watches.
        watch: Told how far it is.

    Raises:
        Exception: what a cycle raised; a bug that an answer must not hide.

    One cycle per window in which something happens.
    """
    clock = VirtualClock(now)
    port = Continuation(snapshot, clock)
    loop = SchedulingLoop(port, policy, clock)
    asked = {gang.uid: gang.key for gang in snapshot.gangs}
    first: dict[str, tuple[WaitReason, str]] = {}
    positions: dict[str, int] = {}
    _settle(loop, port)
    # Only what they are told now is read: who waits later is not told why in words, which is most of a cycle's work.
    loop = SchedulingLoop(port, replace(policy, sentences=False), clock)
    while True:
        _remember(port, first, positions)
        _settle(loop, port)
        if watch is not None:
            watch(clock.now() - now)
        due = loop.due()
        at = min(port.next_event(), math.inf if due is None else due)
        if port.idle or at > now + horizon:
            break
        port.advance(min(max(at, clock.now()) + window, now + horizon))
    keys = {**asked, **{uid: started.place.key for uid, started in port.starts.items()}}
    return Course(
        {keys[uid]: started for uid, started in port.starts.items()},
        {keys[uid]: tuple(later) for uid, later in port.resumed.items()},
        tuple(port.stops),
        {keys[uid]: told for uid, told in first.items() if uid in keys},
        positions,
        clock.now(),
    )


def _remember(
    port: Continuation, first: dict[str, tuple[WaitReason, str]], positions: dict[str, int]
) -> None:
    """Keep what everybody was told first."""
    for uid, wait in port.waits.items():
        first.setdefault(uid, (wait.reason, wait.message))
        positions.setdefault(wait.key, wait.position)


def _settle(loop: SchedulingLoop, port: Continuation) -> None:
    for _ in range(AT_ONCE):
        report = loop.step()
        for failure in report.failures:
            raise failure.error
        if not report.plans or not port.promised:
            return


def what_if(
    before: Snapshot,
    after: Snapshot,
    policy: Policy,
    now: float,
    *,
    asked: Iterable[str] = (),
    horizon: float = WEEK,
    window: float = 0.0,
    watch: Watch | None = None,
) -> Answer:
    """Compare two lives: of a cluster as it is, and as it would be.

    Args:
        before: As it is.
        after: As it would be, with the jobs asked about in its line.
        policy: Handed to every cycle.
        now: Seconds since the epoch.
        asked: Keys of the jobs asked about.
        horizon: Seconds to look ahead.
        window: As for `ahead`.
        watch: Told how far it is, from 0 to two horizons.
    """
    keys = tuple(asked)
    was = ahead(before, policy, now, horizon, window=window, watch=watch)
    then = ahead(
        after, policy, now, horizon, window=window, watch=watch and (lambda done: watch(horizon + done))
    )
    there = {gang.key for gang in before.gangs} | {one.gang.key for one in before.running}
    there -= set(keys)
    differences = compared(
        idle_times(was, {gang.key for gang in before.gangs}, now),
        idle_times(then, {gang.key for gang in after.gangs}, now),
        there,
    )
    shifts = [Shift(one.job, one.before, one.after) for one in differences]
    return Answer(
        now,
        horizon,
        tuple(_fate(key, after, then, policy, now) for key in keys),
        tuple(sorted(shifts, key=lambda one: (-one.seconds, one.job))),
        tuple(one.job for one in differences if one.turn is Turn.STOPPED),
        tuple(one.job for one in differences if one.turn is Turn.SPARED),
        tuple(sorted((growing(then) - growing(was)) & there)),
    )


def _fate(key: str, snapshot: Snapshot, course: Course, policy: Policy, now: float) -> Fate:
    started = course.starts.get(key)
    at_once = started is not None and started.at <= now
    reason, message = course.reasons.get(key, (None, ""))
    gang = next(gang for gang in snapshot.gangs if gang.key == key)
    return Fate(
        job=key,
        start=started.at if started is not None else None,
        confidence=started.confidence if started is not None else 0.0,
        place=started.place if started is not None else None,
        reason=None if at_once else reason,
        message="" if at_once else message,
        position=0 if at_once else course.positions.get(key, 0),
        victims=tuple(one for one in course.stops if one.beneficiary == key),
        ways=() if at_once else ways_out(snapshot, replace(gang, promise=None), policy, now),
        later=pauses(course, {key}).get(key, ()),
    )
