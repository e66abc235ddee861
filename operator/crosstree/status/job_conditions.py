"""The conditions of a TrainingJob, a function each.

Admitted, Placed, PodsReady, Suspended, Recovering, Preempted, Finished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crosstree.core.checkpoint import oddity
from crosstree.core.job import Placement, Progress
from crosstree.core.lifecycle import (
    Finish,
    JobFacts,
    Move,
    Preempt,
    Recover,
    Suspend,
    Withdraw,
    finished,
    withdrawing,
)
from crosstree.core.lifecycle.facts import condition, holds
from crosstree.core.plan import WaitReason
from crosstree.status.conditions import Condition, Reason, Type, Wire, bounded, merge
from crosstree.status.job_pods import pods_ready, silent_nodes
from crosstree.status.job_waiting import Waiting


def conditions(facts: JobFacts, move: Move, progress: Progress, waiting: Waiting | None) -> list[Condition]:
    """Return every condition of the job.

    Args:
        facts: As observed.
        move: About to be taken.
        progress: What the move leaves.
        waiting: Why the job waits, if it does.
    """
    leaving = progress.placement is not None and (
        withdrawing(facts.job.progress) or isinstance(move, Recover | Preempt | Suspend | Withdraw)
    )
    ready = pods_ready(facts, move, progress, leaving=leaving)
    return [
        _admitted(facts, progress, waiting),
        _placed(facts, progress, waiting, leaving=leaving),
        ready,
        _suspended(facts, progress),
        _recovering(facts, move, progress, ready),
        _preempted(facts, move, progress, ready),
        _finished(facts, move),
    ]


def invalid(
    stored: Sequence[Mapping[str, object]], message: str, *, generation: int, now: float
) -> list[Wire]:
    """Return the stored conditions with Admitted=False; what runs of the job is not touched by it."""
    refused = merge(
        stored, [Condition.false(Type.ADMITTED, Reason.INVALID_SPEC, message)], generation=generation, now=now
    )
    others: list[Wire] = [dict(c) for c in stored if c.get("type") != Type.ADMITTED.value]  # type: ignore[arg-type]
    return [*refused, *others]


def _admitted(facts: JobFacts, progress: Progress, waiting: Waiting | None) -> Condition:
    if waiting is not None and waiting[0].barred:
        return Condition.false(Type.ADMITTED, waiting[0], waiting[1])
    before = holds(facts.job.progress, Type.ADMITTED.value)
    if before or progress.attempt or facts.decision is not None:
        return Condition.true(Type.ADMITTED, Reason.ADMITTED, f"Queue {facts.job.queue} takes the job.")
    return Condition.unknown(Type.ADMITTED, Reason.NOT_PLACED, "The job has not been looked at yet.")


def _placed(facts: JobFacts, progress: Progress, waiting: Waiting | None, *, leaving: bool) -> Condition:
    if progress.placement is not None and not leaving:
        return Condition.true(Type.PLACED, Reason.GANG_PLACED, _where(facts, progress.placement))
    if waiting is not None:
        return Condition.false(Type.PLACED, waiting[0], waiting[1])
    return Condition.false(Type.PLACED, Reason.NOT_PLACED, "The scheduler has not decided yet.")


def _where(facts: JobFacts, placement: Placement) -> str:
    spans = ", ".join(f"{span.domains} {span.level}" for span in placement.spans)
    workers = placement.workers
    text = f"{workers} worker{'s' * (workers > 1)} of {facts.job.gang.devices} {placement.model}"
    return f"{text} in pool {placement.pool}{f' over {spans}' if spans else ''}."


def _suspended(facts: JobFacts, progress: Progress) -> Condition:
    if not facts.job.suspend or finished(facts.job.progress):
        return Condition.false(Type.SUSPENDED, Reason.NOT_SUSPENDED)
    if progress.placement is not None or facts.leftover:
        return Condition.false(Type.SUSPENDED, Reason.SUSPENDING, "Waiting for all pods to be gone.")
    return Condition.true(Type.SUSPENDED, Reason.SUSPENDED, "spec.suspend is true and no pod is left.")


def _recovering(facts: JobFacts, move: Move, progress: Progress, ready: Condition) -> Condition:
    if isinstance(move, Recover):
        return Condition.true(Type.RECOVERING, Reason(move.cause.value), _story(facts, progress))
    stopped = isinstance(move, Preempt) or (facts.job.suspend and progress.placement is None)
    over = isinstance(move, Finish) or finished(facts.job.progress) or ready.reason is Reason.ALL_READY
    if not holds(facts.job.progress, Type.RECOVERING.value) or stopped or over:
        return Condition.false(Type.RECOVERING, Reason.NOT_RECOVERING)
    stored = Reason(condition(facts.job.progress, Type.RECOVERING.value)["reason"])
    return Condition.true(Type.RECOVERING, stored, _story(facts, progress))


def _preempted(facts: JobFacts, move: Move, progress: Progress, ready: Condition) -> Condition:
    """True from the moment a gang is stopped for another until it is whole again."""
    if isinstance(move, Preempt):
        return Condition.true(Type.PREEMPTED, Reason(move.cause.value), bounded(move.message))
    stopped = facts.job.suspend and progress.placement is None
    over = (
        isinstance(move, Finish | Recover) or finished(facts.job.progress) or ready.reason is Reason.ALL_READY
    )
    if not holds(facts.job.progress, Type.PREEMPTED.value) or stopped or over:
        odd = oddity(facts.job.checkpoint, facts.current.values(), facts.now)
        return Condition.false(Type.PREEMPTED, Reason.NOT_PREEMPTED, odd)
    stored = condition(facts.job.progress, Type.PREEMPTED.value)
    return Condition.true(Type.PREEMPTED, Reason(stored["reason"]), str(stored.get("message", "")))


def _story(facts: JobFacts, progress: Progress) -> str:
    """Say what happened and, while pods hang on a node that does not answer, what is being waited for."""
    happened = [one.message for one in progress.restarts if one.reason != WaitReason.PODS_REFUSED.value]
    text = happened[-1] if happened else "The attempt was ended."
    return bounded(" ".join((text, *silent_nodes(facts))))


def _finished(facts: JobFacts, move: Move) -> Condition:
    match move:
        case Finish(cause=None, message=message):
            return Condition.true(Type.FINISHED, Reason.SUCCEEDED, message)
        case Finish(cause=cause, message=message) if cause is not None:
            return Condition.true(Type.FINISHED, Reason(cause.value), message)
        case _:
            pass
    if finished(facts.job.progress):
        stored = condition(facts.job.progress, Type.FINISHED.value)
        return Condition.true(Type.FINISHED, Reason(stored["reason"]), str(stored.get("message", "")))
    return Condition.false(Type.FINISHED, Reason.NOT_FINISHED)
