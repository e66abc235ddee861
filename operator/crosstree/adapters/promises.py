"""Decisions on their way: places promised but not yet stored, and verdicts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from crosstree.core.job import Job
from crosstree.core.plan import Decision, Place, Wait


@dataclass(frozen=True, slots=True)
class Assumed:
    """A place given to a gang.

    `attempt` is the number the job will have once the place is stored; `carried` is True once it has been, while the
    object we know still shows the state before.
    """

    place: Place
    attempt: int
    carried: bool = False


class Promises:
    """What has been decided per job, until the job's own status says it."""

    def __init__(self) -> None:
        self._assumed: dict[str, Assumed] = {}
        self._verdicts: dict[str, Wait] = {}

    def assumed(self, key: str) -> Assumed | None:
        """Return the place promised to a job."""
        return self._assumed.get(key)

    def decision(self, key: str, uid: str) -> Decision | None:
        """Return what a job is to be told: its place until that has been stored, else why it waits."""
        promised = self._assumed.get(key)
        if promised is not None:
            return promised.place if promised.place.uid == uid and not promised.carried else None
        verdict = self._verdicts.get(key)
        return verdict if verdict is not None and verdict.uid == uid else None

    def place(self, job: Job, place: Place) -> None:
        """Promise a place."""
        self._assumed[job.key] = Assumed(place, job.progress.attempt + 1)
        self._verdicts.pop(job.key, None)

    def wait(self, verdict: Wait) -> bool:
        """Remember why a job waits; return whether that is news."""
        if self._verdicts.get(verdict.key) == verdict:
            return False
        self._verdicts[verdict.key] = verdict
        return True

    def stop_waiting(self, key: str) -> None:
        """Forget why a job waits: it does not."""
        self._verdicts.pop(key, None)

    def carried_out(self, key: str, uid: str) -> None:
        """The status with the place has been stored; it stays promised until the object we know shows it."""
        promised = self._assumed.get(key)
        if promised is not None and promised.place.uid == uid:
            self._assumed[key] = replace(promised, carried=True)

    def give_back(self, key: str, uid: str) -> None:
        """Void a promise."""
        promised = self._assumed.get(key)
        if promised is not None and promised.place.uid == uid:
            del self._assumed[key]

    def settle(self, key: str, job: Job | None) -> None:
        """Drop what the job as it is now makes void: it shows the place itself, or it is another job, or gone."""
        promised = self._assumed.get(key)
        gone = job is None or job.deleting
        if promised is not None and (
            job is None or gone or job.uid != promised.place.uid or job.progress.attempt >= promised.attempt
        ):
            del self._assumed[key]
        verdict = self._verdicts.get(key)
        if verdict is not None and (job is None or gone or job.uid != verdict.uid):
            del self._verdicts[key]
