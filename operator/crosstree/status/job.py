"""The whole status of a TrainingJob, from facts and the move about to be taken.

`build` is deterministic and repeats what is stored wherever nothing changed, so that a status equal to the stored
one need not be written. Conditions are made in `job_conditions`; everything else here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crosstree.base.clock import to_rfc3339
from crosstree.core.job import Held, Job, Placement, Progress, Recovery
from crosstree.core.lifecycle import JobFacts, Move, after, plan_after
from crosstree.core.plan import NodeShare, Promise, WaitReason
from crosstree.core.topology import NODE_LEVEL
from crosstree.status import job_conditions, job_forecast
from crosstree.status.conditions import Reason, Status, Type, Wire, bounded, find, is_true, merge
from crosstree.status.job_waiting import waiting_for

OUT_OF_LINE = (WaitReason.SUSPENDED, WaitReason.PODS_REFUSED)
"""Reasons for which a job stands in no line: it is told anew when it does again."""

Document = dict[str, Any]
"""`status` of a TrainingJob, JSON-ready; nothing in it is None."""


def build(facts: JobFacts, move: Move) -> Document:
    """Return the status to store together with `move`.

    It equals `facts.job.progress.observed` when neither facts nor move say anything new. O(workers).
    """
    job, now = facts.job, facts.now
    progress = after(job.progress, move, now, job.queue)
    waiting = waiting_for(facts, move, progress)
    made = job_conditions.conditions(facts, move, progress, waiting)
    conditions = merge(job.progress.conditions, made, generation=job.generation, now=now)
    held = job.gang.workers if progress.placement is None else progress.placement.workers
    document: Document = {
        "observedGeneration": job.generation,
        "phase": phase(conditions),
        "conditions": conditions,
        "attempt": progress.attempt,
        "restartsCharged": progress.restarts_charged,
        "workers": size(job, progress.placement),
        "accelerators": held * job.gang.devices,
    }
    if waiting is not None:
        document["waiting"] = _waiting(job, waiting[0].value, bounded(waiting[1]), now)
        if progress.placement is None and waiting[0] not in OUT_OF_LINE:
            document |= job_forecast.fields(facts)
    if (plan := plan_after(facts, move)) is not None:
        document["plan"] = _plan(plan)
    if progress.placement is not None:
        document["placement"] = _placement(progress.placement)
        if span := span_of(job, progress.placement):
            document["span"] = span
    if progress.runs:
        document["runs"] = [_run(one) for one in progress.runs]
    if progress.restarts:
        document["restarts"] = [
            {
                "at": to_rfc3339(restart.at),
                "reason": restart.reason,
                "node": restart.node,
                "message": bounded(restart.message),
                "charged": restart.charged,
            }
            for restart in progress.restarts
        ]
    if progress.recovery is not None:
        document["recovery"] = _recovery(progress.recovery)
    document |= _times(progress, conditions, now)
    return document


def broken(observed: Mapping[str, Any], message: str, *, generation: int, now: float) -> Document:
    """Return the status of a TrainingJob that can't be understood: what is stored, but for why it does not run."""
    conditions = job_conditions.invalid(
        observed.get("conditions") or (), message, generation=generation, now=now
    )
    same = (observed.get("waiting") or {}).get("reason") == Reason.INVALID_SPEC.value
    since = observed["waiting"]["since"] if same else to_rfc3339(now)
    waiting = {"reason": Reason.INVALID_SPEC.value, "message": bounded(message), "since": since}
    return {
        **observed,
        "observedGeneration": generation,
        "conditions": conditions,
        "phase": phase(conditions),
        "waiting": waiting,
    }


