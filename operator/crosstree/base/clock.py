"""Time as a value that is passed in. The only module that reads the wall clock.

Everything below `app.py` takes a `Clock` or a plain `now: float`. Seconds since the epoch, as float,
are the unit everywhere inside; RFC 3339 strings exist only on the wire.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from crosstree.base.errors import SpecError

LAST = 253_402_300_799.0
"""The last second that can be written, the end of the year 9999: hostile durations add up to later ones."""

_BOOT: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()


class VirtualClock:
    """A clock that moves only when told to: for tests, the simulator and what-if answers."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Return the virtual time in seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`; a negative step is a bug of the caller and refused."""
        if seconds < 0:
            raise ValueError(f"a virtual clock only moves forward, got {seconds} s")
        self._now += seconds


def monotonic() -> float:
    """Return a reading for measuring durations, in seconds; comparable only within this process."""
    return time.perf_counter()


def awake_or_not() -> float:
    """Return a reading like `monotonic` that also grows while the machine is suspended, where the system has one.

    For promises to other machines, whose clocks went on.
    """
    return time.clock_gettime(_BOOT) if _BOOT is not None else time.monotonic()


def to_rfc3339(seconds: float) -> str:
    """Write a time as Kubernetes does: UTC, whole seconds, `Z`; one after `LAST` as that."""
    return datetime.fromtimestamp(int(min(seconds, LAST)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_micro_time(seconds: float) -> str:
    """Write a time as Kubernetes does where it wants microseconds (MicroTime)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_rfc3339(text: str) -> float:
    """Read a Kubernetes timestamp, with or without fractions of a second.

    Raises:
        SpecError: the text is not an RFC 3339 time.
    """
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError as error:
        raise SpecError(f"{text!r} is not a time; write it as 2026-01-31T12:00:00Z.") from error
