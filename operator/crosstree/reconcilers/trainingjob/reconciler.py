"""Looks at one TrainingJob and carries out its next moves until there is something to wait for."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from crosstree.base.names import pod_name
from crosstree.core.admission import cluster_of
from crosstree.core.cluster import Cluster
from crosstree.core.job import Job
from crosstree.core.lifecycle import (
    Cause,
    Expire,
    Finish,
    GiveBack,
    Hold,
    JobFacts,
    Launch,
    Move,
    Preempt,
    Recover,
    Release,
    Remake,
    Reopen,
    Serve,
    StorePlacement,
    Suspend,
    Sweep,
    Withdraw,
    next_move,
    stands,
)
from crosstree.core.plan import Evict, Place, Resize
from crosstree.core.runbound import run_bound
from crosstree.engine.work import Again, Done, Outcome
from crosstree.reconcilers.ports import Facts, Writer
from crosstree.reconcilers.trainingjob import finish
from crosstree.reconcilers.trainingjob.expectations import Expectations
from crosstree.reconcilers.trainingjob.launch import Launcher
from crosstree.reconcilers.trainingjob.record import Recorder
from crosstree.reconcilers.trainingjob.sweep import Sweeper

SOON = 0.1
"""Seconds until a look at facts that are known to lag; the event that brings them comes sooner."""

PACE = 0.1
PACE_PER_WORKER = 0.0002
"""Seconds between two looks at a gang that has its place, and per worker where that is more: every pod changes
several times while a gang starts, and a look at all of them costs some microseconds for each."""

LAGGING = 1.0
"""Seconds until a watch is looked at again that does not show pods which exist."""

STEPS = 8
"""Moves carried out in one look; the longest chain of a healthy job has four."""


class TrainingJobReconciler:
    """Reconciles TrainingJobs. Decides nothing: `core.lifecycle.next_move` does."""

    def __init__(self, live: Facts, writer: Writer) -> None:
        self._live = live
        self._writer = writer
        self._expectations = Expectations()
        self._recorder = Recorder(live, writer)
        self._launcher = Launcher(live, writer, self._recorder, self._expectations)
        self._sweeper = Sweeper(writer, self._expectations)
        self._looked: dict[str, float] = {}

    async def reconcile(self, key: str, now: float) -> Outcome:
        """Take the job with this key as far as it can go now.

        Raises:
            ApiError: the API server did not take a write; look again later.
        """
        job = self._live.store.jobs.get(key)
        if job is None:
            self._recorder.forget(key)
            self._expectations.forget(key)
            self._looked.pop(key, None)
            await self._recorder.write_broken(key, now)
            return Done()
        if self._recorder.behind(job):
            return Again(SOON)
        if early := self._too_early(job, now):
            return early
        facts = self._look(job, now)
        if self._expectations.pending(key, facts.own, now):
            return Again(SOON * 5)
        if overdue := self._expectations.overdue(key):
            there = overdue & await self._pods_now(job)
            self._expectations.extend(key, there, now)
            if there:
                return Again(SOON * 5)
        for _ in range(STEPS):
            step = await self._take(facts, next_move(facts))
            if not isinstance(step, JobFacts):
                return step
            facts = step
        return Again(SOON)

    async def drain(self) -> None:
        """Wait until nothing that was begun is still on its way; for a graceful stop."""
        await self._recorder.drain()

    def _too_early(self, job: Job, now: float) -> Again | None:
        """Return when to look at a gang again that was looked at a moment ago, else None."""
        pace = max(PACE, PACE_PER_WORKER * job.workers)
        left = self._looked.get(job.key, 0.0) + pace - now
        if job.progress.placement is not None and 0 < left <= pace:
            return Again(left)
        self._looked[job.key] = now
        return None

    def _look(self, job: Job, now: float) -> JobFacts:
        live = self._live
        decision = live.decision_for(job.key, job.uid)
        if job.progress.placement is not None and isinstance(decision, Place):
            # Stored after all: the answer to our write was lost, or another process made it.
            live.carried_out(job.key, job.uid)
            decision = None
        if isinstance(decision, Evict | Resize) and not stands(
            decision, live.store.jobs.get(decision.beneficiary)
        ):
            decision = None
        cluster = cluster_of(job, live.store.clusters)
        facts = JobFacts(
            job=job,
            pods=live.pods_of(job.namespace, job.name),
            nodes=live.health_of(job) if job.progress.placement is not None else (),
            decision=decision,
            served=live.served(job),
            now=now,
            bound=run_bound(job.queue, live.store.queues),
        )
        if not isinstance(cluster, Cluster):
            return facts
        return replace(facts, grace=cluster.grace, unreachable_timeout=cluster.unreachable_timeout)

    async def _pods_now(self, job: Job) -> frozenset[str]:
        """Return the pods that a job really has; asked only where pods we don't see are about to count as gone.

        If it has some, the watch lags and nothing follows from it: giving up their places while they live would
        put another gang on top of them.

        Raises:
            ApiError: the API server did not say; nothing follows from that either.
        """
        return await self._writer.pods_now(job.namespace, job.name, job.uid)

    async def _recover(self, facts: JobFacts, move: Recover) -> Outcome | JobFacts:
        """End an attempt, unless it would be for a pod that is there all the same: then the watch lags.

        A replica that has just begun to lead knows every job as it is, and pods only as well as its watch does.

        Raises:
            ApiError: the API server did not say; the gang is left alone until it does.
        """
        worker = move.worker
        unseen = move.cause is Cause.POD_DELETED and worker is not None and worker not in facts.current
        if unseen and pod_name(facts.job.name, worker or 0) in await self._pods_now(facts.job):
            return Again(LAGGING)
        return await self._recorder.write(facts, move)

    async def _release(self, facts: JobFacts, move: Release) -> Outcome | JobFacts:
        """Clear a placement whose pods are gone, as the API server confirms."""
        if await self._pods_now(facts.job):
            return Again(LAGGING)
        self._expectations.settle(facts.job.key)
        return replace(await self._recorder.write(facts, move), nodes=())

    async def _take(self, facts: JobFacts, move: Move) -> Outcome | JobFacts:
        """Carry out one move; return facts where another move may follow at once."""
        match move:
            case Hold(until, quiet):
                if not quiet:
                    await self._recorder.write(facts, move)
                return Done() if until is None else Again(max(until - facts.now, 0.0))
            case GiveBack():
                self._live.give_back(facts.job.key, facts.job.uid)
                return replace(facts, decision=None)
            case StorePlacement():
                return replace(await self._launcher.place(facts, move), decision=None)
            case Launch(missing):
                return await self._launcher.create(await self._recorder.write(facts, move), missing)
            case Serve():
                return await self._launcher.serve(await self._recorder.write(facts, move))
            case Recover():
                return await self._recover(facts, move)
            case Preempt() | Remake() | Suspend() | Withdraw() | Finish() | Reopen():
                return await self._recorder.write(facts, move)
            case Release():
                return await self._release(facts, move)
            case Sweep():
                return await self._sweeper.delete(await self._recorder.write(facts, move), move)
            case Expire():
                return await finish.expire(self._writer, facts.job)
            case _:
                assert_never(move)
