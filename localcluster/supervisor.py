"""The process that owns a cluster's components: starts, signals and reaps them, and takes them along when it ends.

It runs in a session of its own. The kernel kills every component when the supervisor dies, whatever the reason.
The supervisor itself ends when told to, when it gets SIGTERM, or when the process that holds the other end of its
owner pipe dies, unless it was told to detach. It knows names and argument lists, nothing of Kubernetes. One of them
may remove, at the very end, what outlives processes.

Run as `python -m localcluster.supervisor SPEC OWNER_FD`; one JSON line per request and answer on a Unix socket.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from localcluster.proc import die_with_parent

SOCKET = "control.sock"
_GRACE = 20.0  # seconds a component may take to end on SIGTERM before it is killed


class Supervisor:
    """State of one run; everything happens on the main thread (a component dies with the thread that made it)."""

    def __init__(
        self, commands: dict[str, list[str]], cleanup: list[str], data: Path, logs: Path, owner: int
    ) -> None:
        self._commands = commands
        self._cleanup = cleanup
        self._data = data
        self._logs = logs
        self._owner = owner
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._selector = selectors.DefaultSelector()
        self._ending = False

    def serve(self) -> None:
        """Answer requests until it is time to end; then end every component and remove the data."""
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, self._on_signal)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._data / "socket"))
        listener.listen()
        os.rename(self._data / "socket", self._data / SOCKET)  # whoever sees the name can connect
        self._selector.register(listener, selectors.EVENT_READ, "listen")
        self._selector.register(self._owner, selectors.EVENT_READ, "owner")
        try:
            while not self._ending:
                for key, _ in self._selector.select(timeout=0.5):
                    match key.data:
                        case "owner":
                            self._ending = True  # end of file: the owner is gone
                        case "listen":
                            with listener.accept()[0] as connection:
                                self._answer(connection)
                for child in self._children.values():
                    child.poll()
        finally:
            self._end_all()
            if self._cleanup:
                subprocess.run(self._cleanup, stdin=subprocess.DEVNULL)
            shutil.rmtree(self._data, ignore_errors=True)

    def _on_signal(self, _signum: int, _frame: object) -> None:
        self._ending = True

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            with connection.makefile("rw") as stream:
                request = json.loads(stream.readline())
                try:
                    answer = self._do(request)
                except (KeyError, OSError, ValueError) as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                stream.write(json.dumps(answer) + "\n")
        except (OSError, ValueError):
            return  # a client that went away in the middle is its own problem

    def _do(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "start":
                self._start(request["name"])
            case "kill":
                self._kill(request["name"], signal.Signals(request["signal"]))
            case "detach":
                self._selector.unregister(self._owner)
                os.close(self._owner)
            case "stop":
                # Components end before the answer, so that whoever asked may rely on it.
                self._end_all()
                self._ending = True
            case "status":
                pass
            case other:
                raise ValueError(f"unknown request {other!r}")
        return {"components": {name: {"pid": c.pid, "exit": c.poll()} for name, c in self._children.items()}}

    def _start(self, name: str) -> None:
        child = self._children.get(name)
        if child is not None and child.poll() is None:
            return
        parent = os.getpid()
        with (self._logs / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                self._commands[name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._data,
                preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - this process has one thread
            )

    def _kill(self, name: str, signum: signal.Signals) -> None:
        child = self._children[name]
        child.send_signal(signum)
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _end_all(self) -> None:
        # Nothing of the run is kept, so nobody needs to tidy up: an API server may take a minute to end politely.
        for child in self._children.values():
            child.kill()
        for child in self._children.values():
            child.wait()


def main() -> NoReturn:
    """Entry point: read the spec, tell the owner that the socket is there, serve."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    supervisor = Supervisor(
        spec["commands"], spec["cleanup"], Path(spec["data"]), Path(spec["logs"]), owner=int(sys.argv[2])
    )
    supervisor.serve()
    sys.exit(0)


if __name__ == "__main__":
    main()
