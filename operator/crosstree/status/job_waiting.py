"""`status.waiting`: the one reason why a TrainingJob has no workers that run, and what would help."""

from __future__ import annotations

from crosstree.core.job import Progress
from crosstree.core.lifecycle import (
    Finish,
    JobFacts,
    Move,
    Preempt,
    Recover,
    Release,
    Reopen,
    Suspend,
    Withdraw,
    backoff,
    finished,
    told_until,
    withdrawing,
)
from crosstree.core.plan import Wait, WaitReason
from crosstree.status.conditions import bounded
from crosstree.status.job_pods import silent_nodes

Waiting = tuple[WaitReason, str]
"""Reason, and one sentence with the way out."""

SUSPENDED = "spec.suspend is true. Set it to false to let the job start."
LEAVING = "All pods of attempt {attempt} have to be gone before the next attempt is placed."
GIVEN_TWICE = (
    "The place of attempt {attempt} was taken by others before a pod of it was made; it gets another one."
)
AGAIN = "Attempt {attempt} has ended and its pods are gone; the next attempt is waiting for its place."


def waiting_for(facts: JobFacts, move: Move, progress: Progress) -> Waiting | None:
    """Return why the job waits, or None if it is placed, ended, or not decided on yet.

    Args:
        facts: As observed.
        move: About to be taken.
        progress: What the move leaves.
    """
    job, stored = facts.job, _stored(facts)
    if isinstance(move, Finish) or finished(job.progress):
        return None
    match move:
        case Withdraw(message):
            return WaitReason.PODS_REFUSED, _refused(message, backoff(progress.restarts))
        case Recover() | Preempt():
            return WaitReason.RECOVERING, LEAVING.format(attempt=progress.attempt)
        case Reopen():
            return None
        case Suspend():
            return WaitReason.SUSPENDED, SUSPENDED
        case Release() if not job.suspend:
            told = AGAIN if withdrawing(job.progress) else GIVEN_TWICE
            return _kept(stored) or (WaitReason.RECOVERING, told.format(attempt=progress.attempt))
        case _:
            pass
    if withdrawing(job.progress) and progress.placement is not None:
        if (silent := silent_nodes(facts)) and (stored is None or stored[0] is WaitReason.RECOVERING):
            return WaitReason.RECOVERING, bounded(" ".join(silent))
        if stored is not None and stored[0] is WaitReason.RECOVERING:
            return WaitReason.RECOVERING, LEAVING.format(attempt=progress.attempt)
        return stored or (WaitReason.RECOVERING, LEAVING.format(attempt=progress.attempt))
    if progress.placement is not None:
        return None
    if job.suspend:
        return WaitReason.SUSPENDED, SUSPENDED
    return _unplaced(facts, stored)


def _unplaced(facts: JobFacts, stored: Waiting | None) -> Waiting | None:
    if stored is not None and stored[0] is WaitReason.PODS_REFUSED:
        return stored  # until the pause is over, whatever else is in the way
    if facts.squatters:
        name = facts.squatters[0].name
        return WaitReason.RECOVERING, (
            f"Pod {name} belongs to another object, perhaps to a deleted TrainingJob of the same name. "
            "The job starts once the pod is gone."
        )
    if facts.leftover:
        return WaitReason.RECOVERING, LEAVING.format(attempt=facts.job.progress.attempt)
    if isinstance(facts.decision, Wait) and facts.decision.uid == facts.job.uid:
        if stored is not None and told_until(facts) is not None:
            return stored
        return facts.decision.reason, facts.decision.message
    return stored if stored is not None and stored[0] is not WaitReason.SUSPENDED else None


def _kept(stored: Waiting | None) -> Waiting | None:
    """A refusal outlives the withdrawal of its placement: it says until when there is a pause."""
    return stored if stored is not None and stored[0] is WaitReason.PODS_REFUSED else None


def _refused(message: str, pause: float) -> str:
    return f"{message.rstrip('.')}. All pods are taken back; the next try is in {pause:.0f} s."


def _stored(facts: JobFacts) -> Waiting | None:
    waiting = facts.job.progress.observed.get("waiting") or {}
    try:
        return WaitReason(waiting.get("reason")), str(waiting.get("message", ""))
    except ValueError:
        return None
