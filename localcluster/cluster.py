"""A cluster: choose it, start it, hold it. What can be done with it once it runs is in `running`.

    with Cluster(nodes=64) as cluster:
        subprocess.run(["kubectl", "get", "nodes"], env={"KUBECONFIG": str(cluster.kubeconfig)})

Used as a library the cluster ends with the block, or with the process that made it, however that ends.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from localcluster import components, control, nodes, paths, records, startup
from localcluster.build import ensure_built, ensure_nodes_built
from localcluster.components import Layout, Ports
from localcluster.errors import NotRunning, StartError
from localcluster.fleet import Fleet
from localcluster.ports import free_ports
from localcluster.progress import Reporter, Silent, told
from localcluster.realnode import plan, requirements
from localcluster.realnode.group import RealNodes
from localcluster.realnode.plan import RealNode, nodes_of
from localcluster.running import Running

_BIG = (
    200  # nodes above which leases live longer: a thousand renewals each 10 s would cost an eighth of a core
)
_FEW = (
    64  # simulated nodes up to which leases may live so shortly that a real node's silence is noticed at once
)


def _lease_seconds(simulated: int, *, real: bool) -> int:
    if real and simulated <= _FEW:
        return 8
    return 40 if simulated <= _BIG else 240


class Cluster(Running):
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
        real_nodes: int | Sequence[RealNode] = 0,
        real_devices: Mapping[str, int] | None = None,
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
                240 for more than 200 nodes, and 8 with real nodes and at most 64 simulated ones.
            component_args: More arguments per component, e.g. {"kube-scheduler": ["-v=4"]}; they win.
            bind_address: Address the API server listens on; with real nodes it is that of their bridge.
            real_nodes: Real nodes beside the simulated ones: how many (real-0, real-1, …), or which. They need
                root and a few packages: see `realnode.missing`.
            real_devices: Fake devices of each real node per extended resource, when `real_nodes` is a number.
            reporter: Told about the phases of the start.
        """
        super().__init__(name, state or paths.state_root() / name)
        self._temporary = False
        self._named_state = state is not None
        self._fleet = fleet
        self._nodes = nodes
        self._features = {**(components.IN_TREE_GANG if in_tree_gang else {}), **(features or {})}
        self._audit = audit
        self._lease_seconds = lease_seconds
        self._component_args = component_args or {}
        self._bind_address = bind_address
        self._wanted = nodes_of(real_nodes, real_devices or {})
        self._reporter = reporter or Silent()

    @classmethod
    def attach(cls, name: str = "default", state: Path | None = None) -> Cluster:
        """Take hold of a cluster that another command started; it does not end with this process.

        Raises:
            NotRunning: no such cluster is up.
        """
        cluster = cls(name=name, state=state)
        cluster._record = record = records.load(cluster.state)
        if record.real:
            cluster._real = RealNodes(plan.load(Path(record.real)))
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

    def up(self) -> Cluster:
        """Build if needed, start everything, create the nodes, wait until they are ready for pods.

        Returns:
            The cluster itself.

        Raises:
            StartError: it is up already, or something did not come up.
            BuildError: see `ensure_built`.
            FleetError: the fleet cannot be scaled to that many nodes.
        """
        if self._wanted:
            requirements.need()
        fleet = self._fleet or Fleet.default()
        manifests = fleet.nodes(self._nodes)
        with told(self._reporter):
            binaries = ensure_built(self._reporter)
            node_binaries = ensure_nodes_built(self._reporter) if self._wanted else binaries
            self._refuse_second()
            records.sweep()
            for attempt in (1, 2, 3):
                try:
                    self._start(binaries, node_binaries, manifests)
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

    def _start(self, binaries: Path, node_binaries: Path, manifests: Sequence[Mapping[str, object]]) -> None:
        token = secrets.token_urlsafe(24)
        ports = Ports(*free_ports(6))
        real = None
        if self._wanted:
            real = self._real = RealNodes.claim(self._wanted, binaries, node_binaries, ports.apiserver)
        at = Layout(
            bin=binaries,
            data=paths.new_data_dir(),
            state=self.state,
            ports=ports,
            bind_address=real.plan.gateway if real else self._bind_address,
            lease_seconds=self._lease_seconds or _lease_seconds(len(manifests), real=bool(real)),
            features=self._features,
            audit=self._audit,
            real_nodes=bool(real),
            extra=self._component_args,
        )
        shutil.rmtree(self.state / "logs", ignore_errors=True)
        commands = components.commands(at)
        try:
            startup.prepare(at, token, real.users if real else "")
            supervision, self._owner = (
                control.launch(commands | real.commands(), at.data, at.state, real.cleanup())
                if real
                else control.launch(commands, at.data, at.state)
            )
        except BaseException:
            shutil.rmtree(at.data, ignore_errors=True)
            raise
        records.claim(at.data, supervision.process)
        if real:
            records.claim(real.plan.folder, supervision.process)
        self._record = records.Record(
            self.name,
            (supervision.process.pid, supervision.process.start),
            str(at.data),
            at.server,
            token,
            str(binaries),
            len(manifests),
            str(real.plan.folder) if real else "",
        )
        records.save(self.state, self._record)
        self._api = api = startup.start_control_plane(at, token, supervision, self._reporter)
        self._reporter.phase(f"create {len(manifests)} simulated nodes")
        nodes.create_nodes(api, [dict(m) for m in manifests], self._reporter)
        if real:
            self._reporter.phase(f"start {len(real.names)} real nodes")
            real.start(api, supervision, at.kubeconfig, at.ca, at.state / "logs")
        self._reporter.phase("wait until nodes are ready for pods")
        startup.wait_usable(api, at, supervision)
        nodes.wait_played(api, len(manifests))
        nodes.wait_ready(api, len(manifests), reporter=self._reporter)
        if real:
            self._reporter.phase("wait until real nodes are Ready with their devices")
            real.wait_ready(api)
