"""What a simulated cluster tells whoever keeps books about it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from crosstree.core.plan import Wait
from crosstree.sim.tenants import Tenant


class Cause(Enum):
    """Why a run of a job was over."""

    FINISHED = "Finished"
    """Its work was done."""
    PREEMPTED = "Preempted"
    """It made room for another."""
    RESIZED = "Resized"
    """It goes on with another number of workers."""
    FAILED = "Failed"
    """A node under it broke."""
    EXCEEDED = "RunTimeExceeded"
    """It lasted as long as its queue allows; the job is over."""
    CANCELLED = "Cancelled"
    """It was withdrawn."""


class Journal(Protocol):
    """Hears of every change, in order of time; instants are seconds since the epoch."""

    def elapsed(self, now: float, used: int, usable: int, asked: int, waiting: int) -> None:
        """Until `now`, since it was told before: accelerators held, usable, asked for by those who wait; who waits."""
        ...

    def started(self, tenant: Tenant, now: float) -> None:
        """A job got its nodes."""
        ...

    def stopped(self, tenant: Tenant, now: float, cause: Cause, lost: float) -> None:
        """A job gave its nodes back; `lost` accelerator-seconds of what they did were for nothing."""
        ...

    def told_to_wait(self, tenant: Tenant, wait: Wait, now: float) -> None:
        """A waiting job was told why it waits."""
        ...


class Silent:
    """Keeps no books."""

    def elapsed(self, now: float, used: int, usable: int, asked: int, waiting: int) -> None:
        """Do nothing."""

    def started(self, tenant: Tenant, now: float) -> None:
        """Do nothing."""

    def stopped(self, tenant: Tenant, now: float, cause: Cause, lost: float) -> None:
        """Do nothing."""

    def told_to_wait(self, tenant: Tenant, wait: Wait, now: float) -> None:
        """Do nothing."""
