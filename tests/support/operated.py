"""A cluster with an operator at work on it: the questions and the deeds of the tests about whole jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import localcluster
from crosstree.base.names import LABEL_INDEX, LABEL_JOB, slug
from localcluster import faults
from localcluster.fleet import Fleet
from tests.support.control_plane import ControlPlane, given
from tests.support.kubectl import Kubectl
from tests.support.objects import a_cluster
from tests.support.operator_process import ROOT, OperatorProcess
from tests.support.pod_record import PodRecord
from tests.support.reminder import Reminder
from tests.support.waiting import eventually

Json = dict[str, Any]
SOON = 60.0
"""Seconds in which things happen that take one or two on an idle machine."""


@dataclass
class Operated:
    """A local cluster that knows our kinds.

    Attributes:
        local: The control plane and its simulated nodes.
        kubectl: kubectl on it.
        record: Everything that happened to the pods of jobs.
        namespace: Where this test works.
    """

    local: localcluster.Cluster
    kubectl: Kubectl
    record: PodRecord
    namespace: str = "default"

    @property
    def plane(self) -> ControlPlane:
        return ControlPlane(self.local.kubeconfig, self.kubectl, self.local)

    def apply(self, *objects: Json) -> None:
        self.kubectl.apply(*objects, namespace=self.namespace)

    def job(self, name: str = "train") -> Json:
        # Asked many times a second while a test waits: kept-alive connections cost a hundredth of a kubectl each.
        path = f"/apis/crosstree.dev/v1alpha1/namespaces/{self.namespace}/trainingjobs/{name}"
        return self.local.api.get(path)

    def status(self, name: str = "train") -> Json:
        found: Json = self.job(name).get("status", {})
        return found

    def condition(self, kind: str, name: str = "train") -> Json:
        found = [one for one in self.status(name).get("conditions", ()) if one["type"] == kind]
        return found[0] if found else {}

    def patch(self, name: str, **spec: Any) -> None:
        self.kubectl(
            "-n", self.namespace, "patch", "tj", name, "--type=merge", "-p", json.dumps({"spec": spec})
        )

    def pods(self, name: str = "train") -> list[Json]:
        """The pods of a job, by index."""
        chosen = quote(f"{LABEL_JOB}={name}")
        found = self._listed(f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={chosen}")
        return sorted(found, key=lambda pod: int(pod["metadata"]["labels"][LABEL_INDEX]))

    def nodes_of(self, name: str = "train") -> list[str]:
        """The node of each worker, by index."""
        return [pod["spec"].get("nodeName", "") for pod in self.pods(name)]

    def wait(
        self, until: Callable[[Json], object], name: str = "train", *, within: float = SOON, what: str = ""
    ) -> Json:
        """Wait until a job's status is as it should be, and return it."""
        return eventually(
            lambda: self.status(name),
            until=lambda seen: bool(until(seen)),
            within=within,
            what=what or f"job {name} came so far",
        )

    def runs(self, name: str = "train", attempt: int = 1) -> Json:
        """Wait until this attempt of a job runs."""
        return self.wait(
            lambda seen: (seen.get("phase"), seen.get("attempt")) == ("Running", attempt),
            name,
            what=f"attempt {attempt} of job {name} ran",
        )

    def phase(self, phase: str, name: str = "train") -> Json:
        return self.wait(lambda seen: seen.get("phase") == phase, name, what=f"job {name} was {phase}")

    def finish(self, name: str = "train") -> None:
        """Let every worker of a job end well."""
        for pod in self.pods(name):
            faults.fail_pod(self.local.api, self.namespace, pod["metadata"]["name"], exit_code=0)

    def fail(self, index: int, name: str = "train", **how: Any) -> None:
        """Let one worker of a job end badly."""
        faults.fail_pod(self.local.api, self.namespace, f"{name}-worker-{index}", **how)

    def events(self, name: str = "train") -> list[tuple[str, str]]:
        """Reasons and messages of the Events about a job."""
        found = self._listed(f"/api/v1/namespaces/{self.namespace}/events")
        return [(one["reason"], one["message"]) for one in found if one["involvedObject"]["name"] == name]

    def overbooked(self) -> list[str]:
        """Nodes whose pods ask for more of an extended resource than there is, counted from nothing but the API."""
        used: dict[tuple[str, str], int] = {}
        for pod in self._listed("/api/v1/pods"):
            if pod["status"].get("phase") in ("Succeeded", "Failed") or not pod["spec"].get("nodeName"):
                continue
            for container in pod["spec"]["containers"]:
                for resource, amount in container.get("resources", {}).get("requests", {}).items():
                    if "/" in resource:
                        place = pod["spec"]["nodeName"], resource
                        used[place] = used.get(place, 0) + int(amount)
        offered = {
            node["metadata"]["name"]: node["status"]["allocatable"] for node in self._listed("/api/v1/nodes")
        }
        return [
            f"{node}: {amount} of {offered[node].get(resource, 0)} {resource}"
            for (node, resource), amount in sorted(used.items())
            if amount > int(offered[node].get(resource, 0))
        ]

    def mend(self) -> None:
        """Undo what a test did to nodes: silence, lost devices, cordons, and taints named `test`."""
        for node in self._listed("/api/v1/nodes"):
            name, meta = node["metadata"]["name"], node["metadata"]
            if faults.FAILED in meta.get("annotations", {}):
                faults.heal_node(self.local.api, name)
            for resource, amount in node["status"]["capacity"].items():
                if "/" in resource and node["status"]["allocatable"].get(resource) != amount:
                    faults.fail_devices(self.local.api, name, resource, 0)
            if node["spec"].get("unschedulable"):
                self.kubectl("uncordon", name)
            if any(taint["key"] == "test" for taint in node["spec"].get("taints", ())):
                self.kubectl("taint", "node", name, "test-")

    def _listed(self, path: str) -> list[Json]:
        found: list[Json] = self.local.api.get(path)["items"]
        return found

    @contextmanager
    def apart(self, test: str) -> Iterator[Operated]:
        """Give a test a namespace of its own, and empty nodes to the next one."""
        own = replace(self, namespace=slug(f"t-{test.removeprefix('test_')}", 50))
        self.kubectl("create", "namespace", own.namespace)
        yield own
        self.kubectl("delete", "trainingjobs", "--all", "--all-namespaces", "--wait=false")
        self.kubectl(
            "delete", "pods", "--all", "--all-namespaces", "--force", "--grace-period=0", "--wait=false"
        )
        self.kubectl.delete("namespace", own.namespace, wait=False)
        jobs, pods = "/apis/crosstree.dev/v1alpha1/trainingjobs", "/api/v1/pods"
        eventually(
            lambda: self._listed(jobs) + self._listed(pods),
            until=lambda left: not left,
            within=SOON,
            what="the nodes were empty",
        )

    @contextmanager
    def first_day(self, test: str) -> Iterator[Operated]:
        """The same with no AICluster, pool or queue, neither before the test nor after it."""
        kinds = "aiclusters,acceleratorpools,jobqueues"
        with self.apart(test) as own:
            yield own
        self.kubectl("delete", kinds, "--all")
        eventually(lambda: not self.kubectl.list(kinds), within=30, what="nothing of ours was left")


