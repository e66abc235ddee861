"""A cluster that runs: what it offers, how parts of it are broken and mended, how it ends."""

from __future__ import annotations

import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

from localcluster import audit as audit_log
from localcluster import components, control, nodes, records, startup
from localcluster.api import Api
from localcluster.errors import LocalClusterError, NotRunning, StartError
from localcluster.realnode.group import RealNodes
from localcluster.realnode.node import Node


class Running:
    """A running control plane with its nodes.

    Attributes:
        name: Its name.
        state: Folder with kubeconfig, logs and (with `audit`) audit.log.
    """

    def __init__(self, name: str, state: Path) -> None:
        self.name = name
        self.state = state
        self._owner: control.Owner | None = None
        self._record: records.Record | None = None
        self._api: Api | None = None
        self._real: RealNodes | None = None

    # -- end -------------------------------------------------------------------------------------------------------

    def detach(self) -> None:
        """Let the cluster outlive this process; `close`, or `down` from the command line, ends it."""
        self._running.supervision.detach()
        if self._owner is not None:
            self._owner.forget()
            self._owner = None

    def close(self) -> None:
        """End everything this cluster started and wait for that. Safe to call twice."""
        if self._api is not None:
            self._api.close()
            self._api = None
        if self._record is not None:
            self._record.supervision.stop()
            if self._owner is not None:
                self._owner.forget()
                self._owner = None
            shutil.rmtree(
                self._record.data, ignore_errors=True
            )  # left over only if the supervisor was killed
            records.forget(self.state)
            self._record = None
        if self._real is not None:
            self._real.remove()  # the supervisor did, unless it was killed
            self._real = None

    # -- what it offers --------------------------------------------------------------------------------------------

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def ca(self) -> Path:
        return self.state / "ca.crt"

    @property
    def server(self) -> str:
        return self._running.server

    @property
    def token(self) -> str:
        return self._running.token

    @property
    def bin(self) -> Path:
        return Path(self._running.bin)

    @property
    def api(self) -> Api:
        if self._api is None:
            self._api = Api(self.server, token=self.token, ca=self.ca)
        return self._api

    @property
    def pids(self) -> dict[str, int]:
        """Pid of every component that runs, and of the supervisor."""
        running = self._running.supervision
        found = {name: child.pid for name, child in running.children().items() if child.exit is None}
        return {"supervisor": running.process.pid, **found}

    def components(self) -> dict[str, control.Child]:
        """Every component with its pid, or how it ended."""
        return self._running.supervision.children()

    def log(self, component: str) -> Path:
        """The log file of a component."""
        return self.state / "logs" / f"{component}.log"

    @property
    def _running(self) -> records.Record:
        if self._record is None:
            raise NotRunning(f"cluster {self.name!r} is not up.")
        return self._record

    # -- faults ----------------------------------------------------------------------------------------------------

    def kill(self, component: str, signum: signal.Signals = signal.SIGKILL) -> None:
        """End a component and wait for that. It stays down until `start_component`."""
        self._check(component)
        self._running.supervision.kill(component, signum)

    def start_component(self, component: str, within: float = 60.0) -> None:
        """Start a component that is down, on its old ports and data.

        Waits for the API server to be ready again, and for kwok to hold its nodes.
        """
        self._check(component)
        started = datetime.now(UTC)
        if component == "kwok":
            # The old process holds the nodes' leases; the new one would wait until they run out.
            self.api.delete(nodes.LEASES)
        self._running.supervision.start(component)
        if component == "kwok":
            nodes.wait_taken_over(self.api, started, within)
        if component in ("etcd", "kube-apiserver") and not nodes.eventually(
            lambda: startup.answers(self.api, "/readyz"), within
        ):
            raise StartError(f"the API server is not ready {within:.0f} s after the start of {component}")

    def restart(self, component: str) -> None:
        """Kill a component and start it again."""
        self.kill(component)
        self.start_component(component)

    def reconnect(self) -> None:
        """Start kube-scheduler and kwok again after the API server was away for more than a few seconds.

        By themselves they look again up to a minute after it is back: their client doubles its pauses up to 30 s, and
        adds up to as much by chance.
        """
        self.restart("kube-scheduler")
        self.restart("kwok")

    def _check(self, component: str) -> None:
        known = [*components.START_ORDER, *(self._real.commands() if self._real else ())]
        if component not in known:
            raise LocalClusterError(
                f"there is no component {component!r}; components are {', '.join(known)}."
            )

    # -- real nodes ------------------------------------------------------------------------------------------------

    @property
    def real(self) -> RealNodes:
        """The real nodes.

        Raises:
            LocalClusterError: there are none.
        """
        if self._real is None:
            raise LocalClusterError(f"cluster {self.name!r} has no real nodes; start it with real_nodes=1.")
        return self._real

    @property
    def real_nodes(self) -> list[str]:
        """Names of the real nodes; empty when there are none."""
        return self._real.names if self._real else []

    def node(self, name: str) -> Node:
        """Take hold of a real node, to break and mend it.

        Raises:
            LocalClusterError: there is no such real node.
        """
        return self.real.node(name, self._running.supervision, self.state / "logs")

    def load_image(self, archive: Path) -> None:
        """Import an image archive (OCI or docker) into every real node, into those that are down when they start.

        Raises:
            LocalClusterError: there are no real nodes, or containerd refused it.
        """
        down = {name for name, child in self.components().items() if child.exit is not None}
        self.real.load_image(archive, [name for name in self.real_nodes if name not in down])

    # -- measuring -------------------------------------------------------------------------------------------------

    def writes(self) -> dict[str, int]:
        """Count the writes so far, by "user-agent verb resource", most first. Needs `audit=True`.

        Raises:
            LocalClusterError: there is no audit log.
        """
        return audit_log.writes(self.state / "audit.log")
