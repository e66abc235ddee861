"""The answer to a what-if, in words and tables for people, and as plain values for programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from crosstree.base.clock import to_rfc3339
from crosstree.base.moments import clock, moment
from crosstree.base.words import listed
from crosstree.cli.output import ago, plain, table

if TYPE_CHECKING:
    from rich.console import Console

    from crosstree.core.plan import Plan
    from crosstree.sim.course import Pause
    from crosstree.sim.what_if import Answer, Fate, Shift

SHOWN = 12
"""Jobs in a table; -o json has all of them."""

NODES_SHOWN = 6


def told(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain values. Times are RFC 3339; a time that does not come within the horizon is null."""
    return {
        "now": to_rfc3339(answer.now),
        "horizonSeconds": answer.horizon,
        "starts": answer.yes,
        "jobs": [_fate(fate, answer.now) for fate in answer.fates],
        "shifted": [
            {
                "job": shift.job,
                "before": _time(shift.before),
                "after": _time(shift.after),
                "delaySeconds": shift.seconds if math.isfinite(shift.seconds) else None,
            }
            for shift in answer.shifts
        ],
        "stopped": list(answer.stopped),
        "spared": list(answer.spared),
        "grown": list(answer.grown),
    }


def _fate(fate: Fate, now: float) -> dict[str, Any]:
    return {
        "job": fate.job,
        "start": _time(fate.start),
        "inSeconds": None if fate.start is None else fate.start - now,
        "confidence": fate.confidence,
        "reason": fate.reason.value if fate.reason is not None else None,
        "message": fate.message,
        "position": fate.position,
        "placement": plain(fate.place) if fate.place is not None else None,
        "victims": [
            {"job": one.key, "at": _time(one.at), "workers": one.workers, "lostAcceleratorSeconds": one.lost}
            for one in fate.victims
        ],
        "later": [
            {
                "at": _time(one.at),
                "until": _time(one.until),
                "workers": one.workers,
                "grows": one.grows,
                "beneficiary": one.beneficiary,
            }
            for one in fate.later
        ],
        "waysOut": [
            {"change": way.change, "pool": way.place.pool, "nodes": len(way.place.nodes)} for way in fate.ways
        ],
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else to_rfc3339(seconds)


def draw(screen: Console, answer: Answer) -> None:
    """Draw an answer: first what was asked about, then what it does to everybody else."""

    def say(text: str, style: str = "") -> None:
        screen.print(text, style=style, markup=False, soft_wrap=True)

    for fate in answer.fates:
        _draw_fate(screen, fate, answer)
    if answer.stopped:
        say(f"Stopped on the way: {listed(answer.stopped, SHOWN)}.", "yellow")
        if at_once := set(answer.stopped) - {shift.job for shift in answer.shifts if shift.seconds > 0}:
            say(f"Goes on at once at another place: {listed(sorted(at_once), SHOWN)}.")
    if answer.spared:
        say(f"Would have been stopped and is not: {listed(answer.spared, SHOWN)}.", "green")
    if answer.grown:
        say(f"Grows and would not have: {listed(answer.grown, SHOWN)}.", "green")
    later = [shift for shift in answer.shifts if shift.seconds > 0]
    sooner = [shift for shift in reversed(answer.shifts) if shift.seconds < 0]
    if not later and not sooner:
        say("Nobody else starts earlier or later.")
    for title, shifts in ((f"Delayed: {len(later)}", later), (f"Earlier: {len(sooner)}", sooner)):
        if shifts:
            rows = [_row(shift, answer) for shift in shifts[:SHOWN]]
            screen.print(table(title, ("JOB", "BEFORE", "AFTER", "#BY"), rows))
            if len(shifts) > SHOWN:
                say(f"… and {len(shifts) - SHOWN} more (-o json has all).", "dim")


def _draw_fate(screen: Console, fate: Fate, answer: Answer) -> None:
    def say(text: str, style: str = "") -> None:
        screen.print(text, style=style, markup=False, soft_wrap=True)

    if fate.start is None:
        say(f"{fate.job} does not start within {ago(answer.horizon)}.", "bold red")
    elif fate.start <= answer.now:
        say(f"{fate.job} starts now.", "bold green")
    else:
        sure = f"confidence {fate.confidence:.0%}" if fate.confidence else "a guess: durations are not known"
        say(
            f"{fate.job} starts at {clock(fate.start, answer.now)}, in {ago(fate.start - answer.now)} ({sure}).",
            "bold yellow",
        )
    if fate.reason is not None:
        place = f", number {fate.position} in its queue" if fate.position else ""
        say(f"  Until then it waits{place}: {fate.reason.value}: {fate.message}")
    if fate.place is not None:
        spans = "".join(f", {span.domains} {span.level}" for span in fate.place.spans if span.level != "node")
        nodes = listed([share.name for share in fate.place.nodes], NODES_SHOWN)
        say(f"  In pool {fate.place.pool} ({fate.place.model}){spans}: {nodes}.")
    for one in fate.victims:
        what = f"shrinks to {one.workers} workers" if one.workers else "is stopped and waits again"
        say(f"  {one.key} {what} for it, losing {ago(one.lost)} of accelerator time.", "yellow")
    for pause in fate.later[:SHOWN]:
        say(f"  {_turn(pause, answer)}", "yellow")
    if fate.ways:
        say("  It would start now:")
        for way in fate.ways:
            say(f"    • {way.change}")


def _turn(pause: Pause, answer: Answer) -> str:
    """Say what becomes of a job after its start."""
    at, whom = clock(pause.at, answer.now), f" for {pause.beneficiary}" if pause.beneficiary else ""
    if pause.workers:
        return f"It {'grows' if pause.grows else 'shrinks'} to {pause.workers} workers at {at}{whom}."
    if pause.until is None:
        return f"It is stopped at {at}{whom}, and does not go on within {ago(answer.horizon)}."
    return f"It is stopped at {at}{whom}, and goes on at {clock(pause.until, answer.now)}."


def _row(shift: Shift, answer: Answer) -> tuple[str, str, str, str]:
    times = [at for at in (shift.before, shift.after) if at is not None]
    # Both to the same step, so that the row says itself what their difference is.
    exact = len({moment(at, answer.now) for at in times}) < len(times)

    def at(seconds: float | None) -> str:
        if seconds is None:
            return f"not within {ago(answer.horizon)}"
        if seconds <= answer.now:
            return "now"
        told = moment(seconds, answer.now)
        return told.replace(" UTC", f":{int(seconds) % 60:02d} UTC") if exact else told

    by = ago(abs(shift.seconds)) if math.isfinite(shift.seconds) else "?"
    before = "runs on" if shift.job in answer.stopped else at(shift.before)
    after = "runs on" if shift.job in answer.spared else at(shift.after)
    return shift.job, before, after, by


def draw_plan(screen: Console, plan: Plan) -> None:
    """Draw what one cycle decided."""
    from crosstree.core.plan import Evict, Place, Resize

    rows = []
    for one in plan.decisions:
        match one:
            case Place():
                what = f"{one.pool}: {listed([share.name for share in one.nodes], NODES_SHOWN)}"
                rows.append((one.key, "Place", what))
            case Evict() | Resize():
                rows.append((one.key, type(one).__name__, one.message))
            case _:
                rows.append((one.key, one.reason.value, one.message))
    title = f"AICluster {plan.cluster}, generation {plan.generation}"
    screen.print(table(title, ("JOB", "DECISION", "WHY OR WHERE"), rows))
