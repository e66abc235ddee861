"""Who may act: what one candidate makes of a Lease. Pure: records and instants in, the next step out.

Only this process's own monotonic clock counts. What a record says about time is never read: a holder counts as gone
when its record has not changed for as long as it promised to renew it, *as watched by us*; and our own hold is
counted from the moment the claim was sent, not from the moment its answer came. So wall clocks may jump, answers
may be late or lost, and a process may stand still: it finds its own time to be over before another begins.
Prior art: client-go `tools/leaderelection` (local observation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LONGEST_LEASE = 120
"""Seconds; a record that asks for more patience, which none of ours does, gets this much."""

RELEASED_SECONDS = 1
"""`leaseDurationSeconds` of a lease that its holder gave back; a holder taken out by hand leaves another number."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Durations in seconds, the same for every candidate.

    Attributes:
        lease: How long a record must stay unchanged before others may take it.
        deadline: How long a holder acts after the claim that was confirmed last was sent. Less than `lease`: the
            rest is for clocks that run differently and for writes that were on their way.
        retry: Between two claims of a holder; others look twice as often.
    """

    lease: float = 10.0
    deadline: float = 7.0
    retry: float = 2.0


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as it was read.

    Attributes:
        version: Its resourceVersion: differs whenever anything has been written.
        holder: Who it names; empty for nobody.
        stamp: Its renewTime as text, never read as a time: tells claims apart.
        seconds: How long others are to be patient; None if it does not say.
        transitions: How often it changed hands.
    """

    version: str
    holder: str = ""
    stamp: str = ""
    seconds: float | None = None
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """Read the lease after `after` seconds; ask again then what is to be done."""

    after: float


@dataclass(frozen=True, slots=True)
class Claim:
    """Write our name into the lease after `after` seconds; `over` is the record to replace, None to create one.

    Wait first, then ask again what is to be done: time may have run out meanwhile.
    """

    after: float
    over: Record | None


@dataclass(frozen=True, slots=True)
class StepDown:
    """This process led and may not any more: write nothing, end."""

    why: str


Step = Look | Claim | StepDown


@dataclass(frozen=True, slots=True)
class Standing:
    """What one candidate knows. Instants are readings of its own monotonic clock.

    Attributes:
        me: Its identity.
        looked: Whether the lease has been read at all.
        seen: The lease as it was last; None if there is none.
        since: When `seen` was first seen as it is.
        claims: When each claim was sent that may have been stored, by its stamp.
        held: When the latest claim that is known to be stored was sent.
        led: Whether this process has ever been leader; it is at most once.
        tried: When the last claim was sent.
        asked: When the last look was begun.
    """

    me: str
    looked: bool = False
    seen: Record | None = None
    since: float = 0.0
    claims: Mapping[str, float] = field(default_factory=dict)
    held: float = -math.inf
    led: bool = False
    tried: float = -math.inf
    asked: float = -math.inf

    @property
    def ours(self) -> bool:
        """Whether the lease, as it was last seen, is what this very process wrote.

        A name is not enough: two processes may have been given the same.
        """
        return self.seen is not None and self.seen.holder == self.me and self.seen.stamp in self.claims


def claimed(standing: Standing, stamp: str, now: float) -> Standing:
    """Take note that a claim is about to be sent.

    Of a candidate that never hears an answer only the latest are remembered: one that is found stored later than that
    counts as somebody else's.
    """
    kept = {old: sent for old, sent in standing.claims.items() if standing.led or now - sent <= LONGEST_LEASE}
    return replace(standing, claims={**kept, stamp: now}, tried=now)


def looks(standing: Standing, now: float) -> Standing:
    """Take note that the lease is about to be read."""
    return replace(standing, asked=now)


def saw(standing: Standing, record: Record | None, terms: Terms, now: float) -> Standing:
    """Take over the lease as an answer showed it, to a look or to a claim.

    Args:
        standing: What was known before.
        record: The lease; None if there is none.
        terms: The durations.
        now: When the answer had come.
    """
    changed = not standing.looked or record != standing.seen
    seen = replace(standing, looked=True, seen=record, since=now if changed else standing.since)
    if not seen.ours or record is None:
        return seen
    held = seen.claims[record.stamp]
    later = {stamp: sent for stamp, sent in seen.claims.items() if sent >= held}
    return replace(seen, claims=later, held=held, led=seen.led or now < held + terms.deadline)


def leads(standing: Standing, terms: Terms, now: float) -> bool:
    """Tell whether this process may send a write at this instant."""
    return standing.led and now < standing.held + terms.deadline


def decide(standing: Standing, terms: Terms, now: float) -> Step:
    """Return what to do next; ask again after each answer, and after each failure to get one."""
    if standing.led:
        return _keep(standing, terms, now)
    if not standing.looked:
        return Look(max(standing.asked + terms.retry / 2 - now, 0.0))
    if standing.ours or _released(standing.seen):
        return Claim(_pause(standing, terms, now), standing.seen)
    left = standing.since + _patience(standing.seen, terms) - now
    if left > 0:
        return Look(max(standing.asked + terms.retry / 2 - now, 0.0))
    return Claim(_pause(standing, terms, now), standing.seen)


def _keep(standing: Standing, terms: Terms, now: float) -> Step:
    if not leads(standing, terms, now):
        return StepDown(f"the lease could not be renewed for {now - standing.held:.1f} s")
    if standing.seen is not None and not standing.ours:
        holder = standing.seen.holder
        return StepDown(f"the lease was given to {holder}" if holder else "the lease was taken away")
    # A lease that was deleted is made anew at once: the others wait before they believe that nobody holds it.
    return Claim(max(standing.tried + terms.retry - now, 0.0), standing.seen)


def _pause(standing: Standing, terms: Terms, now: float) -> float:
    """Seconds before a candidate claims again: none before its first claim."""
    return max(standing.tried + terms.retry / 2 - now, 0.0)


def _released(record: Record | None) -> bool:
    return record is not None and not record.holder and record.seconds == RELEASED_SECONDS


def _patience(record: Record | None, terms: Terms) -> float:
    """Seconds for which a record must not change: what its holder promised, and never less than our own terms.

    No lease at all may be one that was deleted under a leader that has not noticed yet.
    """
    asked = record.seconds if record is not None and record.seconds is not None else 0.0
    return max(terms.lease, min(asked, LONGEST_LEASE))
