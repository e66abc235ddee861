"""What is read off the status of a TrainingJob to answer why it is where it is, and whether that is news."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crosstree.cli.output import written

if TYPE_CHECKING:
    from rich.console import Console


def finish(seen: Mapping[str, Any]) -> dict[str, str] | None:
    """Return reason, message and time of the job's end, as its condition Finished has them; None while it lives."""
    for one in seen.get("conditions", ()):
        if one.get("type") == "Finished" and one.get("status") == "True":
            return {
                "reason": one.get("reason", ""),
                "message": one.get("message", ""),
                "at": one.get("lastTransitionTime", ""),
            }
    return None


def why(job: Mapping[str, Any]) -> str:
    """Say in one cell why a job waits, or why it failed; nothing of one that runs, or did what it was for."""
    told = job["finished"] if job["phase"] == "Failed" else job["waiting"]
    if not told:
        return ""
    text, reason = str(told.get("message", "")), str(told.get("reason", ""))
    return text if text.startswith(reason) else f"{reason}: {text}"


def warn(screen: Console, silent_since: str | None) -> None:
    """Say above an answer that it may be old."""
    if silent_since:
        text = f"No operator has renewed its lease since {written(silent_since)}: what follows may be old."
        screen.print(text, style="bold red")
