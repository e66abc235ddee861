"""A gang that is stopped for another one: whether the order still stands, how long its workers have, what is planned.

Nothing is remembered here. The order is a decision of the scheduler, the stop is the stored pair of placement and
condition Placed, as for every other end of an attempt.
"""

from __future__ import annotations

from collections.abc import Sequence

from crosstree.core.checkpoint import LONGEST_GRACE, saved_at
from crosstree.core.job import Job
from crosstree.core.lifecycle.facts import JobFacts, finished, outlived, preempted, resizing, since, waits_for
from crosstree.core.lifecycle.moves import Cause, Move, Preempt, StorePlacement, Suspend
from crosstree.core.plan import Decision, Evict, Promise, Resize, Wait, WaitReason
from crosstree.core.pods import PodFact

SAVED_SECONDS = 5.0
"""What a pod has left to end in once the job says that its work is saved."""

OWN_SECONDS = 30.0
"""What Kubernetes gives a pod to end in whose template does not say."""


def stands(order: Decision | None, beneficiary: Job | None) -> bool:
    """Tell whether an order to make room still has a reason: the plan that it came of is in the status of who gets it.

    True of every other decision. An elastic gang that is told to grow makes room for nobody.
    """
    if not isinstance(order, Evict | Resize) or not order.beneficiary:
        return True
    if beneficiary is None or beneficiary.deleting or beneficiary.suspend:
        return False
    plan = beneficiary.progress.plan
    return plan is not None and order.uid in plan.victims


def stopped_for_another(facts: JobFacts) -> Preempt | None:
    """Return the end of an attempt whose place another job gets."""
    decision = facts.decision
    if not isinstance(decision, Evict) or decision.uid != facts.job.uid:
        return None
    return Preempt(Cause.RECLAIMED if decision.reclaimed else Cause.PREEMPTED, decision.message)


def time_to_save(facts: JobFacts) -> float | None:
    """Return how many seconds pods that are told to go now have for saving; None for what their own template says.

    A gang that makes room, or whose time is over, has `spec.checkpoint.grace`, and never less than its own template
    gives it; neither for ever.
    """
    progress = facts.job.progress
    if not (preempted(progress) or resizing(progress) or outlived(progress)):
        return None
    own, grace = own_grace(facts.job), min(facts.job.checkpoint.grace, LONGEST_GRACE)
    return LONGEST_GRACE if own > LONGEST_GRACE else grace if grace > own else None


def saved_since(facts: JobFacts) -> bool:
    """Tell whether a job that makes room has saved its work since it was told to: it has nothing left to lose."""
    progress = facts.job.progress
    over = outlived(progress)
    asked = progress.finished_at if over else since(progress, "Placed")
    if asked is None or not (preempted(progress) or resizing(progress) or over):
        return False
    return saved_at(facts.job.checkpoint, facts.own, asked, facts.now) > asked


def waiting_to_die(facts: JobFacts, pods: Sequence[PodFact]) -> tuple[PodFact, ...]:
    """Return the pods that still have time to save what is saved already."""
    if not saved_since(facts):
        return ()
    return tuple(pod for pod in pods if pod.terminating and pod.due > facts.now + 2 * SAVED_SECONDS)


def own_grace(job: Job) -> float:
    """Return how many seconds a pod has to end in by its own template."""
    spec = job.template.get("spec")
    told = spec.get("terminationGracePeriodSeconds") if isinstance(spec, dict) else None
    return float(told) if isinstance(told, int) else OWN_SECONDS


def plan_after(facts: JobFacts, move: Move) -> Promise | None:
    """Return the place that is being cleared for a job, as its status should hold it once the move is taken.

    A decision changes the stored plan only if it was made knowing it: another process may have stored one meanwhile,
    and people may have been stopped for it.
    """
    job, stored = facts.job, facts.job.progress.plan
    if isinstance(move, StorePlacement | Suspend) or job.progress.placement is not None or job.suspend:
        return None
    if finished(job.progress) or waits_for(job.progress) is WaitReason.PODS_REFUSED:
        return None
    decision = facts.decision
    if isinstance(decision, Wait) and decision.uid == job.uid and decision.had == stored:
        return decision.promise
    return stored