def changes(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Document:
    """Return the JSON merge patch that turns one status into the other; empty if they are equal.

    A merge patch leaves what it does not name: what is gone is named with null, inside objects as well. Lists are
    replaced whole.
    """
    patch: Document = {key: None for key in stored if key not in wanted}
    for key, value in wanted.items():
        had = stored.get(key)
        if had == value:
            continue
        if isinstance(had, Mapping) and isinstance(value, Mapping):
            patch[key] = {**value, **{inner: None for inner in had if inner not in value}}
        else:
            patch[key] = value
    return patch


def phase(conditions: list[Wire]) -> str:
    """Derive the phase; nothing ever reads it back."""
    ended = find(conditions, Type.FINISHED) or {}
    ready = find(conditions, Type.PODS_READY) or {}
    if ended.get("status") == Status.TRUE.value:
        return "Succeeded" if ended.get("reason") == Reason.SUCCEEDED.value else "Failed"
    if is_true(conditions, Type.SUSPENDED):
        return "Suspended"
    if is_true(conditions, Type.RECOVERING):
        between = find(conditions, Type.RECOVERING) or {}
        return "Resizing" if between.get("reason") == Reason.RESIZED.value else "Recovering"
    if not is_true(conditions, Type.PLACED):
        return "Preempted" if is_true(conditions, Type.PREEMPTED) else "Pending"
    ran = (Reason.NOT_ALL_READY.value, Reason.DEVICE_LOST.value)
    running = ready.get("status") == Status.TRUE.value or ready.get("reason") in ran
    return "Running" if running else "Starting"


def size(job: Job, placement: Placement | None) -> str:
    """Return how many workers the gang has: `16`, of an elastic one `8..32`, and `16 (8..32)` while it is placed."""
    sizes = job.gang.sizes
    if not sizes:
        return str(job.gang.workers if placement is None else placement.workers)
    bounds = f"{sizes[-1]}..{sizes[0]}"
    return bounds if placement is None else f"{placement.workers} ({bounds})"


def span_of(job: Job, placement: Placement) -> str:
    """Return how many domains the gang uses of the level that matters to it, for example `2 leaf`.

    That is the preferred level, else the required one, else the narrowest above the node; empty if there is
    no such level.
    """
    spans = {span.level: span for span in placement.spans if span.level != NODE_LEVEL}
    named = (level for level in (job.gang.preferred, job.gang.required) if level in spans)
    level = next(named, next(reversed(spans), ""))
    return f"{spans[level].domains} {level}" if level else ""


def _run(one: Held) -> Document:
    return {
        "queue": one.queue,
        "model": one.model,
        "workers": one.workers,
        "since": to_rfc3339(one.began),
        "until": to_rfc3339(one.ended),
    }


def _placement(placement: Placement) -> Document:
    given = {} if placement.since is None else {"since": to_rfc3339(placement.since)}
    return given | {
        "pool": placement.pool,
        "model": placement.model,
        "resource": placement.resource,
        "workers": placement.workers,
        "nodes": _shares(placement.nodes),
        "spans": [
            {"level": span.level, "domains": span.domains, "lowerBound": span.lower_bound}
            for span in placement.spans
        ],
    }


def _plan(plan: Promise) -> Document:
    sizes, jobs = dict(plan.smaller), plan.jobs or ("",) * len(plan.victims)
    victims: list[Document] = []
    for uid, job in zip(plan.victims, jobs, strict=True):
        victim: Document = {"uid": uid}
        if job:
            victim["job"] = job
        if uid in sizes:
            victim["workers"] = sizes[uid]
        victims.append(victim)
    return {
        "pool": plan.pool,
        "nodes": _shares(plan.nodes),
        "victims": victims,
        "since": to_rfc3339(plan.since),
        "until": to_rfc3339(plan.until),
        "begun": plan.begun,
    }


def _recovery(recovery: Recovery) -> Document:
    told: Document = {
        "rung": recovery.rung.value,
        "cause": recovery.cause,
        "node": recovery.node,
        "since": to_rfc3339(recovery.since),
        "message": bounded(recovery.message),
    }
    if recovery.pod:
        told["pod"] = recovery.pod
    if recovery.nodes:
        told |= {"pool": recovery.pool, "nodes": _shares(recovery.nodes)}
    return told


def _shares(nodes: Sequence[NodeShare]) -> list[Document]:
    return [{"name": share.name, "first": share.first, "count": share.count} for share in nodes]


def _waiting(job: Job, reason: str, message: str, now: float) -> Document:
    """`since` is kept while the reason stays, `asOf` while the very words do."""
    stored = job.progress.observed.get("waiting") or {}
    same = stored.get("reason") == reason
    if same and stored.get("message") == message and "since" in stored:
        return dict(stored)
    since = str(stored["since"]) if same and "since" in stored else to_rfc3339(now)
    return {"reason": reason, "message": message, "since": since, "asOf": to_rfc3339(now)}


def _times(progress: Progress, conditions: list[Wire], now: float) -> Document:
    """`startedAt` is when the gang first ran whole, whatever the attempt; a job may end before that was seen."""
    started = progress.started_at
    ran = is_true(conditions, Type.PODS_READY) or phase(conditions) == "Succeeded"
    if started is None and ran:
        started = now
    times = {"startedAt": started, "finishedAt": progress.finished_at}
    return {name: to_rfc3339(at) for name, at in times.items() if at is not None}
