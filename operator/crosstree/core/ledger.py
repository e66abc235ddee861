"""Which nodes failed gangs, how often and lately why: the ledger of an AICluster, kept in its status.

It is made from what jobs remember of their restarts, and from itself: `advance` may be called any number of times
with what it was called with before, by any process, and counts each failure once. That holds because a node's
failures within `ONE_FAILURE` seconds are one failure, whatever the number of gangs and reports, and an entry says
when its last one began: a report that is not later than that by `ONE_FAILURE` has been counted. Jobs may be deleted;
what they reported stays until it is `KEPT` old, and what is older is never counted again. A report that comes late,
after a later one of its node has been stored, is not counted. No time is later than now: an entry from a clock that
ran ahead is dated now, else nothing of its node would count until then; a report from the future waits until its time
has come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from crosstree.core.job import Job
from crosstree.core.lifecycle.moves import HARDWARE

MOST = 50
"""Entries kept, the newest: a status is read by people. A node that drops out begins anew with what jobs remember."""

KEPT = 7 * 86_400.0
"""Seconds after its last failure for which a node is remembered."""

ONE_FAILURE = 300.0
"""Seconds within which whatever breaks on a node is one failure: many gangs may have been on it."""

AHEAD = 60.0
"""Seconds by which a report may be in the future: clocks of two machines are never quite the same."""

SUSPECT_WITHIN = 86_400.0
"""A node is suspect while its last two failures are both younger than this many seconds."""

_CAUSES = frozenset(cause.value for cause in HARDWARE)


@dataclass(frozen=True, slots=True)
class NodeFailures:
    """What is remembered of one node.

    Attributes:
        node: Its name.
        count: Failures since it is in the ledger.
        cause: Reason of the last one.
        at: When the last one began, seconds since the epoch, whole seconds.
        before: When the one before it began; None if there was none.
    """

    node: str
    count: int
    cause: str
    at: float
    before: float | None = None


@dataclass(frozen=True, slots=True, order=True)
class Report:
    """A gang left a node: one entry of a job's restart history."""

    at: float
    node: str
    cause: str


def reports(jobs: Iterable[Job]) -> list[Report]:
    """Collect what jobs remember of failing hardware; drained nodes and programs that failed speak against no node."""
    return [
        Report(restart.at, restart.node, restart.reason)
        for job in jobs
        for restart in job.progress.restarts
        if restart.node and restart.reason in _CAUSES
    ]


def advance(
    ledger: Iterable[NodeFailures], reported: Iterable[Report], now: float
) -> tuple[NodeFailures, ...]:
    """Return the ledger with what is new in the reports, the newest failure first.

    Args:
        ledger: As stored.
        reported: All that jobs remember, counted already or not.
        now: Seconds since the epoch.
    """
    latest = float(int(now))
    known = {entry.node: _dated(entry, latest) for entry in ledger if now - entry.at < KEPT}
    for report in sorted(reported):
        if now - report.at >= KEPT or report.at > now + AHEAD:
            continue
        entry, at = known.get(report.node), min(report.at, latest)
        if entry is None:
            known[report.node] = NodeFailures(report.node, 1, report.cause, at)
        elif at - entry.at >= ONE_FAILURE:
            known[report.node] = NodeFailures(report.node, entry.count + 1, report.cause, at, entry.at)
    return tuple(sorted(known.values(), key=lambda entry: (-entry.at, entry.node))[:MOST])


def _dated(entry: NodeFailures, latest: float) -> NodeFailures:
    return replace(entry, at=latest) if entry.at > latest else entry


def suspects(ledger: Iterable[NodeFailures], now: float) -> frozenset[str]:
    """Return the nodes that failed twice within a day: used last, for a third time is likely."""
    return frozenset(
        entry.node for entry in ledger if entry.before is not None and now - entry.before < SUSPECT_WITHIN
    )


def news(before: Iterable[NodeFailures], after: Iterable[NodeFailures]) -> list[tuple[str, int]]:
    """Return the causes of the failures that one ledger has and the other has not, with their number."""
    counted = {entry.node: entry.count for entry in before}
    return [
        (entry.cause, entry.count - counted.get(entry.node, 0))
        for entry in after
        if entry.count > counted.get(entry.node, 0)
    ]
