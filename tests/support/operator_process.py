"""The operator as a process of its own, as in production: started, asked over HTTP, stopped, or killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


class OperatorProcess:
    """`python -m crosstree run` against one kubeconfig. As a context manager it is killed at the end.

    Args:
        kubeconfig: The API server, or a proxy before it.
        folder: Where its log goes.
        settings: Its settings, as in the environment but without the prefix: `leader_election="true"`.
    """

    def __init__(self, kubeconfig: Path, folder: Path, **settings: str) -> None:
        self.settings = settings
        self.port = _free_port()
        self.log = folder / f"operator-{self.port}.log"
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "crosstree", "run", "--kubeconfig", str(kubeconfig)],
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT / "operator"),
                    "CROSSTREE_LISTEN_ADDRESS": "127.0.0.1",
                    "CROSSTREE_LISTEN_PORT": str(self.port),
                    **{f"CROSSTREE_{name.upper()}": value for name, value in settings.items()},
                },
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def get(self, path: str) -> tuple[int, str]:
        """Ask one of its endpoints; status 0 while it does not listen."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait_ready(self, within: float = 60.0) -> OperatorProcess:
        """Wait until it has read the cluster.

        Raises:
            AssertionError: it was not ready in time.
        """
        eventually(lambda: self.get("/readyz")[0] == 200, within=within, what="the operator was ready")
        return self

    def kill(self) -> None:
        """End it at once, as a lost machine would, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self, within: float = 20.0) -> int:
        """Ask it to end as Kubernetes does, and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(within)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self, within: float) -> int:
        """Wait until it has ended by itself, and return its exit code."""
        return self._process.wait(within)

    def metric(self, name: str, *, leaving_out: str = "") -> float:
        """Return the sum over every series of a metric, without those whose labels hold `leaving_out`.

        Raises:
            AssertionError: it shows no such metric, or nothing at all.
        """
        found = [
            line
            for line in self.get("/metrics")[1].splitlines()
            if line.startswith((f"{name} ", f"{name}{{"))
        ]
        assert found, f"there is no metric {name}"
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in found if not leaving_out or leaving_out not in line
        )

    def writes(self) -> float:
        """Count its requests so far that were no reads."""
        return self.metric("crosstree_api_requests_total", leaving_out='verb="GET"')

    def last_words(self, lines: int = 40) -> str:
        """Return the end of its log, for a failing test to show."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> OperatorProcess:
        return self.wait_ready()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if error is not None:
            print(f"the operator's log ends with:\n{self.last_words()}", file=sys.stderr)  # noqa: T201


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
