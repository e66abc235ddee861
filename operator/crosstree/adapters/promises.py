"""Decisions on their way: places promised but not yet stored, orders to stop, and verdicts.

Verdicts are let out at a pace. What a job has to know at once, that it can't run as it is, or that room is made for
it, goes out at once. That it moved up in its line, or that others are in its way than before, waits its turn: a
thousand jobs may wait behind one that starts, and rewriting the status of each would cost more than starting it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from crosstree.core.job import Job
from crosstree.core.lifecycle import withdrawing
from crosstree.core.plan import Decision, Evict, Place, Resize, Wait

RETOLD_PER_SECOND = 5.0
"""Verdicts let out a second of those that can wait; each is one status write and no more."""

RETOLD_AT_ONCE = 50.0
"""Verdicts that may be let out together after a quiet time: in a small cluster none waits for its turn."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """A place given to a gang.

    `attempt` is the number the job will have once the place is stored; `carried` is True once it has been, while the
    object we know still shows the state before.
    """

    place: Place
    attempt: int
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A running gang has to stop: what was decided, by the plan of which AICluster, and for which attempt."""

    decision: Evict | Resize
    cluster: str
    attempt: int


class Promises:
    """What has been decided per job, until the job's own status says it."""

    def __init__(self) -> None:
        self._assumed: dict[str, Assumed] = {}
        self._orders: dict[str, Order] = {}
        self._verdicts: dict[str, Wait] = {}
        self._generation: dict[str, int] = {}
        self._later: dict[str, Wait] = {}
        self._budget = RETOLD_AT_ONCE
        self._let_out_at = 0.0

    def assumed(self, key: str) -> Assumed | None:
        """Return the place promised to a job."""
        return self._assumed.get(key)

    def decision(self, key: str, uid: str) -> Decision | None:
        """Return what a job is to be told: its place until that is stored, else to stop, else why it waits."""
        promised = self._assumed.get(key)
        if promised is not None:
            return promised.place if promised.place.uid == uid and not promised.carried else None
        order = self._orders.get(key)
        told = order.decision if order is not None else self._verdicts.get(key)
        return told if told is not None and told.uid == uid else None

    def place(self, job: Job, place: Place) -> None:
        """Promise a place."""
        self._assumed[job.key] = Assumed(place, job.progress.attempt + 1)
        self.stop_waiting(job.key)

    def order(self, job: Job, decision: Evict | Resize, cluster: str) -> bool:
        """Order a gang to stop the attempt that runs; return whether that is news."""
        order = Order(decision, cluster, job.progress.attempt)
        if not _stands(order, job) or self._orders.get(job.key) == order:
            return False
        self._orders[job.key] = order
        return True

    def recall(self, cluster: str, still: Collection[str]) -> None:
        """Take back the orders of a cluster's earlier plans but for those to these jobs: their purpose is void."""
        for key in [key for key, one in self._orders.items() if one.cluster == cluster and key not in still]:
            del self._orders[key]

    def wait(self, verdict: Wait, generation: int) -> bool:
        """Remember why a job waits, as of a generation of its spec; return whether it has to be told at once."""
        known = self._verdicts.get(verdict.key)
        answers = self._generation.get(verdict.key) == generation
        if known is None or (known != verdict and (not answers or _urgent(known, verdict))):
            self._verdicts[verdict.key] = verdict
            self._generation[verdict.key] = generation
            self._later.pop(verdict.key, None)
            return True
        if known == verdict:
            self._later.pop(verdict.key, None)
        else:
            self._later[verdict.key] = verdict
        return False

    def let_out(self, now: float) -> list[str]:
        """Return the jobs whose turn it is to be told what could wait, those first that have waited longest."""
        self._budget = min(
            RETOLD_AT_ONCE, self._budget + max(now - self._let_out_at, 0.0) * RETOLD_PER_SECOND
        )
        self._let_out_at = now
        chosen = list(self._later)[: int(self._budget)]
        for key in chosen:
            self._verdicts[key] = self._later.pop(key)
        self._budget -= len(chosen)
        return chosen

    def stop_waiting(self, key: str) -> None:
        """Forget why a job waits: it does not."""
        self._verdicts.pop(key, None)
        self._generation.pop(key, None)
        self._later.pop(key, None)

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
        order = self._orders.get(key)
        if order is not None and (job is None or not _stands(order, job)):
            del self._orders[key]
        verdict = self._verdicts.get(key)
        if verdict is not None and (job is None or gone or job.uid != verdict.uid):
            self.stop_waiting(key)


def _stands(order: Order, job: Job) -> bool:
    """Say whether there is still something to stop: that very attempt, and nobody has told it to stop."""
    progress = job.progress
    return (
        job.uid == order.decision.uid
        and progress.attempt == order.attempt
        and progress.placement is not None
        and not withdrawing(progress)
        and not job.deleting
    )


def _urgent(known: Wait, verdict: Wait) -> bool:
    """Say whether a verdict tells something that can't wait: not just that others are in the way than before."""
    if known.uid != verdict.uid or known.promise != verdict.promise:
        return True
    return known.reason is not verdict.reason and not (known.reason.patient and verdict.reason.patient)
