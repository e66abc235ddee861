"""When a job that waits will start, as its status says: its place in line, the time expected, who makes room for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crosstree.base.clock import SystemClock, from_rfc3339
from crosstree.base.moments import clock, rounded
from crosstree.cli.output import ago, written

Json = dict[str, Any]


def outlook_of(raw: Mapping[str, Any]) -> Json:
    """Pick what a TrainingJob says about its start; None, or nothing, where it says nothing."""
    seen = raw.get("status", {})
    conditions: list[Json] = list(seen.get("conditions", ()))
    preempted = next((one for one in conditions if one.get("type") == "Preempted"), {})
    told = preempted.get("status") == "True"
    return {
        "queue": raw["spec"].get("queue", "default"),
        "position": seen.get("queuePosition"),
        "expectedStart": seen.get("expectedStart"),
        "confidence": (seen.get("forecast") or {}).get("confidence"),
        "plan": seen.get("plan"),
        "preempted": {key: preempted.get(key, "") for key in ("reason", "message")} if told else None,
    }


def line_cell(outlook: Mapping[str, Any]) -> str:
    """Name the queue and the place in its line: `team-a 3`; only the queue of a job that stands in none."""
    return " ".join(str(part) for part in (outlook["queue"], outlook["position"]) if part)


def start_cell(outlook: Mapping[str, Any]) -> str:
    """Say in how long a job starts, and how sure that is: `2h20m 90%`; nothing where nobody can tell."""
    if not outlook["expectedStart"]:
        return ""
    sure = f" {outlook['confidence']}%" if outlook["confidence"] is not None else ""
    return f"{ago(_left(outlook['expectedStart']))}{sure}"


def sentences(outlook: Mapping[str, Any]) -> list[str]:
    """Say all of it, one sentence a line."""
    told = []
    if outlook["preempted"]:
        told.append(f"It was stopped ({outlook['preempted']['reason']}): {outlook['preempted']['message']}")
    if outlook["position"]:
        told.append(f"It is number {outlook['position']} in the line of queue {outlook['queue']}.")
    if outlook["expectedStart"]:
        told.append(_expected(outlook["expectedStart"], outlook["confidence"]))
    if outlook["plan"]:
        told.append(_cleared(outlook["plan"]))
    return told


def _expected(start: str, confidence: int | None) -> str:
    at, now = from_rfc3339(start), SystemClock().now()
    when = (
        f"{clock(at, now)}, in {ago(rounded(at, now) - now)}" if at > now else f"{written(start)}, any moment"
    )
    if confidence is None:
        return f"It is expected to start by {when}."
    if confidence == 0:
        return f"It may start by {when}: nobody knows how long the jobs before it take."
    return f"It is expected to start by {when}; confidence {confidence} %."


def _cleared(plan: Mapping[str, Any]) -> str:
    nodes, victims = plan.get("nodes", ()), plan.get("victims", ())
    shrink = sum(1 for one in victims if one.get("workers"))
    stop = len(victims) - shrink
    parts = [
        f"{count} {'job' if count == 1 else 'jobs'} {does if count == 1 else do}"
        for count, does, do in ((stop, "stops", "stop"), (shrink, "goes on smaller", "go on smaller"))
        if count
    ]
    where = f"{len(nodes)} {'node' if len(nodes) == 1 else 'nodes'} of pool {plan.get('pool', '')}"
    until = written(plan.get("until", ""))
    return f"{where} are being cleared for it until {until}: {' and '.join(parts) or 'nobody stops'}."


def _left(start: str) -> float:
    return from_rfc3339(start) - SystemClock().now()
