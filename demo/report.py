"""What the demo says: lines while it runs, a table at the end, and whether every promise held."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.audit import Audit
from demo.jobs import IMPOSSIBLE, JOBS, RECOVERS
from demo.story import Story, where

STYLES = {
    "Succeeded": "green",
    "Running": "cyan",
    "Pending": "yellow",
    "Recovering": "magenta",
    "Failed": "bold red",
}
PIPED_WIDTH = 170


class Report:
    """Writes to stdout: colour and real width on a terminal, plain in a log."""

    def __init__(self) -> None:
        self._screen = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
        self._broken: list[str] = []
        self._kept = 0
        self._counted = "not counted"

    def heading(self, text: str) -> None:
        """Begin a part."""
        self._screen.print()
        self._screen.print(Text(f"── {text}", style="bold"))

    def say(self, text: str, style: str = "") -> None:
        """Write one sentence."""
        self._screen.print(Text(text, style=style))

    def show(self, text: str) -> None:
        """Write what a command answered, as it came."""
        for line in text.rstrip().splitlines():
            self._screen.print(Text(f"  {line.rstrip()}"), no_wrap=True, overflow="ellipsis")

    def line(self, at: float, job: str, phase: str, text: str) -> None:
        """Write one change of a job."""
        row = Text(f"  {at:5.1f} s  {job:<14} ")
        row.append(f"{phase:<11}", style=STYLES.get(phase, ""))
        row.append(text)
        self._screen.print(row, no_wrap=True, overflow="ellipsis")

    def promise(self, text: str, *, kept: bool) -> None:
        """Note whether something that was promised has happened."""
        if kept:
            self._kept += 1
        else:
            self._broken.append(text)

    def audited(self, audit: Audit) -> None:
        """Note what the independent count found."""
        audit.count()
        for violation in sorted(set(audit.violations))[:5]:
            self.say(f"over capacity: {violation}", style="bold red")
        self.promise("no node ever held more than it offers", kept=not audit.violations)
        self._counted = (
            f"{audit.counts} independent counts of every node, at most {audit.most} accelerators in use"
        )

    def table(self, story: Story) -> None:
        """Write what became of every job."""
        self.heading("What happened")
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in (
            "JOB",
            "VENDOR / MODEL",
            "WORKERS",
            "PHASE",
            "WHERE",
            "RESTARTS",
            "WAITED",
            "WHAT HAPPENED",
        ):
            table.add_column(name, justify="right" if name in ("RESTARTS", "WAITED", "WORKERS") else "left")
        for job in JOBS:
            life = story.lives[job.name]
            status = life.status
            model = (status.get("placement") or {}).get("model") or " or ".join(job.models) or job.vendor
            waited = f"{life.placed - life.submitted:.1f} s" if life.placed is not None else "waits"
            table.add_row(
                job.name,
                model,
                f"{job.workers} × {job.each}",
                Text(life.phase, style=STYLES.get(life.phase, "")),
                where(status).partition(", ")[2],
                str(max(int(status.get("attempt", 0)) - 1, 0)),
                waited,
                _told(job.name, job.about, story),
            )
        self._screen.print(table)

    def verdict(self, seconds: float) -> int:
        """Write whether all promises held and what to try next; return the exit code."""
        self.heading(f"{self._kept} of {self._kept + len(self._broken)} promises held, in {seconds:.0f} s")
        self.say(f"  {self._counted}")
        for text in self._broken:
            self.say(f"  ✗ not so: {text}", style="bold red")
        self.say("  Next: do it by hand, docs/tutorials/first-job.md. Every kind of job there is: examples/.")
        return 1 if self._broken else 0


def _told(name: str, about: str, story: Story) -> str:
    life = story.lives[name]
    if name == IMPOSSIBLE:
        return f"{about}: {(life.status.get('waiting') or {}).get('reason', '')}"
    if name == RECOVERS and int(life.status.get("attempt", 0)) > 1:
        recovery = life.status.get("recovery") or {}
        cause, node, rung = (recovery.get(key, "") for key in ("cause", "node", "rung"))
        return f"{about} ({cause} {node}) and runs again ({rung})"
    return about
