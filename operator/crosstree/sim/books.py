"""What came of every job, as columns, and what the cluster did over time, as integrals and samples."""

from __future__ import annotations

import numpy as np

from crosstree.core.plan import Wait
from crosstree.sim.journal import Cause
from crosstree.sim.tenants import Tenant
from crosstree.sim.traces.jobs import Float64

SAMPLES = 4096
"""Samples kept of a run at most; when there are more, every other one is dropped."""


class Books:
    """A `Journal` over `count` jobs, by `Tenant.row`.

    Attributes:
        began: When each job first got its nodes, float64 (n,); NaN as long as it has not.
        ended: When its work was done; NaN as long as it is not.
        waited: Seconds in line, those between two attempts included.
        told: When it was first told that it would start, as predicted; NaN if it never was.
        attempts: Places it has had, int64 (n,).
        preempted: Times it made room for another.
        resized: Times it went on at another size.
        failed: Times a node broke under it.
        exceeded: 1 for a job that was ended because its run lasted as long as its queue allows.
        lost: Accelerator-seconds for nothing: work since the last checkpoint.
        until_last_submission: Accelerator-seconds held and usable up to the last submission.
        samples: `(now, used, usable, waiting, asked)` over time.
    """

    def __init__(self, count: int) -> None:
        self.began: Float64 = np.full(count, np.nan)
        self.ended: Float64 = np.full(count, np.nan)
        self.waited: Float64 = np.zeros(count)
        self.told: Float64 = np.full(count, np.nan)
        self.attempts = np.zeros(count, np.int64)
        self.preempted = np.zeros(count, np.int64)
        self.resized = np.zeros(count, np.int64)
        self.failed = np.zeros(count, np.int64)
        self.exceeded = np.zeros(count, np.int64)
        self.lost: Float64 = np.zeros(count)
        self.samples: list[tuple[float, int, int, int, int]] = []
        self.used_seconds = 0.0
        self.usable_seconds = 0.0
        self.used_while_asked = 0.0
        self.usable_while_asked = 0.0
        self.until_last_submission = (0.0, 0.0)
        self._now = 0.0
        self._gap = 0.0
        self._sampled = -np.inf

    def elapsed(self, now: float, used: int, usable: int, asked: int, waiting: int) -> None:
        """Add up what was held and what could have been, until now."""
        seconds = now - self._now
        if seconds <= 0:
            return
        self._now = now
        self.used_seconds += used * seconds
        self.usable_seconds += usable * seconds
        if asked:
            # What nobody asks for can't be allocated: demand waits for no more than it lacks.
            self.used_while_asked += used * seconds
            self.usable_while_asked += min(usable, used + asked) * seconds
        if now - self._sampled >= self._gap:
            self._sample((now, used, usable, waiting, asked))

    def submissions_end(self) -> None:
        """Note that nothing is submitted any more: what follows is the tail."""
        self.until_last_submission = (self.used_seconds, self.usable_seconds)

    def started(self, tenant: Tenant, now: float) -> None:
        """Note a start."""
        row = tenant.row
        if np.isnan(self.began[row]):
            self.began[row] = now
        self.attempts[row] += 1
        self.waited[row] += now - tenant.queued

    def stopped(self, tenant: Tenant, now: float, cause: Cause, lost: float) -> None:
        """Note an end, and what it was for."""
        row = tenant.row
        self.lost[row] += lost
        match cause:
            case Cause.FINISHED:
                self.ended[row] = now
            case Cause.PREEMPTED:
                self.preempted[row] += 1
            case Cause.RESIZED:
                self.resized[row] += 1
            case Cause.FAILED:
                self.failed[row] += 1
            case Cause.EXCEEDED:
                self.exceeded[row] += 1
            case Cause.CANCELLED:
                pass

    def told_to_wait(self, tenant: Tenant, wait: Wait, now: float) -> None:
        """Keep the first prediction of a start."""
        if wait.forecast is not None and np.isnan(self.told[tenant.row]) and np.isnan(self.began[tenant.row]):
            self.told[tenant.row] = wait.forecast.start

    def _sample(self, found: tuple[float, int, int, int, int]) -> None:
        self.samples.append(found)
        self._sampled = found[0]
        if len(self.samples) > SAMPLES:
            self.samples = self.samples[::2]
            self._gap = max(2 * self._gap, (found[0] - self.samples[0][0]) / SAMPLES)
