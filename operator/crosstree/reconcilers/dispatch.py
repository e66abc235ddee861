"""From a change to a look: which key is queued and which reconciler takes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from crosstree.adapters.resources import OURS, Kind
from crosstree.adapters.store import ObjectStore
from crosstree.base.errors import NotFound
from crosstree.core.job import Restart
from crosstree.engine.drive import Waker
from crosstree.engine.work import Again, Done, Outcome, WorkQueue
from crosstree.reconcilers.statuses import StatusWriter, Target
from crosstree.status import broken

Key = tuple[str, str]
"""Kind, and the key of an object of that kind."""

GONE_WITHIN = 5.0
"""Seconds between looks at a job that the API server no longer has and we still do."""

Reconcile = Callable[[str, float], Awaitable[Outcome]]

_PLURALS = {resource.kind: resource.plural for resource in OURS}


class Listener:
    """Turns changes into keys to reconcile and steps to take.

    Attributes:
        marking: Whether somebody works on the queue. As long as nobody does, marks are dropped, for the queue of
            a replica that waits for months would never end; who begins to work has everything looked at.
    """

    def __init__(self, queue: WorkQueue[Key], waker: Waker, *, marking: bool = True) -> None:
        self.marking = marking
        self._queue = queue
        self._waker = waker

    def mark(self, kind: Kind, key: str) -> None:
        """Have an object looked at."""
        if self.marking:
            self._queue.add((kind, key))

    def wake(self) -> None:
        """Have a scheduling step taken."""
        self._waker.wake()

    def wake_lazily(self) -> None:
        """Pass it on to the loop."""
        self._waker.wake_lazily()


class Dispatch:
    """One `reconcile` for all kinds.

    Args:
        store: Our objects.
        statuses: Writes what is wrong with a broken one.
        reconcilers: By kind.
    """

    def __init__(
        self,
        store: ObjectStore,
        statuses: StatusWriter,
        reconcilers: Mapping[str, Reconcile],
        restarted: Callable[[str], None],
    ) -> None:
        self._restarted = restarted
        self._store = store
        self._statuses = statuses
        self._reconcilers = reconcilers

    async def reconcile(self, key: Key, now: float) -> Outcome:
        """Look at one object.

        Raises:
            ApiError: the API server did not take a write.
        """
        kind, name = key
        # A TrainingJob has one writer of its status, broken or not.
        if kind != Kind.JOB and key in self._store.broken:
            return await self._tell(kind, name, now)
        if kind != Kind.JOB:
            return await self._reconcilers[kind](name, now)
        before = self._restarts(name)
        try:
            return await self._reconcilers[kind](name, now)
        except NotFound:  # the job is gone; the event that says so is on its way, and a list makes up for it
            return Again(GONE_WITHIN)
        finally:
            for restart in self._restarts(name):
                if restart not in before:
                    self._restarted(restart.reason)

    def _restarts(self, key: str) -> tuple[Restart, ...]:
        job = self._store.jobs.get(key)
        return job.progress.restarts if job is not None else ()

    async def _tell(self, kind: str, name: str, now: float) -> Outcome:
        raw = self._store.broken_raw[(kind, name)]
        metadata, observed = raw["metadata"], raw.get("status") or {}
        if metadata.get("deletionTimestamp"):
            return Done()
        status = broken.build(
            observed, str(self._store.broken[(kind, name)]), generation=metadata.get("generation", 0), now=now
        )
        target = Target(kind, _PLURALS[Kind(kind)], name, metadata.get("resourceVersion", ""), observed)
        return await self._statuses.write(target, status, now)
