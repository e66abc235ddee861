"""Operators that start in a third of a second: forked from a process that has imported everything.

Each is a process of its own that dies for real; only the imports are shared. `OperatorForks` is the hold on the
server; `python -m tests.support.operator_forks` is the server: one JSON line per request and answer.

The operator runs on a clock whose offset is read from a file, so that the wall clock can jump under its feet.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


class JumpingClock:
    """The machine's clock and an offset in seconds, which a file holds; without the file the offset is 0."""

    def __init__(self, offset: Path) -> None:
        self._offset = offset
        self._known = 0.0
        self._looked = 0.0

    def now(self) -> float:
        """Return seconds since the epoch."""
        if time.monotonic() - self._looked > 0.05:
            self._looked = time.monotonic()
            self._known = float(self._offset.read_text()) if self._offset.exists() else 0.0
        return time.time() + self._known


@dataclass
class Fork:
    """One operator process.

    Attributes:
        pid: Its pid.
        log: Its log.
        ended: Exit status as `waitpid` gives it, once it is known.
    """

    pid: int
    log: Path
    server: OperatorForks
    ended: int | None = None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        if self.ended is None:
            self.ended = self.server.ask(do="look", pid=self.pid)["status"]
        return self.ended is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it, if it still runs."""
        if self.alive:
            os.kill(self.pid, number)

    def shoot(self) -> None:
        """End it at once, from any thread, if it has not ended before; `alive` learns of it later."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End it at once, as a lost machine would, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, within: float) -> int:
        """Wait until it has ended; return its exit status as `waitpid` gives it."""
        eventually(lambda: not self.alive, within=within, every=0.005, what="the operator ended")
        assert self.ended is not None
        return self.ended


class OperatorForks:
    """Starts operators. As a context manager it takes them all along at its end."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.operator_forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT / 'operator'}{os.pathsep}{ROOT}",
                "OPENBLAS_NUM_THREADS": "1",
            },
        )

    def start(self, kubeconfig: Path, log: Path, clock: Path, **settings: Any) -> Fork:
        """Start an operator; returns at once.

        Args:
            kubeconfig: The API server, or a proxy before it.
            log: Where its output is appended; may be a device.
            clock: File with the offset of its clock.
            settings: Of the operator.
        """
        chosen = {"kubeconfig": str(kubeconfig), "listen_port": 0, **settings}
        answer = self.ask(do="start", log=str(log), clock=str(clock), settings=chosen)
        return Fork(int(answer["pid"]), log, self)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Ask the server."""
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer

    def __enter__(self) -> OperatorForks:
        self.ask(do="look", pid=0)  # it answers once everything is imported
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(30)


def serve() -> None:
    """Answer requests until the input ends; children die with this process."""
    import gc

    import crosstree.app

    gc.collect()
    gc.freeze()
    assert crosstree.app
    children: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any]
        if request["do"] == "start":
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                _become_operator(request)
            children.add(pid)
            answer = {"pid": pid}
        elif request["pid"] in children:
            pid, status = os.waitpid(request["pid"], os.WNOHANG)
            children.discard(pid)
            answer = {"status": status if pid else None}
        else:
            answer = {"status": None}
        print(json.dumps(answer), flush=True)  # noqa: T201
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _become_operator(request: dict[str, Any]) -> None:
    """Run the operator in this freshly forked process, and end it."""
    from crosstree.app import run
    from crosstree.settings import checked
    from localcluster.proc import die_with_parent

    status = 1
    try:
        die_with_parent(os.getppid())
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        asyncio.run(run(checked(request["settings"]), JumpingClock(Path(request["clock"]))))
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    serve()
