"""`next_move`: the one place that says what happens next to a TrainingJob.

Read it from the top: what ends a job comes before what stops it, that before what starts it. Every branch
is decided from facts observed now and from the stored status, so it does not matter whether the operator
has just started, was killed half-way, or has missed every event until now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from crosstree.core.job import Job, Restart
from crosstree.core.lifecycle.alone import on_its_way, one_worker
from crosstree.core.lifecycle.facts import (
    ENDED,
    JobFacts,
    finished,
    outlived,
    since,
    squatters,
    told_at,
    waits_for,
    was_ready,
    withdrawing,
)
from crosstree.core.lifecycle.failure import UNSCHEDULABLE_SECONDS, end_of_attempt, node_fault, unbindable
from crosstree.core.lifecycle.foretell import foretell_again
from crosstree.core.lifecycle.making_room import stopped_for_another, time_to_save, waiting_to_die
from crosstree.core.lifecycle.moves import (
    INFRASTRUCTURE,
    Cause,
    Expire,
    Finish,
    GiveBack,
    Hold,
    Launch,
    Move,
    Recover,
    Release,
    Reopen,
    Serve,
    StorePlacement,
    Suspend,
    Sweep,
    Withdraw,
)
from crosstree.core.lifecycle.refusal import backoff
from crosstree.core.lifecycle.run_time import over_at, run_over
from crosstree.core.plan import Place, Resize, Wait, WaitReason
from crosstree.core.pods import PodFact, PodPhase
from crosstree.core.snapshot import NodeState

AVOID_SECONDS = 300.0
"""How long a node that failed a gang is not given to it again: long enough for its fault to show in its
conditions, short enough for a cluster that has no other."""

DECISION_SECONDS = 2.0
"""Age below which a job is not told that it is undecided; `creationTimestamp` has whole seconds."""

RETELL_SECONDS = 20.0
"""How long the sentence about a waiting job stands while its reason does. The counts in it move with every pod
that ends anywhere, and a thousand jobs may wait: their statuses are rewritten at this pace, not at that one."""

_LACK_OF_ROOM = frozenset(
    {WaitReason.NOT_ENOUGH_FREE, WaitReason.FRAGMENTED, WaitReason.NO_DOMAIN_LARGE_ENOUGH}
)

QUIET_START = 15.0
"""Seconds after placement in which a starting gang is not reported pod by pod."""

_INFRASTRUCTURE = frozenset(cause.value for cause in INFRASTRUCTURE)


def wants_placement(job: Job, pods: Sequence[PodFact]) -> bool:
    """Tell whether the scheduler should look for a place for this job.

    Only once nothing of an earlier attempt, nor of a deleted job of the same name, is alive.
    """
    progress = job.progress
    if progress.placement is not None or job.suspend or job.deleting or finished(progress):
        return False
    if waits_for(progress) is WaitReason.PODS_REFUSED:
        return False
    return not squatters(job, pods) and not any(pod.job_uid == job.uid for pod in pods)


def avoided(restarts: Sequence[Restart], now: float) -> tuple[str, ...]:
    """Return the nodes that failed a gang lately and should not get it again where there is another place, sorted."""
    return tuple(sorted(set(_failed(restarts, now))))


def banned(restarts: Sequence[Restart], now: float) -> tuple[str, ...]:
    """Return the nodes that failed a gang more than once lately, sorted: it does not get them, whatever else there is.

    Else a gang that has no other place would fail on such a node again and again, as fast as pods can be made.
    """
    failed = Counter(_failed(restarts, now))
    return tuple(sorted(node for node, times in failed.items() if times > 1))


def _failed(restarts: Sequence[Restart], now: float) -> list[str]:
    return [
        restart.node
        for restart in restarts
        if restart.node and restart.reason in _INFRASTRUCTURE and now - restart.at < AVOID_SECONDS
    ]


def told_until(facts: JobFacts) -> float | None:
    """Return until when the stored sentence about waiting stands; None if a verdict is to be told at once.

    A reason of another kind is told at once, as is any answer to a changed spec.
    """
    decision, stored = facts.decision, facts.job.progress.observed
    reason = waits_for(facts.job.progress)
    if not isinstance(decision, Wait) or reason is None or not _alike(reason, decision.reason):
        return None
    told = told_at(facts.job.progress)
    if told is None or stored.get("observedGeneration") != facts.job.generation:
        return None
    return told + RETELL_SECONDS if told <= facts.now < told + RETELL_SECONDS else None


def _alike(one: WaitReason, other: WaitReason) -> bool:
    """Tell whether two reasons say the same to a reader: lack of room goes back and forth between its forms."""
    return one is other or {one, other} <= _LACK_OF_ROOM


def next_move(facts: JobFacts) -> Move:
    """Return the next step for this job. Pure; the same facts give the same move."""
    job, progress = facts.job, facts.job.progress
    if _useless(facts):
        return GiveBack()
    if job.deleting:
        return Hold(quiet=True)
    if finished(progress):
        return _after_the_end(facts)
    if progress.placement is None:
        return _unplaced(facts)
    if withdrawing(progress):
        return _sweep(facts, facts.own) if facts.own else Release()
    if _all_succeeded(facts):
        return Finish(None, f"All {job.workers} workers succeeded.")
    if job.suspend:
        return Suspend()
    if facts.leftover:
        return _sweep(facts, facts.leftover)
    if end := _end(facts):
        return end
    if facts.missing and not was_ready(progress):
        return _name_taken(facts) or _given_twice(facts) or Launch(facts.missing)
    if not facts.served:
        return Serve()
    return Hold(until=_next_deadline(facts))


def _end(facts: JobFacts) -> Move | None:
    """Return how the attempt ends by all that is wrong, for the gang or for one worker, or by order; None if not."""
    if over := run_over(facts):
        return over
    leaving = on_its_way(facts)
    if leaving is not None:
        return node_fault(facts) or _sweep(facts, (leaving,))
    return one_worker(facts, end_of_attempt(facts)) or _ordered(facts)


def _ordered(facts: JobFacts) -> Move | None:
    """Return the end of an attempt whose place another job gets, or that goes on with another number of workers."""
    job, decision = facts.job, facts.decision
    if stopped := stopped_for_another(facts):
        return stopped
    if not isinstance(decision, Resize) or decision.uid != job.uid:
        return None
    if decision.workers == job.workers or decision.workers not in job.gang.sizes:
        return None
    if not decision.beneficiary and any(pod.phase is PodPhase.SUCCEEDED for pod in facts.current.values()):
        return None  # who has workers that are done is about to end, and needs no more of them
    return Recover(Cause.RESIZED, charged=False, message=decision.message)


def _after_the_end(facts: JobFacts) -> Move:
    ttl, ended = facts.job.ttl_after_finished, facts.job.progress.finished_at
    end = None if ttl is None or ended is None else ended + ttl
    running = tuple(pod for pod in facts.own if pod.phase not in ENDED)
    if end is not None and facts.now >= end and not (running and outlived(facts.job.progress)):
        return Expire()
    if not running:
        return Hold(until=end)
    sweep = _sweep(facts, running)
    return replace(sweep, until=min((at for at in (end, sweep.until) if at is not None), default=None))


def _unplaced(facts: JobFacts) -> Move:
    job, decision = facts.job, facts.decision
    if facts.leftover:
        return _sweep(facts, facts.leftover)
    if job.suspend or facts.squatters:
        return Hold()
    if waits_for(job.progress) is WaitReason.PODS_REFUSED:
        return _refused(facts)
    if isinstance(decision, Place):
        return StorePlacement(decision)
    if decision is None and facts.now - job.created < DECISION_SECONDS and not job.progress.observed:
        return Hold(until=job.created + DECISION_SECONDS, quiet=True)
    again = [at for at in (told_until(facts), foretell_again(facts)) if at is not None]
    return Hold(until=min(again, default=None))


def _useless(facts: JobFacts) -> bool:
    """A placement decided for a job that can't use it: it stopped wanting one meanwhile."""
    job, decision = facts.job, facts.decision
    if not isinstance(decision, Place) or job.progress.placement is not None:
        return False
    return decision.uid != job.uid or not wants_placement(job, facts.pods)


