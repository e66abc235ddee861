"""Tries real nodes out: one is whole once a pod that takes all of its devices has run there.

To be Ready is not enough. A kubelet that was started again says so a moment before it asks for its pods, and those it
then finds it may refuse: the devices of pods it had before the power failed still count as taken
(kubernetes/kubernetes#109595). The operator gets over that, but a test would begin with a restart.
"""

from __future__ import annotations

from collections.abc import Sequence

from localcluster.realnode import RealNode
from tests.support.real_world import SOON, World, is_true
from tests.support.waiting import eventually


class Trials:
    """Tries each node once for every start of its kubelet.

    Args:
        world: Whose nodes they are.
        nodes: The nodes.
    """

    def __init__(self, world: World, nodes: Sequence[RealNode]) -> None:
        self._world = world
        self._nodes = nodes
        self._tried: dict[str, int] = {}

    def wait_whole(self) -> None:
        """Wait until every kubelet has run its pod; none of these pods is left."""
        kubectl = self._world.kubectl
        for node in self._nodes:
            eventually(lambda node=node: self._ready(node), within=SOON, what=f"node {node.name} was Ready")
        running = self._world.local.pids
        kubelets = {node.name: running[f"{node.name}-kubelet"] for node in self._nodes}
        new = [node for node in self._nodes if self._tried.get(node.name) != kubelets[node.name]]
        eventually(
            lambda: {node.name: self._trial(node) for node in new},
            until=lambda seen: set(seen.values()) <= {"Succeeded"},
            within=SOON,
            every=0.3,
            what="every node ran a pod that took all of its devices",
        )
        for node in new:
            kubectl.delete("pod", f"try-{node.name}", self._world.namespace)
        self._tried = kubelets

    def _ready(self, node: RealNode) -> bool:
        """Tell whether a node is Ready and offers all of its devices."""
        seen = self._world.kubectl.get("node", node.name)
        offered = {r: int(a) for r, a in seen["status"].get("allocatable", {}).items() if "/" in r}
        ready = is_true(seen, "Ready") and not seen["spec"].get("taints")
        return ready and dict(node.devices).items() <= offered.items()

    def _trial(self, node: RealNode) -> str:
        """Return the phase of the pod that tries a node out; made where there is none, and again where it failed."""
        kubectl, namespace = self._world.kubectl, self._world.namespace
        name = f"try-{node.name}"
        phase = str((kubectl.find("pod", name, namespace) or {}).get("status", {}).get("phase", ""))
        if phase == "Failed":
            kubectl.delete("pod", name, namespace)
        if phase in ("", "Failed"):
            devices = {resource: str(count) for resource, count in node.devices.items()}
            container = {
                "name": "main",
                "image": self._world.built.trainer_image,
                "command": ["true"],
                "resources": {"limits": devices},
            }
            kubectl.create(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": {"nodeName": node.name, "restartPolicy": "Never", "containers": [container]},
                }
            )
        return phase
