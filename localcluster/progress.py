"""What the user sees while waiting: phases with their times, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TextIO


def clock(seconds: float) -> str:
    """Write a duration for people: "0.8 s", "42 s", "13:31"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Reporter(Protocol):
    """Where phases and counts are told."""

    def phase(self, title: str) -> None:
        """A new phase starts; the one before it is over."""

    def count(self, done: int, total: int) -> None:
        """The current phase got this far."""

    def finish(self) -> None:
        """The last phase is over."""


class Silent:
    """Tells nobody; for library use."""

    def phase(self, title: str) -> None: ...

    def count(self, done: int, total: int) -> None: ...

    def finish(self) -> None: ...


@dataclass
class Lines:
    """One line per phase with its time; on a terminal the running phase is shown live, elsewhere every 30 s.

    Attributes:
        phases: Title and seconds of each finished phase, for the table at the end.
    """

    out: TextIO = field(default_factory=lambda: sys.stderr)
    phases: list[tuple[str, float]] = field(default_factory=list)
    _title: str = ""
    _began: float = 0.0
    _shown: float = 0.0

    def phase(self, title: str) -> None:
        self.finish()
        self._title, self._began, self._shown = title, time.monotonic(), time.monotonic()
        if self.out.isatty():
            self._live("")

    def count(self, done: int, total: int) -> None:
        now = time.monotonic()
        every = 0.1 if self.out.isatty() else 30.0
        if now - self._shown < every:
            return
        self._shown = now
        share = f"{done} of {total}" if total else f"{done}"
        if self.out.isatty():
            self._live(share)
        else:
            print(f"  … {self._title}: {share}, {clock(now - self._began)}", file=self.out, flush=True)

    def finish(self) -> None:
        if not self._title:
            return
        took = time.monotonic() - self._began
        self.phases.append((self._title, took))
        start = "\r\x1b[2K" if self.out.isatty() else ""
        print(f"{start}{clock(took):>8}  {self._title}", file=self.out, flush=True)
        self._title = ""

    def total(self) -> float:
        """Seconds spent in all finished phases."""
        return sum(took for _, took in self.phases)

    def _live(self, share: str) -> None:
        took = clock(time.monotonic() - self._began)
        self.out.write(f"\r\x1b[2K{took:>8}  {self._title} … {share}")
        self.out.flush()


@contextmanager
def told(reporter: Reporter) -> Iterator[None]:
    """End the last phase however the block ends."""
    try:
        yield
    finally:
        reporter.finish()