def _name_taken(facts: JobFacts) -> Withdraw | None:
    taken = facts.squatters
    if not taken:
        return None
    return Withdraw(
        f"Pod {taken[0].name} exists already and belongs to another object. Delete it, or give this TrainingJob "
        "another name."
    )


def _given_twice(facts: JobFacts) -> Release | None:
    """Give a place back that nobody has taken yet and somebody else has, too, as far as all that is promised counts.

    A leader that was deposed may have stored a placement late, another pod may have come first. Asked only of a gang
    without a pod: of two that were given one place, that which has pods keeps it.
    """
    return Release() if not facts.own and any(node.crowded for node in facts.nodes) else None


def _refused(facts: JobFacts) -> Move:
    restarts = facts.job.progress.restarts
    again = restarts[-1].at + backoff(restarts) if restarts else facts.now
    return Reopen() if facts.now >= again else Hold(until=again)


def _sweep(facts: JobFacts, pods: Sequence[PodFact]) -> Sweep:
    """Delete what is not yet leaving. What lies on a node that no longer exists leaves at once.

    On a node that does not answer, what was told to go is removed by force once the bound is over, never before.
    """
    stranded = tuple(pod for pod in pods if pod.node and (facts.node_gone(pod.node) or _given_up(facts, pod)))
    normal = tuple(pod for pod in pods if not pod.terminating and pod not in stranded)
    hurried = tuple(pod for pod in waiting_to_die(facts, pods) if pod not in stranded)
    bounds = {facts.given_up_at(pod) for pod in pods if pod.node}
    until = min((bound for bound in bounds if bound is not None and bound > facts.now), default=None)
    return Sweep(normal, stranded, until, hurried, time_to_save(facts))


def _given_up(facts: JobFacts, pod: PodFact) -> bool:
    """Tell whether a pod has been leaving a silent node for as long as that is waited for."""
    bound = facts.given_up_at(pod)
    return pod.terminating and bound is not None and facts.now >= bound


def _all_succeeded(facts: JobFacts) -> bool:
    pods = facts.current
    return len(pods) >= facts.job.workers and all(
        index in pods and pods[index].phase is PodPhase.SUCCEEDED for index in range(facts.job.workers)
    )


def _next_deadline(facts: JobFacts) -> float | None:
    """When time alone can change the answer; None if only an event can."""
    progress = facts.job.progress
    times = [
        node.since + facts.grace_of(node)
        for node in facts.nodes
        if node.state in (NodeState.NOT_READY, NodeState.UNHEALTHY)
    ]
    times += [fault.due for node in facts.nodes for fault in node.restarting]
    times += [pod.stuck_since + UNSCHEDULABLE_SECONDS for pod in facts.current.values() if unbindable(pod)]
    ready = since(progress, "PodsReady")
    suspect = {pod.node for pod in facts.current.values() if pod.unhealthy_device}
    suspect |= {node.name for node in facts.nodes if node.overcommitted > 0 or node.drained}
    if ready is not None:
        times += [ready + facts.grace_of(node) for node in facts.nodes if node.name in suspect]
    placed = since(progress, "Placed")
    if placed is not None and not was_ready(progress):
        times.append(placed + QUIET_START)
    if (over := over_at(facts)) is not None:
        times.append(over)
    return min((at for at in times if at > facts.now), default=None)
