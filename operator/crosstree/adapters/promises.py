"""Decisions on their way: places promised but not yet stored, verdicts, nodes a gang keeps away from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from crosstree.core.job import Job
from crosstree.core.plan import Decision, Place, Wait

COOL_DOWN = 60.0
"""Seconds a gang keeps away from a node that did not take its pods: long enough for its cause to show."""


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
        self._cool: dict[str, tuple[str, dict[str, float]]] = {}

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

    def give_back(self, key: str, uid: str, avoid: Iterable[str], now: float) -> None:
        """Void a promise; the gang keeps away from the nodes in `avoid` for `COOL_DOWN` seconds."""
        promised = self._assumed.get(key)
        if promised is not None and promised.place.uid == uid:
            del self._assumed[key]
        nodes = dict.fromkeys(avoid, now + COOL_DOWN)
        if nodes:
            known = self._cool.get(key)
            self._cool[key] = (uid, (known[1] if known and known[0] == uid else {}) | nodes)

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
        cool = self._cool.get(key)
        if cool is not None and (job is None or job.uid != cool[0]):
            del self._cool[key]

    def cooling(self, key: str, now: float) -> tuple[str, ...]:
        """Return the nodes this job keeps away from now, sorted."""
        known = self._cool.get(key)
        if known is None:
            return ()
        left = {node: until for node, until in known[1].items() if until > now}
        if left:
            self._cool[key] = (known[0], left)
        else:
            del self._cool[key]
        return tuple(sorted(left))
