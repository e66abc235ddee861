"""What happens in a simulated cluster by itself, written down when it becomes known.

An event of a job names the attempt it is meant for; when that was over before, it is no event any more.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """A job's work is done; in another calendar: some of it is saved."""

    uid: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A job that was told to stop has stopped."""

    uid: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Over:
    """A run has lasted as long as its queue allows."""

    uid: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Overrun:
    """A job should have ended by now, by what is thought of it."""

    uid: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Repaired:
    """A node that broke is back, unless somebody has put it into another state since."""

    row: int


Event = Done | Gone | Over | Overrun | Repaired
