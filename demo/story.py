"""What happens to the demo's jobs, watched from outside: every change of a job becomes one line."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from demo.jobs import NAMESPACE
from localcluster import Api

JOBS = f"/apis/crosstree.dev/v1alpha1/namespaces/{NAMESPACE}/trainingjobs"
EVERY = 0.25
"""Seconds between looks."""


@dataclass
class Life:
    """What was seen of one job.

    Attributes:
        events: What happened, in words, in order.
        submitted, placed: Seconds of the demo's clock; `placed` is None until its first placement was seen.
        raw: The object as last seen.
    """

    submitted: float
    placed: float | None = None
    events: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)
    shown: tuple[str, str, int, str] = ("", "", 0, "")

    @property
    def status(self) -> dict[str, Any]:
        """Its status, empty at first."""
        status: dict[str, Any] = self.raw.get("status") or {}
        return status

    @property
    def phase(self) -> str:
        """Its phase."""
        return str(self.status.get("phase", "Pending"))

    @property
    def nodes(self) -> list[str]:
        """Nodes of its placement."""
        return [share["name"] for share in (self.status.get("placement") or {}).get("nodes", ())]


class Story:
    """Follows every job of the demo.

    Args:
        tell: Gets seconds since the beginning, the job's name, its phase and what there is to say.
    """

    def __init__(self, api: Api, tell: Callable[[float, str, str, str], None]) -> None:
        self._api = api
        self._tell = tell
        self._begun = time.monotonic()
        self.lives: dict[str, Life] = {}

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def submitted(self, name: str) -> None:
        """A job was handed in."""
        self.lives[name] = Life(self.now)

    def look(self) -> None:
        """Look at every job once and tell what has changed."""
        for raw in self._api.get(JOBS)["items"]:
            life = self.lives.get(raw["metadata"]["name"])
            if life is not None:
                life.raw = raw
                self._changed(raw["metadata"]["name"], life)

    def until(self, holds: Callable[[], bool], within: float, check: Callable[[], None]) -> bool:
        """Follow the jobs until something holds; False if it does not in so many seconds."""
        deadline = self.now + within
        while not holds():
            if self.now > deadline:
                return False
            check()
            time.sleep(EVERY)
            self.look()
        return True

    def _changed(self, name: str, life: Life) -> None:
        status = life.status
        waiting = status.get("waiting") or {}
        placed = status.get("placement")
        if placed and life.placed is None:
            life.placed = self.now
        rung = str((status.get("recovery") or {}).get("rung", ""))
        shown = (life.phase, str(waiting.get("reason", "")), int(status.get("attempt", 0)), rung)
        if shown == life.shown or not status:
            return
        life.shown = shown
        match life.phase:
            case "Pending":
                text = preempted(status) or str(waiting.get("message") or waiting.get("reason") or "seen")
                life.events.append("waited")
            case "Starting" | "Running":
                text = f"attempt {status.get('attempt')}: {where(status)}"
            case "Recovering":
                last = (status.get("restarts") or [{}])[-1]
                told = str(last.get("message") or last.get("reason", ""))
                text = climbed(status) if told in life.events else told
                life.events.append(told)
            case _:
                text = f"after {lasted(status)}"
        self._tell(self.now, name, life.phase, text)


def preempted(status: dict[str, Any]) -> str:
    """Say for whom a job was stopped; nothing of one that was not."""
    told = next((one for one in status.get("conditions", ()) if one["type"] == "Preempted"), {})
    return f"{told['reason']}: {told['message']}" if told.get("status") == "True" else ""


def where(status: dict[str, Any]) -> str:
    """Say where a job runs, for example `h100 in 1 leaf (h100-000 … h100-015)`."""
    placement = status.get("placement")
    if not placement:
        return ""
    nodes = [share["name"] for share in placement["nodes"]]
    span = status.get("span") or f"{len(nodes)} nodes"
    ends = nodes[0] if len(nodes) == 1 else f"{nodes[0]} … {nodes[-1]}"
    return f"{placement['model']}, {span} ({ends})"


def climbed(status: dict[str, Any]) -> str:
    """Say which rung of the recovery ladder a job has reached, and why it is no further."""
    recovery = status.get("recovery") or {}
    waiting = status.get("waiting") or {}
    return f"{recovery.get('rung', '')}: {waiting.get('message') or recovery.get('message', '')}"


def lasted(status: dict[str, Any]) -> str:
    """Say how long a finished job took from its start to its end."""
    try:
        begun, ended = (
            datetime.fromisoformat(status[key].replace("Z", "+00:00")) for key in ("startedAt", "finishedAt")
        )
    except (KeyError, ValueError):
        return "a while"
    return f"{(ended - begun).total_seconds():.0f} s"
