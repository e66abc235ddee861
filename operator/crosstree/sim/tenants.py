"""The jobs of a simulated cluster: who waits, who holds nodes, and the tuples of them that snapshots carry."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from crosstree.core.running import Running
from crosstree.core.workload import Expectation, Gang
from crosstree.sim.runtime import Attempt


@dataclass(slots=True, eq=False)
class Tenant:
    """One job from its submission to its end.

    Attributes:
        gang: What it asks for, as it stands in line or as it was placed.
        work: Seconds of work left at full size and speed 1, as far as it is saved.
        row: Number under which results are kept.
        factor: What its owner says of its duration, as a multiple of the truth; 0 for nothing.
        queued: When it came to wait last, seconds since the epoch.
        attempts: Places it has had.
        attempt: The run it is in; None while it waits.
        running: What snapshots show of it; None while it waits.
        cause: Why it has been told to stop; empty if it has not.
        whole: All of its work.
        length: How long its attempt is expected to take.
        size: Workers it goes on with after it was told to change; 0 for any.
    """

    gang: Gang
    work: float
    row: int = -1
    factor: float = 1.0
    queued: float = 0.0
    attempts: int = 0
    attempt: Attempt | None = None
    running: Running | None = None
    cause: str = ""
    whole: float = 0.0
    length: Expectation | None = None
    size: int = 0


@dataclass(slots=True)
class Tenants:
    """All jobs that are not over. Tuples are made anew only after a change."""

    known: dict[str, Tenant] = field(default_factory=dict)
    waiting: dict[str, Tenant] = field(default_factory=dict)
    _keys: list[tuple[str, str]] = field(default_factory=list)
    _running: list[Running] = field(default_factory=list)
    _gangs: tuple[Gang, ...] | None = ()
    _held: tuple[Running, ...] | None = ()

    def line_up(self, tenant: Tenant) -> None:
        """Let a job wait, or wait with another gang than before."""
        self.waiting[tenant.gang.uid] = tenant
        self._gangs = None

    def leave_line(self, uid: str) -> None:
        """A job waits no more."""
        del self.waiting[uid]
        self._gangs = None

    def hold(self, tenant: Tenant, running: Running) -> None:
        """Let a job hold nodes, or replace what is shown of it. O(running), of plain moves in memory."""
        key = (running.gang.key, running.gang.uid)
        at = bisect_left(self._keys, key)
        if at < len(self._keys) and self._keys[at] == key:
            self._running[at] = running
        else:
            self._keys.insert(at, key)
            self._running.insert(at, running)
        tenant.running = running
        self._held = None

    def release(self, tenant: Tenant) -> None:
        """A job holds nothing more."""
        assert tenant.running is not None
        at = bisect_left(self._keys, (tenant.running.gang.key, tenant.running.gang.uid))
        del self._keys[at], self._running[at]
        tenant.running = None
        self._held = None

    def gangs(self) -> tuple[Gang, ...]:
        """Return who waits, in order of submission to the line."""
        if self._gangs is None:
            self._gangs = tuple(tenant.gang for tenant in self.waiting.values())
        return self._gangs

    def running(self) -> tuple[Running, ...]:
        """Return who holds nodes, by key."""
        if self._held is None:
            self._held = tuple(self._running)
        return self._held
