"""An operator as a child process, for benches and the demo: started, asked for its memory, always stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from crosstree.base.errors import Unavailable

GRACE = 15.0
"""Seconds a stop may take before it becomes a kill."""


class Operator:
    """`crosstree run` in a process of its own; use as a context manager."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self.log = log
        """Everything it wrote."""

    @staticmethod
    def start(
        *,
        kubeconfig: str | None,
        context: str | None = None,
        log: Path | None = None,
        listen: str = "127.0.0.1:0",
        settings: Mapping[str, str] | None = None,
    ) -> Operator:
        """Start it; returns at once. Without `listen` it has no endpoints, so that several never fight for a port.

        Other `settings` are given by environment variables, the names of which they are.
        """
        command = [sys.executable, "-m", "crosstree", "run", "--listen", listen]
        command += ["--kubeconfig", kubeconfig] if kubeconfig else []
        command += ["--context", context] if context else []
        if log is None:
            handle, name = tempfile.mkstemp(prefix="crosstree-operator-", suffix=".log")
            os.close(handle)
            log = Path(name)
        with log.open("ab") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **(settings or {})},
                preexec_fn=_follow(),  # noqa: PLW1509 - one prctl call, which takes no lock
            )
            return Operator(process, log)

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            Unavailable: it has ended; tells how, and its last lines.
        """
        code = self._process.poll()
        if code is not None:
            last = "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-8:])
            raise Unavailable(f"the operator ended with {code}; its log {self.log} ends with:\n{last}")

    def peak_memory(self) -> int:
        """Return the most memory it ever had resident, in bytes; 0 where the system does not tell."""
        try:
            lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        except OSError:
            return 0
        found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        return int(found[0]) * 1024 if found else 0

    def processor_seconds(self) -> float:
        """Return the processor time it has used so far; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: see proc(5)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and don't wait for what it does."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Ask it to stop, wait, and kill it if it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Operator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None:
            self.log.unlink(missing_ok=True)


def _follow() -> Callable[[], None] | None:
    """Return what makes a child die with us, so that a killed bench leaves no operator behind; None off Linux."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)

    def die_with_parent() -> None:
        library.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, see prctl(2)

    return die_with_parent
