"""A status as we stored it, read back: the state that survives a restart of the operator.

It may be of an older operator, or edited by hand. What makes no sense counts as not there and is written anew
by the next reconcile; nothing here raises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.core.budgets import Charged
from crosstree.core.durations import Lesson
from crosstree.core.job import Held, Placement, Progress, Recovery, Restart
from crosstree.core.ledger import NodeFailures
from crosstree.core.plan import NodeShare, Promise, Rung, Span


def mapping(value: Any) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def progress(status: Any) -> Progress:
    """Read the status of a TrainingJob."""
    stored = mapping(status)
    return Progress(
        attempt=_count(stored.get("attempt")),
        placement=_placement(stored.get("placement")),
        restarts=tuple(_restart(entry) for entry in _mappings(stored.get("restarts"))),
        restarts_charged=_count(stored.get("restartsCharged")),
        started_at=_time(stored.get("startedAt")),
        finished_at=_time(stored.get("finishedAt")),
        recovery=_recovery(stored.get("recovery")),
        plan=_plan(stored.get("plan")),
        conditions=tuple(entry for entry in _mappings(stored.get("conditions")) if _text(entry.get("type"))),
        observed=stored,
        runs=tuple(run for entry in _mappings(stored.get("runs")) if (run := _run(entry)) is not None),
    )


def failures(status: Any) -> tuple[NodeFailures, ...]:
    """Read the ledger of failing nodes in the status of an AICluster."""
    found = []
    for entry in _mappings(mapping(status).get("failures")):
        node, at = _text(entry.get("node")), _time(entry.get("lastAt"))
        if node and at is not None:
            found.append(
                NodeFailures(
                    node,
                    max(_count(entry.get("count")), 1),
                    _text(entry.get("lastCause")),
                    at,
                    _time(entry.get("previousAt")),
                )
            )
    return tuple(found)


def lessons(status: Any) -> tuple[Lesson, ...]:
    """Read from the status of a JobQueue how long its jobs ran; none of what they declared, if any of that is odd."""
    found = []
    for entry in _mappings(mapping(status).get("durations")):
        at, seconds = _time(entry.get("lastAt")), _positive(entry.get("recentSeconds"))
        if at is not None and seconds and _text(entry.get("pattern")):
            count = max(_count(entry.get("count")), len(seconds))
            size = _count(entry.get("accelerators"))
            percents = _positive(entry.get("percentOfDeclared"))
            found.append(Lesson(_text(entry.get("pattern")), size, count, seconds, at, percents))
    return tuple(found)


def charged(queue: str, status: Any) -> tuple[Charged, ...]:
    """Read from the status of a JobQueue what its budgets have been charged."""
    found = []
    for entry in _mappings(mapping(status).get("budgets")):
        since, until = _time(entry.get("periodStart")), _time(entry.get("until"))
        used = _amount(entry.get("usedSeconds"))
        if since is not None and until is not None and used is not None:
            found.append(Charged(queue, _text(entry.get("model")), used, since, until))
    return tuple(found)


def _placement(value: Any) -> Placement | None:
    """Read a placement, or None unless its nodes hold workers 0 to the last without a gap."""
    stored = mapping(value)
    nodes = _shares(stored.get("nodes"))
    held = sum(share.count for share in nodes)
    if held == 0 or held != stored.get("workers", held):
        return None
    return Placement(
        pool=_text(stored.get("pool")),
        model=_text(stored.get("model")),
        resource=_text(stored.get("resource")),
        nodes=nodes,
        since=_time(stored.get("since")),
        spans=tuple(
            Span(_text(entry.get("level")), _count(entry.get("domains")), _count(entry.get("lowerBound")))
            for entry in _mappings(stored.get("spans"))
        ),
    )


def _run(entry: Mapping[str, Any]) -> Held | None:
    """Read a place that was given back; None unless it says when."""
    began, ended = _time(entry.get("since")), _time(entry.get("until"))
    if began is None or ended is None:
        return None
    return Held(
        _text(entry.get("queue")), _text(entry.get("model")), _count(entry.get("workers")), began, ended
    )


def _shares(value: Any) -> tuple[NodeShare, ...]:
    """Read shares of nodes; none unless they hold workers 0 to the last without a gap."""
    nodes = tuple(
        NodeShare(_text(entry.get("name")), _count(entry.get("first")), _count(entry.get("count")))
        for entry in _mappings(value)
    )
    expected = 0
    for share in nodes:
        if not share.name or share.count == 0 or share.first != expected:
            return ()
        expected += share.count
    return nodes


def _recovery(value: Any) -> Recovery | None:
    stored = mapping(value)
    try:
        rung = Rung(stored.get("rung"))
    except ValueError:
        return None
    return Recovery(
        rung=rung,
        cause=_text(stored.get("cause")),
        node=_text(stored.get("node")),
        since=_time(stored.get("since")) or 0.0,
        message=_text(stored.get("message")),
        pod=_text(stored.get("pod")),
        pool=_text(stored.get("pool")),
        nodes=_shares(stored.get("nodes")),
    )


def _plan(value: Any) -> Promise | None:
    """Read the place that is being cleared; None unless it says where, for how long, and whom it takes."""
    stored = mapping(value)
    nodes, until = _shares(stored.get("nodes")), _time(stored.get("until"))
    victims = _mappings(stored.get("victims"))
    uids = tuple(_text(victim.get("uid")) for victim in victims)
    if not nodes or until is None or not uids or not all(uids):
        return None
    smaller = ((_text(victim.get("uid")), _count(victim.get("workers"))) for victim in victims)
    return Promise(
        _text(stored.get("pool")),
        nodes,
        uids,
        until,
        _time(stored.get("since")) or 0.0,
        tuple(sorted((uid, size) for uid, size in smaller if size)),
        tuple(_text(victim.get("job")) for victim in victims),
        stored.get("begun") is True,
    )


def _restart(entry: Mapping[str, Any]) -> Restart:
    return Restart(
        at=_time(entry.get("at")) or 0.0,
        reason=_text(entry.get("reason")),
        node=_text(entry.get("node")),
        message=_text(entry.get("message")),
        charged=entry.get("charged") is not False,
    )


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0


def _positive(value: Any) -> tuple[int, ...]:
    """Read a list of positive whole numbers; none of them if one is anything else."""
    numbers = tuple(_count(one) for one in value) if isinstance(value, list) else ()
    return numbers if all(numbers) else ()


def _amount(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and 0 <= value < math.inf else None


def _time(value: Any) -> float | None:
    try:
        return from_rfc3339(value) if isinstance(value, str) else None
    except (SpecError, OverflowError):
        return None
