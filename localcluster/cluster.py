"""A cluster: start it, hold it, break parts of it, end it.

    with Cluster(nodes=64) as cluster:
        subprocess.run(["kubectl", "get", "nodes"], env={"KUBECONFIG": str(cluster.kubeconfig)})

Used as a library the cluster ends with the block, or with the process that made it, however that ends.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from localcluster import audit as audit_log
from localcluster import components, control, nodes, paths, records, startup
from localcluster.api import Api
from localcluster.build import ensure_built
from localcluster.components import Layout, Ports
from localcluster.errors import LocalClusterError, NotRunning, StartError
from localcluster.fleet import Fleet
from localcluster.ports import free_ports
from localcluster.progress import Reporter, Silent, told

_BIG = (
    200  # nodes above which leases live longer: a thousand renewals each 10 s would cost an eighth of a core
)


class Cluster:
    """A running control plane with simulated nodes.

    Attributes:
        name: Its name.
        state: Folder with kubeconfig, logs and (with `audit`) audit.log.
        kubeconfig: The admin's kubeconfig.
        server, token, ca: The same as parts: URL, bearer token, file of the certificate authority.
        bin: Folder with kubectl, helm and the other binaries.
        api: A client with the admin's rights.
    """

    def __init__(
        self,
        *,
        name: str = "default",
        fleet: Fleet | None = None,
        nodes: int | None = None,
        state: Path | None = None,
        features: Mapping[str, bool] | None = None,
        in_tree_gang: bool = False,
        audit: bool = False,
        lease_seconds: int | None = None,
        component_args: Mapping[str, Sequence[str]] | None = None,
        bind_address: str = "127.0.0.1",
        reporter: Reporter | None = None,
    ) -> None:
        """Choose what to start; nothing starts before `up` or `with`.

        Args:
            name: Names the folder of records under `paths.state_root()`, when no state folder is given.
            fleet: The simulated nodes; None is the shipped mixed fleet.
            nodes: How many simulated nodes the fleet is scaled to; None is what the fleet says, 0 is none.
            state: Folder for kubeconfig, logs and the record. None: by name (`up`), a temporary one (`with`).
            features: Feature gates, handed to API server, controller manager and scheduler.
            in_tree_gang: Short for the gates `components.IN_TREE_GANG`: kube-scheduler's own gang scheduling.
            audit: Log every write to audit.log in the state folder; `writes` counts them.
            lease_seconds: Lifetime of node leases and grace before a silent node is unreachable; None is 40, or
                240 for more than 200 nodes.
            component_args: More arguments per component, e.g. {"kube-scheduler": ["-v=4"]}; they win.
            bind_address: Address the API server listens on.
            reporter: Told about the phases of the start.
        """
        self.name = name
        self.state = state or paths.state_root() / name
        self._temporary = False
        self._named_state = state is not None
        self._fleet = fleet
        self._nodes = nodes
        self._features = {**(components.IN_TREE_GANG if in_tree_gang else {}), **(features or {})}
        self._audit = audit
        self._lease_seconds = lease_seconds
        self._component_args = component_args or {}
        self._bind_address = bind_address
        self._reporter = reporter or Silent()
        self._owner: control.Owner | None = None
        self._record: records.Record | None = None
        self._api: Api | None = None

    @classmethod
    def attach(cls, name: str = "default", state: Path | None = None) -> Cluster:
        """Take hold of a cluster that another command started; it does not end with this process.

        Raises:
            NotRunning: no such cluster is up.
        """
        cluster = cls(name=name, state=state)
        cluster._record = records.load(cluster.state)
        return cluster

    @classmethod
    def start(cls, **options: Any) -> Cluster:
        """Make a cluster (options as for `Cluster`) and bring it up; the caller closes it."""
        return cls(**options).up()

    def __enter__(self) -> Cluster:
        if not self._named_state:
            self.state = Path(tempfile.mkdtemp(prefix=records.TEMPORARY))
            self._temporary = True
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._temporary and error is None:  # after a failure the logs are worth keeping
            shutil.rmtree(self.state, ignore_errors=True)

    # -- start and end ---------------------------------------------------------------------------------------------

    def up(self) -> Cluster:
        """Build if needed, start everything, create the nodes, wait until they are ready for pods.

        Returns:
            The cluster itself.

        Raises:
            StartError: it is up already, or something did not come up.
            BuildError: see `ensure_built`.
            FleetError: the fleet cannot be scaled to that many nodes.
        """
        fleet = self._fleet or Fleet.default()
        manifests = fleet.nodes(self._nodes)
        with told(self._reporter):
            binaries = ensure_built(self._reporter)
            self._refuse_second()
            records.sweep()
            for attempt in (1, 2, 3):
                try:
                    self._start(binaries, manifests)
                    break
                except startup.PortLost:
                    self.close()
                    if attempt == 3:
                        raise
                except BaseException:
                    self.close()
                    raise
        return self

    def _refuse_second(self) -> None:
        try:
            running = records.load(self.state)
        except NotRunning:
            return
        raise StartError(
            f"cluster {self.name!r} is up already at {running.server}. Use it (KUBECONFIG={self.kubeconfig}), end it "
            "with `python -m localcluster down`, or start another with --name."
        )

    def _start(self, binaries: Path, manifests: Sequence[Mapping[str, object]]) -> None:
        token = secrets.token_urlsafe(24)
        at = Layout(
            bin=binaries,
            data=paths.new_data_dir(),
            state=self.state,
            ports=Ports(*free_ports(6)),
            bind_address=self._bind_address,
            lease_seconds=self._lease_seconds or (40 if len(manifests) <= _BIG else 240),
            features=self._features,
            audit=self._audit,
            extra=self._component_args,
        )
        shutil.rmtree(self.state / "logs", ignore_errors=True)
        try:
            startup.prepare(at, token)
            supervision, self._owner = control.launch(components.commands(at), at.data, at.state)
        except BaseException:
            shutil.rmtree(at.data, ignore_errors=True)
            raise
        records.claim(at.data, supervision.process)
        self._record = records.Record(
            self.name,
            (supervision.process.pid, supervision.process.start),
            str(at.data),
            at.server,
            token,
            str(binaries),
            len(manifests),
        )
        records.save(self.state, self._record)
        self._api = api = startup.start_control_plane(at, token, supervision, self._reporter)
        self._reporter.phase(f"create {len(manifests)} simulated nodes")
        nodes.create_nodes(api, [dict(m) for m in manifests], self._reporter)
        self._reporter.phase("wait until nodes are ready for pods")
        startup.wait_usable(api, at, supervision)
        nodes.wait_played(api, len(manifests))
        nodes.wait_ready(api, len(manifests), reporter=self._reporter)

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
        """Start a component that is down, on its old ports and data; waits for the API server to be ready again."""
        self._check(component)
        if component == "kwok":
            # The old process holds the nodes' leases; the new one would wait until they run out.
            self.api.delete("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
        self._running.supervision.start(component)
        if component in ("etcd", "kube-apiserver") and not nodes.eventually(
            lambda: startup.answers(self.api, "/readyz"), within
        ):
            raise StartError(f"the API server is not ready {within:.0f} s after the start of {component}")

    def restart(self, component: str) -> None:
        """Kill a component and start it again."""
        self.kill(component)
        self.start_component(component)

    def _check(self, component: str) -> None:
        if component not in components.START_ORDER:
            raise LocalClusterError(
                f"there is no component {component!r}; components are {', '.join(components.START_ORDER)}."
            )

    # -- measuring -------------------------------------------------------------------------------------------------

    def writes(self) -> dict[str, int]:
        """Count the writes so far, by "user-agent verb resource", most first. Needs `audit=True`.

        Raises:
            LocalClusterError: there is no audit log.
        """
        return audit_log.writes(self.state / "audit.log")
