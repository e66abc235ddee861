"""One real node of a running cluster: start it, break it, mend it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from localcluster.control import Supervision
from localcluster.errors import FleetError, StartError
from localcluster.realnode import images, machine, network
from localcluster.realnode.commands import PARTS, part
from localcluster.realnode.plan import Plan, RealNode, device_id


class Node:
    """A handle on one real node.

    Attributes:
        name: Its name in the cluster.
        address: Its address on the bridge; this machine reaches it, and its pods, directly.
    """

    def __init__(self, plan: Plan, name: str, supervision: Supervision, logs: Path) -> None:
        """Take hold of a node.

        Raises:
            FleetError: the plan has no such node.
        """
        self.spec: RealNode = plan.nodes[plan.index(name)]
        self.name = name
        self.address = plan.address(name)
        self._plan = plan
        self._home = plan.home(name)
        self._supervision = supervision
        self._logs = logs

    # -- the machine -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Switch the machine on: containerd, kubelet and device plugin. What lies on its disk is still there.

        Does not wait until the node is Ready. What runs already is left alone.

        Raises:
            StartError: something did not come up; the message holds the end of its log.
        """
        pid = self._home / machine.PID
        if not self._running(self.name):
            pid.unlink(missing_ok=True)  # of its former life
            self._run(self.name)
        self._await(pid.exists, self.name)
        containerd = part(self.name, "containerd")
        self._run(containerd)
        self._await(self._containerd_answers, containerd)
        images.bring(self._plan, self.name)
        self.start_kubelet()
        self.start_plugin()

    def kill(self) -> None:
        """Cut the power: everything on the node is gone at once and says nothing. Its disk is kept for `start`."""
        # First the cable: processes that are killed still take leave of their peers, as no machine without power does.
        if self._running(self.name):
            network.plug(self._plan, self.name, in_=False)
        self._supervision.kill(self.name)
        deadline = time.monotonic() + 10
        while any(self._running(part(self.name, what)) for what in PARTS):
            if time.monotonic() > deadline:
                raise StartError(f"parts of {self.name} still run 10 s after its machine was killed")
            time.sleep(0.02)

    def partition(self) -> None:
        """Pull the network cable: everything on the node runs on and reaches nobody."""
        network.plug(self._plan, self.name, in_=False)

    def heal(self) -> None:
        """Put the network cable back."""
        network.plug(self._plan, self.name, in_=True)

    def stop_containerd(self) -> None:
        """Kill containerd: kubelet says the node is not ready; containers run on. `start` brings it back."""
        self._supervision.kill(part(self.name, "containerd"))

    # -- kubelet and device plugin ---------------------------------------------------------------------------------

    def stop_kubelet(self) -> None:
        """Kill kubelet; containers run on."""
        self._supervision.kill(part(self.name, "kubelet"))

    def start_kubelet(self) -> None:
        """Start kubelet, if it does not run already."""
        self._run(part(self.name, "kubelet"))

    def restart_kubelet(self) -> None:
        """Kill kubelet and start it again."""
        self.stop_kubelet()
        self.start_kubelet()

    def stop_plugin(self) -> None:
        """Kill the device plugin: kubelet then offers none of its devices, and pods keep those they hold."""
        self._supervision.kill(part(self.name, "plugin"))

    def start_plugin(self) -> None:
        """Start the device plugin, if the node has devices and it does not run already."""
        if self.spec.devices:
            self._run(part(self.name, "plugin"))

    def devices(self) -> dict[str, dict[str, bool]]:
        """Tell of every device, by resource and id, whether it is healthy."""
        found: dict[str, dict[str, bool]] = json.loads((self._home / "devices.json").read_text())
        return found

    def set_device_health(self, resource: str, index: int, *, healthy: bool) -> None:
        """Make one device healthy or unhealthy. It stays so while the plugin or the node is down.

        Args:
            resource: Extended resource, for example "nvidia.com/gpu".
            index: Which of the node's devices, from 0.
            healthy: What the plugin says from now on.

        Raises:
            FleetError: the node has no such device.
        """
        devices = self.devices()
        identity = device_id(resource, index)
        if identity not in devices.get(resource, {}):
            offered = ", ".join(f"{len(ids)} x {name}" for name, ids in devices.items()) or "no devices"
            raise FleetError(f"node {self.name} has no device {index} of {resource!r}; it has {offered}.")
        devices[resource][identity] = healthy
        write_devices(self._home, devices)

    def fail_devices(self, resource: str, count: int) -> None:
        """Make exactly the first `count` devices of a resource unhealthy, as `faults.fail_devices` for simulated ones.

        Raises:
            FleetError: the node has fewer.
        """
        for index in range(max(count, self.spec.devices.get(resource, 0))):
            self.set_device_health(resource, index, healthy=index >= count)

    # -- starting --------------------------------------------------------------------------------------------------

    def _run(self, component: str) -> None:
        self._supervision.start(component)

    def _running(self, component: str) -> bool:
        child = self._supervision.children().get(component)
        return child is not None and child.exit is None

    def _containerd_answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._plan.socket(self.name)))
            except OSError:
                return False
        return True

    def _await(self, holds: Callable[[], bool], component: str, within: float = 60.0) -> None:
        deadline = time.monotonic() + within
        log = self._logs / f"{component}.log"
        while not holds():
            child = self._supervision.children().get(component)
            if child is not None and child.exit is not None:
                last = "\n".join(log.read_text(errors="replace").strip().splitlines()[-5:])
                raise StartError(f"{component} ended with {child.exit} while starting; end of {log}:\n{last}")
            if time.monotonic() > deadline:
                raise StartError(f"{component} did not come up within {within:.0f} s; see {log}")
            time.sleep(0.02)


def write_devices(home: Path, devices: dict[str, dict[str, bool]]) -> None:
    """Tell a node's device plugin how its devices are, all at once."""
    draft = home / "devices.json.new"
    draft.write_text(json.dumps(devices, indent=2))
    os.replace(draft, home / "devices.json")
