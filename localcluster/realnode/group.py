"""All real nodes of one cluster: claim what they need, start them, wait for them, give handles on them."""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localcluster import kubeconfig, paths, records
from localcluster.api import Api, Json
from localcluster.control import Supervision
from localcluster.errors import ApiError, StartError
from localcluster.nodes import eventually, ready
from localcluster.proc import ProcessId
from localcluster.realnode import cgroups, cleanup, commands, config, images, network
from localcluster.realnode.node import Node, write_devices
from localcluster.realnode.plan import LABEL, Plan, RealNode, device_id


class RealNodes:
    """The real nodes of a cluster.

    Attributes:
        plan: Which they are and where everything lies.
        tokens: Bearer token of each node's kubelet; empty when another process started them.
    """

    def __init__(self, plan: Plan, tokens: Mapping[str, str] | None = None) -> None:
        self.plan = plan
        self.tokens = tokens or {}

    @classmethod
    def claim(
        cls, nodes: Sequence[RealNode], binaries: Path, node_binaries: Path, api_port: int
    ) -> RealNodes:
        """Take a bridge, a block of addresses and a folder for a cluster's nodes. Starts nothing.

        Raises:
            StartError: the kernel refuses, or no addresses are free.
        """
        folder = Path(tempfile.mkdtemp(prefix=paths.NODES_PREFIX))
        own = ProcessId.of(os.getpid())
        assert own is not None, "this process runs"
        records.claim(folder, own)
        try:
            bridge, block = network.claim(folder)
            plan = Plan(
                folder, block, bridge, cgroups.roots(), tuple(nodes), binaries, node_binaries, api_port
            )
            plan.save()
            network.raise_bridge(plan)
        except BaseException:
            cleanup.clean(folder)
            raise
        return cls(plan, {node.name: secrets.token_urlsafe(24) for node in nodes})

    @property
    def users(self) -> str:
        """Lines of the API server's token file: each kubelet as the node it is."""
        return "".join(
            f"{token},system:node:{name},{name},system:nodes\n" for name, token in self.tokens.items()
        )

    @property
    def names(self) -> list[str]:
        """Names of the nodes."""
        return [node.name for node in self.plan.nodes]

    def commands(self) -> dict[str, list[str]]:
        """Command lines for the supervisor."""
        return commands.commands(self.plan)

    def cleanup(self) -> list[str]:
        """What the supervisor runs at its end."""
        return commands.cleanup(self.plan)

    def remove(self) -> None:
        """Remove what outlives processes; harmless when the supervisor did it."""
        cleanup.clean(self.plan.folder)

    def start(self, api: Api, supervision: Supervision, admin: Path, ca: Path, logs: Path) -> None:
        """Write every configuration file, create the nodes' objects, start DNS and all nodes at once.

        Args:
            api: The cluster.
            supervision: Its supervisor.
            admin: The admin's kubeconfig, with which DNS reads Services.
            ca: The API server's certificate authority.
            logs: Folder of the logs.

        Raises:
            StartError: something did not come up.
        """
        plan = self.plan
        images.write_own(plan)
        (plan.folder / "Corefile").write_text(config.corefile(plan, admin))
        supervision.start(commands.DNS)
        for node in plan.nodes:
            self._write(node, api.server, ca)
            api.post("/api/v1/nodes", manifest(node))
        self.each(lambda name: self.node(name, supervision, logs).start())

    def _write(self, node: RealNode, server: str, ca: Path) -> None:
        plan, home = self.plan, self.plan.home(node.name)
        (home / "cni").mkdir(parents=True)
        (home / "cni" / "10-localcluster.conflist").write_text(config.cni(plan, node.name))
        (home / "containerd.toml").write_text(config.containerd(plan, node.name))
        (home / "resolv.conf").touch()  # empty: pods know the names of this cluster and no others
        (home / "kubelet.json").write_text(config.kubelet(plan, node.name, home / "resolv.conf"))
        kubeconfig.write(home / "kubeconfig", server, self.tokens[node.name], ca)
        write_devices(home, _all_healthy(node.devices))

    def wait_ready(self, api: Api, within: float = 90.0) -> None:
        """Wait until every node is Ready, untainted and offers its devices, and DNS answers.

        Raises:
            StartError: not in time; says which nodes are late.
        """
        late: list[str] = []

        def all_ready() -> bool:
            late[:] = [node.name for node in self.plan.nodes if not _offers(api, node)]
            if not _dns_ready(self.plan):
                late.append("DNS")
            return not late

        if not eventually(all_ready, within):
            raise StartError(
                f"{', '.join(late)} not ready after {within:.0f} s; nodes must be Ready and offer their devices"
            )

    def node(self, name: str, supervision: Supervision, logs: Path) -> Node:
        """Take hold of one node.

        Raises:
            FleetError: there is no such real node.
        """
        return Node(self.plan, name, supervision, logs)

    def load_image(self, archive: Path, running: Sequence[str]) -> None:
        """Import an image archive (OCI or docker) into running nodes, and into the others when they start.

        Raises:
            LocalClusterError: containerd refused it.
        """
        images.kept(self.plan).mkdir(exist_ok=True)
        shutil.copyfile(archive, images.kept(self.plan) / f"{archive.stem}.tar")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: images.bring(self.plan, name), running))

    def each(self, act: Callable[[str], None]) -> None:
        """Do something for every node, all at once; the first error is raised when all are done."""
        with ThreadPoolExecutor(max(1, len(self.names))) as pool:
            list(pool.map(act, self.names))


def manifest(node: RealNode) -> Json:
    """The object a kubelet finds when it registers: labels and taints are then there from the first moment."""
    labels = {"kubernetes.io/hostname": node.name, LABEL: "true", **node.labels}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {"taints": [dict(taint) for taint in node.taints]},
    }


def _all_healthy(devices: Mapping[str, int]) -> dict[str, dict[str, bool]]:
    return {
        resource: {device_id(resource, index): True for index in range(count)}
        for resource, count in devices.items()
    }


def _offers(api: Api, node: RealNode) -> bool:
    try:
        found = api.get(f"/api/v1/nodes/{node.name}")
    except ApiError:
        return False
    allocatable = found["status"].get("allocatable", {})
    return ready(found) and all(
        int(allocatable.get(resource, 0)) == count for resource, count in node.devices.items()
    )


def _dns_ready(plan: Plan) -> bool:
    connection = http.client.HTTPConnection(plan.gateway, config.DNS_READY, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
