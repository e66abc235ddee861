"""Status of a JobQueue, and the counting of jobs that it shares with the AICluster's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crosstree.base.clock import LAST, to_rfc3339
from crosstree.core.admission import cluster_of
from crosstree.core.budgets import HOUR, Charged, period_at
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.diary import Diary
from crosstree.core.durations import Lesson
from crosstree.core.fairshare import rates_of
from crosstree.core.job import Job
from crosstree.core.lifecycle.facts import waits_for
from crosstree.core.plan import Wait
from crosstree.core.queues import Budget
from crosstree.core.queuetree import Fault, Flaw, QueueTree, serves, tree_of
from crosstree.core.quota import Accounts, Usage
from crosstree.status import calendar, queue_durations
from crosstree.status.conditions import Condition, Reason, Type, merge

SHARE_DIGITS = 3
"""Digits of `fairShare` behind the point: what is less does not change who goes first for long."""

SHOWN = 6
"""Queues of a cycle named in a message."""


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Jobs that hold a placement, jobs in line for one, and accelerators held per model, by name of model."""

    running: int = 0
    waiting: int = 0
    allocated: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a queue stands in its tree, all below it included.

    Attributes:
        jobs: Its jobs.
        usage: What they hold against its quotas.
        share: What is above guarantees, as a part of the cluster, by weight.
        fault: What is wrong above it; None if nothing is.
        cluster: The AICluster it serves, by its own word or its parent's; empty for every one.
        overbooked: When more is promised than there is in one of its next windows; None if never.
        rates: Its exchange rates, inherited ones included.
        turn: When the next booking of it, or of a queue below, comes into force or ceases to be; None for never.
    """

    jobs: JobCounts = JobCounts()
    usage: tuple[Usage, ...] = ()
    share: float = 0.0
    fault: Fault | None = None
    cluster: str = ""
    overbooked: calendar.Overbooked | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    turn: float | None = None


def count(jobs: Iterable[Job]) -> JobCounts:
    """Count jobs by what their status says has happened.

    In neither number are those that are finished, suspended or ending, and those that stand in no line
    (`WaitReason.barred`): their reason is what counts, and metrics tell how many there are of each.
    """
    running = waiting = 0
    allocated: Counter[str] = Counter()
    for job in jobs:
        if job.progress.finished_at is not None:
            continue
        if job.progress.placement is not None:
            running += 1
            allocated[job.progress.placement.model] += job.workers * job.gang.devices
        elif not job.suspend and not job.deleting:
            why = waits_for(job.progress)
            waiting += why is None or not why.barred
    return JobCounts(running, waiting, tuple(sorted((+allocated).items())))


def standing(
    name: str,
    queues: Mapping[str, Queue],
    clusters: Mapping[str, Cluster],
    jobs: Iterable[Job],
    diary: Callable[[str], Diary],
    *,
    now: float,
) -> Standing:
    """Find out how a queue stands, with what is guaranteed to it at this time.

    A queue that serves several AIClusters has its quotas in each of them: the sums are told, and the largest share.

    Args:
        name: The queue; it exists.
        queues: All JobQueues by name.
        clusters: All AIClusters by name, whose stored status says what they have.
        jobs: All jobs.
        diary: What the queues that serve an AICluster have booked (`queuetree.serving`), by its name.
        now: Seconds since the epoch.
    """
    cluster = serves(queues[name], queues)
    diaries = {one: diary(one) for one in ([cluster] if cluster else [*clusters] or [""])}
    trees = {one: tree_of(each.effective(now)) for one, each in diaries.items()}
    below = frozenset[str]().union(*(tree.below(name) for tree in trees.values()))
    members = [job for job in jobs if job.queue in below]
    books = [_books(tree, one, clusters, members) for one, tree in trees.items()]
    told = {one: clusters[one] for one in diaries if one in clusters and clusters[one].observed}
    places = [(diaries[one], _capacity(cluster)) for one, cluster in told.items()]
    return Standing(
        jobs=count(members),
        usage=_added(row for book in books for row in book.usage(name)),
        share=max(book.share(name) for book in books),
        fault=next((tree.faults[name] for tree in trees.values() if name in tree.faults), None),
        cluster=cluster,
        overbooked=calendar.overbooked(queues[name].calendar, places, now),
        rates=rates_of(tree_of(one.spec for one in queues.values())).get(name, {}),
        turn=min(
            (at for each in diaries.values() if (at := each.turn(below, now)) is not None), default=None
        ),
    )


def build(
    queue: Queue,
    found: Standing,
    lessons: Iterable[Lesson] = (),
    charged: Iterable[Charged] = (),
    *,
    cluster_exists: bool,
    now: float,
    doubt: str = "",
) -> dict[str, Any]:
    """Return the whole status to store.

    Args:
        queue: The JobQueue, with its stored status.
        found: How it stands.
        lessons: How long its jobs ran, and what they had declared.
        charged: What its budgets were charged.
        cluster_exists: Whether there is an AICluster of the name it serves; True when it serves every one.
        now: Seconds since the epoch.
        doubt: What looks wrong in its spec though nothing stops for it; a sentence, empty if nothing does.
    """
    conditions = [_ready(queue, found, doubt, cluster_exists=cluster_exists)]
    if (fits := calendar.condition(queue, found.overbooked)) is not None:
        conditions.append(fits)
    document: dict[str, Any] = {
        "observedGeneration": queue.generation,
        "conditions": merge(
            queue.observed.get("conditions", ()), conditions, generation=queue.generation, now=now
        ),
        "usage": [_row(one) for one in found.usage],
        "fairShare": round(found.share, SHARE_DIGITS),
        "running": found.jobs.running,
        "waiting": found.jobs.waiting,
    }
    if learned := [queue_durations.row(one) for one in lessons]:
        document["durations"] = learned
    if queue.calendar or "calendar" in queue.observed:
        document["calendar"] = calendar.rows(queue.calendar, now)
    known = {one.model: one for one in charged}
    budgets = [_budget(budget, known[budget.model]) for budget in queue.budgets if budget.model in known]
    if budgets or "budgets" in queue.observed:
        document["budgets"] = budgets
    return document


def _ready(queue: Queue, found: Standing, doubt: str, *, cluster_exists: bool) -> Condition:
    if not cluster_exists:
        whose = "" if queue.cluster else f" of the JobQueue above, {queue.parent},"
        return Condition.false(
            Type.READY,
            Reason.CLUSTER_NOT_FOUND,
            f"spec.cluster{whose} is {found.cluster!r}, and there is no such AICluster. Create it, or name another.",
        )
    if found.fault is not None:
        return _misplaced(queue, found.fault)
    if doubt:
        text = f"{doubt} Jobs of this queue are considered for placement all the same."
        return Condition.true(Type.READY, Reason.MODEL_UNKNOWN, text)
    return Condition.true(Type.READY, Reason.READY, "Jobs of this queue are considered for placement.")


def _misplaced(queue: Queue, fault: Fault) -> Condition:
    """Tell of a wrong parent, here or above: jobs run all the same, and limits hold."""
    where = "" if fault.at == queue.name else f" of JobQueue {fault.at} above"
    meanwhile = "Until then its jobs run without a guarantee."
    if fault.flaw is Flaw.PARENT_CYCLE:
        around = " under ".join([*fault.path[:SHOWN], *(["…"] if len(fault.path) > SHOWN else [])])
        text = f"spec.parent{where} leads back to itself: {around}. Take spec.parent from one of them. {meanwhile}"
        return Condition.false(Type.READY, Reason.PARENT_CYCLE, text)
    text = (
        f"spec.parent{where} is {fault.path[-1]!r}, and there is no such JobQueue for its AICluster. "
        f"Create it, or name another. {meanwhile}"
    )
    return Condition.false(Type.READY, Reason.PARENT_NOT_FOUND, text)


def _books(tree: QueueTree, cluster: str, clusters: Mapping[str, Cluster], jobs: Iterable[Job]) -> Accounts:
    """Book what jobs of one AICluster hold."""
    held: list[tuple[str, str, int]] = []
    capacity = _capacity(clusters.get(cluster))
    for job in jobs:
        place = job.progress.placement
        if place is None or job.progress.finished_at is not None:
            continue
        owner = cluster_of(job, clusters)
        if not isinstance(owner, Wait) and owner.name == cluster:
            held.append((job.queue, place.model, job.workers * job.gang.devices))
    total: Counter[str] = Counter()
    for _, model, devices in held:
        total[model] += devices
    # The AICluster may not have told yet what it has: a share is never more than all there is.
    books = Accounts(tree.specs.values(), (), capacity | total)
    for queue, model, devices in held:
        books.take(queue, model, devices)
    return books


def _capacity(cluster: Cluster | None) -> Counter[str]:
    """Read from the stored status of an AICluster how many healthy accelerators of each model it has.

    Others may write a status, too, and a queue is told of several clusters: what makes no sense counts for nothing.
    """
    found: Counter[str] = Counter()
    rows = cluster.observed.get("pools") if cluster is not None else None
    for row in rows if isinstance(rows, list | tuple) else ():
        if not isinstance(row, Mapping):
            continue
        model, healthy = row.get("model"), row.get("healthy")
        if isinstance(model, str) and isinstance(healthy, int) and healthy > 0:
            found[model] += healthy
    return found


def _added(rows: Iterable[Usage]) -> tuple[Usage, ...]:
    """Add up rows of one model, by name."""
    found: dict[str, Usage] = {}
    for row in rows:
        known = found.get(row.model)
        found[row.model] = row if known is None else _sum(known, row)
    return tuple(found[model] for model in sorted(found))


def _sum(one: Usage, other: Usage) -> Usage:
    limit = None if one.limit is None or other.limit is None else one.limit + other.limit
    return Usage(
        one.model,
        one.held + other.held,
        one.guaranteed + other.guaranteed,
        one.borrowed + other.borrowed,
        limit,
    )


def _budget(budget: Budget, charged: Charged) -> dict[str, Any]:
    period = period_at(budget, charged.until)
    row: dict[str, Any] = {
        "model": budget.model,
        "hours": budget.seconds / HOUR,
        "usedHours": round(charged.used / HOUR, 2),
        "usedSeconds": round(charged.used, 3),
        "periodStart": to_rfc3339(charged.since),
        "until": to_rfc3339(charged.until),
    }
    if period is not None and period.end <= LAST:
        row["periodEnd"] = to_rfc3339(period.end)
    return row


def used_parts(queue: Queue) -> list[tuple[str, float]]:
    """Return which part of each budget is used, as stored, by model; all of one that is nothing."""
    seconds = {one.model: one.seconds for one in queue.budgets}
    return [
        (one.model, one.used / seconds[one.model] if seconds[one.model] > 0 else 1.0)
        for one in queue.charged
        if one.model in seconds
    ]


def _row(one: Usage) -> dict[str, Any]:
    row = {"model": one.model, "allocated": one.held, "guaranteed": one.guaranteed, "borrowed": one.borrowed}
    return row if one.limit is None else {**row, "limit": one.limit}
