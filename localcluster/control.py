"""Start a supervisor and talk to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.errors import NotRunning, StartError
from localcluster.proc import ProcessId
from localcluster.supervisor import SOCKET


@dataclass(frozen=True)
class Child:
    """A component as the supervisor sees it; `exit` is None while it runs, negative when a signal ended it."""

    pid: int
    exit: int | None


@dataclass(frozen=True)
class Supervision:
    """A running supervisor: which process it is and where its socket lies."""

    process: ProcessId
    data: Path

    def start(self, component: str) -> None:
        """Start a component, if it does not run already. Does not wait for it to be ready."""
        self._ask({"do": "start", "name": component})

    def kill(self, component: str, signum: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a component and wait until it has ended."""
        self._ask({"do": "kill", "name": component, "signal": int(signum)})

    def detach(self) -> None:
        """Let the cluster outlive the process that started it."""
        self._ask({"do": "detach"})

    def children(self) -> dict[str, Child]:
        """Every component started so far, by name."""
        answer = self._ask({"do": "status"})
        return {name: Child(c["pid"], c["exit"]) for name, c in answer["components"].items()}

    def stop(self, within: float = 30.0) -> None:
        """End all components and the supervisor, and wait for that. No error if they are gone already."""
        try:
            self._ask({"do": "stop"}, within)
        except NotRunning:
            self.process.kill()  # it does not answer; its components die with it
        if not self.process.wait(within):
            self.process.kill()
            self.process.wait(within)

    def _ask(self, request: dict[str, Any], within: float = 60.0) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(within)
                connection.connect(str(self.data / SOCKET))
                with connection.makefile("rw") as stream:
                    stream.write(json.dumps(request) + "\n")
                    stream.flush()
                    line = stream.readline()
        except OSError as error:
            raise NotRunning(f"the supervisor (pid {self.process.pid}) does not answer: {error}") from error
        if not line:
            raise NotRunning(f"the supervisor (pid {self.process.pid}) ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise StartError(f"the supervisor refused {request}: {answer['error']}")
        return answer


class Owner:
    """This process's hold on a supervisor: it ends when this object is closed, or when this process dies."""

    def __init__(self, pipe: int, process: subprocess.Popen[bytes]) -> None:
        self._pipe = pipe
        self._process = process

    def close(self) -> None:
        """Let go. The supervisor ends, unless it was detached before."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def forget(self) -> None:
        """Let go of a detached supervisor, which from now on is nobody's child to wait for."""
        self.close()
        self._process.returncode = 0  # else Popen warns that the process still runs


def launch(
    commands: dict[str, list[str]], data: Path, state: Path, cleanup: Sequence[str] = ()
) -> tuple[Supervision, Owner]:
    """Start a supervisor in a session of its own, without starting any component yet.

    Args:
        commands: Argument list of each component.
        data: Private folder; the supervisor puts its socket there and removes the folder at its end.
        state: Folder of the logs.
        cleanup: Run by the supervisor when every component has ended, whatever ended them but its own death.

    Returns:
        The supervision, and the hold on it: the supervisor ends with the hold or with this process.

    Raises:
        StartError: it did not come up; the message names its log.
    """
    spec = data / "spec.json"
    told = {"commands": commands, "cleanup": list(cleanup), "data": str(data), "logs": str(state / "logs")}
    spec.write_text(json.dumps(told))
    package_root = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = package_root + (os.pathsep + inherited if inherited else "")
    log = state / "logs" / "supervisor.log"
    theirs, ours = os.pipe()
    try:
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "localcluster.supervisor", str(spec), str(theirs)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                pass_fds=[theirs],
                cwd="/",
                env={**os.environ, "PYTHONPATH": path},
            )
    finally:
        os.close(theirs)
    owner = Owner(ours, process)
    deadline = time.monotonic() + 20
    while not (data / SOCKET).exists():
        if process.poll() is not None or time.monotonic() > deadline:
            owner.close()
            raise StartError(f"the supervisor did not start; see {log}")
        time.sleep(0.01)
    identity = ProcessId.of(process.pid)
    if identity is None:
        owner.close()
        raise StartError(f"the supervisor ended at once; see {log}")
    return Supervision(identity, data), owner