@contextmanager
def bare(*groups: Json, **options: Any) -> Iterator[Operated]:
    """Start a local cluster with these groups of nodes, which does not know our kinds yet.

    Args:
        groups: Of nodes.
        options: Handed to `localcluster.Cluster`.
    """
    if given() is not None:
        pytest.skip("breaks its cluster: runs on a local one only")
    fleet = Fleet.parse({"groups": list(groups)})
    with localcluster.Cluster(fleet=fleet, audit=True, **options) as local:
        kubectl = Kubectl(local.bin / "kubectl", local.kubeconfig)
        with PodRecord(local) as record, Reminder(local):
            yield Operated(local, kubectl, record)


@contextmanager
def installed(*groups: Json, **options: Any) -> Iterator[Operated]:
    """The same with our kinds; no operator runs yet."""
    with bare(*groups, **options) as world:
        world.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        world.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield world


@contextmanager
def operated(folder: Path, *groups: Json, clusters: tuple[Json, ...] = ()) -> Iterator[Operated]:
    """The same with AIClusters (one if none is given) and an operator at work."""
    with installed(*groups) as world:
        world.kubectl.apply(*(clusters or (a_cluster(),)))
        with OperatorProcess(world.local.kubeconfig, folder):
            eventually(
                lambda: all(one.get("status", {}).get("pools") for one in world.kubectl.list("aiclusters")),
                within=SOON,
            )
            yield world


def h100(nodes: int, *, leaf: int = 4, **more: Any) -> Json:
    """Eight-GPU machines: `leaf` of them on a leaf switch, two leaves on a spine."""
    fabric = {"style": "topograph-legacy", "leafSize": leaf, "leavesPerSpine": 2}
    return {"profile": "nvidia-h100-sxm-8", "count": nodes, "fabric": fabric, **more}
