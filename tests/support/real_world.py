"""Three real nodes with fake devices, and the operator on them as an admin installs it: two replicas from the chart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import localcluster
from crosstree.base.names import API_VERSION
from localcluster.realnode import RealNode
from tests.support.kubectl import Kubectl
from tests.support.pod_record import PodRecord
from tests.support.waiting import eventually
from tools.image import facts
from tools.trainer import make as trainer

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "crosstree"
WORKLOADS = ROOT / "tests" / "e2e" / "workloads"

NAMESPACE = "crosstree-system"
GPU, AMD, ASCEND = "nvidia.com/gpu", "amd.com/gpu", "huawei.com/Ascend910"

SOON = 120.0
"""Seconds until what takes one or two on an idle machine: nobody waits them out, but on a busy one all takes longer."""
STARTS = 180.0
"""Seconds until a torch job trains: two imports of torch a pod, on a machine that does all of it at once."""
TRAINS = 300.0
"""Seconds until a job that was disturbed has ended."""
LONGEST = 1200.0
"""Seconds for one test with its start and its end: more than it waits for in all, so that it says what came late."""
UNREACHABLE = 8.0
"""`unreachableTimeout` of the AICluster here, in seconds."""

TORCHRUN = (
    "exec python3 -m torch.distributed.run /train/train.py "
    '> "/checkpoints/worker-$CROSSTREE_INDEX-attempt-$CROSSTREE_ATTEMPT.log" 2>&1'
)
"""What a worker runs. It speaks to a file beside the checkpoints: a pod that is deleted takes its own log along."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Built:
    """What has to be made before: the archives of two images, and PyTorch.

    Attributes:
        operator: OCI archive of the operator's image.
        image: Its name as (repository, tag).
        trainer: OCI archive of an image with Python and a shell.
        trainer_image: Its name.
        torch: Folder that has PyTorch in it.
    """

    operator: Path
    image: tuple[str, str]
    trainer: Path
    trainer_image: str
    torch: Path

    @classmethod
    def found(cls) -> Built:
        """Take what `make image` left in out/, and the trainer from the cache.

        Raises:
            AssertionError: the operator's image has not been made.
        """
        made = facts.release()
        archive = ROOT / "out" / f"crosstree-{made.version}.oci.tar"
        assert archive.exists(), (
            f"{archive} is missing: `make test-e2e` makes it first, `make image` alone too."
        )
        repository, _, tag = made.name.rpartition(":")
        return cls(archive, (repository, tag), trainer.image(print), trainer.NAME, trainer.torch(print))


@dataclass
class World:
    """A cluster of real nodes with the operator in it.

    Attributes:
        local: The cluster.
        kubectl: kubectl as its admin.
        built: What the pods are made from.
        record: Every change of every worker since the start.
        shared: Folder that every node sees under the same path: where checkpoints go.
        folders: What of it is whose, by the name of the job.
    """

    local: localcluster.Cluster
    kubectl: Kubectl
    built: Built
    record: PodRecord
    shared: Path
    namespace: str = "default"
    folders: dict[str, Path] = field(default_factory=dict)

    # -- helm ------------------------------------------------------------------------------------------------------

    def helm(self, *arguments: str) -> str:
        """Run helm as a user does and return what it printed."""
        done = subprocess.run(
            [str(self.local.bin / "helm"), *arguments, "--namespace", NAMESPACE],
            env={**os.environ, "KUBECONFIG": str(self.local.kubeconfig), "HOME": str(self.shared)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def install(self) -> None:
        """Install the chart and wait until both replicas are ready."""
        repository, tag = self.built.image
        self.helm(
            *("install", "crosstree", str(CHART), "--create-namespace", "--wait", "--timeout", "240s"),
            *("--set", f"image.repository={repository},image.tag={tag}"),
            *("--set", "resources.requests.cpu=10m"),
        )

    def operators(self) -> list[Json]:
        """Return the operator's pods that are ready."""
        pods = self.kubectl.list("pods", NAMESPACE, "app.kubernetes.io/name=crosstree")
        return [pod for pod in pods if is_true(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]]

    def leader(self) -> str:
        """Return the name of the pod that leads."""
        lease = self.kubectl.get("lease", "crosstree", namespace=NAMESPACE)
        return str(lease["spec"].get("holderIdentity", ""))

    def wait_led(self) -> str:
        """Wait until one of the operator's pods that are ready leads, and return its name."""
        return eventually(
            self.leader,
            until=lambda name: name in {pod["metadata"]["name"] for pod in self.operators()},
            within=SOON,
            what="one of the operator's pods led",
        )

    # -- jobs ------------------------------------------------------------------------------------------------------

    def train(self, name: str, *, steps: int, workers: int = 2, faults: int = 0, **spec: Any) -> None:
        """Start a PyTorch job that fills a node with each worker, and whose checkpoints survive it.

        So many `faults` must hit it before it ends: as many attempts stop short of their last step.
        """
        folder = self.shared / name
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        self.folders[name] = folder
        container = {
            "name": "trainer",
            "image": self.built.trainer_image,
            "command": ["sh", "-c", TORCHRUN],
            "env": [
                {"name": "PYTHONPATH", "value": "/opt/torch"},
                {"name": "OMP_NUM_THREADS", "value": "1"},
                {"name": "CHECKPOINT_DIR", "value": "/checkpoints"},
                {"name": "STEPS", "value": str(steps)},
                {"name": "FAULTS", "value": str(faults)},
            ],
            "volumeMounts": [
                {"name": "torch", "mountPath": "/opt/torch", "readOnly": True},
                {"name": "train", "mountPath": "/train", "readOnly": True},
                {"name": "checkpoints", "mountPath": "/checkpoints"},
                {"name": "tmp", "mountPath": "/tmp"},
            ],
        }
        volumes = [
            {"name": "torch", "hostPath": {"path": str(self.built.torch)}},
            {"name": "train", "hostPath": {"path": str(WORKLOADS)}},
            {"name": "checkpoints", "hostPath": {"path": str(folder)}},
            {"name": "tmp", "emptyDir": {}},
        ]
        template = {
            "spec": {"terminationGracePeriodSeconds": 2, "containers": [container], "volumes": volumes}
        }
        self.submit(
            name,
            framework={"name": "pytorch"},
            workers=workers,
            accelerators={"perWorker": 2, "models": ["nvidia-h100-sxm"]},
            template=template,
            **spec,
        )

    def submit(self, name: str, **spec: Any) -> None:
        """Apply a TrainingJob."""
        self.kubectl.apply(
            {
                "apiVersion": API_VERSION,
                "kind": "TrainingJob",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": spec,
            }
        )

    def job(self, name: str) -> Json:
        """Return a TrainingJob."""
        return self.kubectl.get("trainingjob", name, namespace=self.namespace)

    def status(self, name: str) -> Json:
        """Return the status of a TrainingJob; empty while there is none."""
        return dict(self.job(name).get("status", {}))

    def pods(self, name: str) -> list[Json]:
        """Return the worker pods of a job, by index."""
        found = self.kubectl.list("pods", self.namespace, f"crosstree.dev/job={name}")
        return sorted(found, key=lambda pod: int(pod["metadata"]["labels"]["crosstree.dev/index"]))

    def nodes_of(self, name: str) -> list[str]:
        """Return the nodes of a job's placement."""
        return [one["name"] for one in self.status(name).get("placement", {}).get("nodes", [])]

    def note(self, name: str, note: str) -> Json | None:
        """Return what the program of a job has noted; None if it has not yet."""
        path = self.folders[name] / f"{note}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def wait_placed(self, name: str) -> list[str]:
        """Wait until a job has a place and return its nodes."""
        return eventually(lambda: self.nodes_of(name), within=SOON, what=f"{name} had a place")

    def wait_saved(self, name: str) -> None:
        """Wait until a job has saved a checkpoint: from here on a fault must not cost all of its work.

        Raises:
            AssertionError: it did not, or it was stopped before: then the fault that follows is not its first.
        """
        saved = self.folders[name] / "checkpoint.pt"
        eventually(saved.exists, within=STARTS, what=f"{name} saved a checkpoint")
        restarts = self.status(name).get("restarts", [])
        assert restarts == [], f"{name} was stopped before anything was done to it: {restarts}"

    def wait_trained(self, name: str) -> Json:
        """Wait until a job has succeeded and return what it noted after its last step.

        Raises:
            AssertionError: it did not, or pods were doubled or overbooked on the way.
        """
        status = eventually(
            lambda: self.status(name),
            until=lambda seen: seen.get("phase") in ("Succeeded", "Failed"),
            within=TRAINS,
            every=0.5,
            what=f"{name} ended",
        )
        assert status["phase"] == "Succeeded", status
        assert self.record.violations(name, self.namespace) == []
        done = self.note(name, "done")
        assert done is not None, f"{name} succeeded without its last step"
        return done

    def overbooked(self) -> list[str]:
        """Return every node and resource of which more is given out than there is."""
        nodes = {node["metadata"]["name"]: node["status"] for node in self.kubectl.list("nodes")}
        used: dict[tuple[str, str], int] = {}
        for pod in self.kubectl.list("pods"):
            if pod["status"].get("phase") in ("Succeeded", "Failed") or not pod["spec"].get("nodeName"):
                continue
            for container in pod["spec"]["containers"]:
                for resource, amount in container.get("resources", {}).get("requests", {}).items():
                    if "/" in resource:
                        at = pod["spec"]["nodeName"], resource
                        used[at] = used.get(at, 0) + int(amount)
        return [
            f"{node}: {amount} of {nodes[node]['capacity'].get(resource, 0)} {resource}"
            for (node, resource), amount in sorted(used.items())
            if node in nodes and amount > int(nodes[node]["capacity"].get(resource, 0))
        ]


def is_true(thing: Json, condition: str) -> bool:
    """Tell whether a condition of an object stands at True."""
    conditions = thing.get("status", {}).get("conditions", [])
    return any(one["type"] == condition and one["status"] == "True" for one in conditions)


def fleet() -> list[RealNode]:
    """Three nodes on one leaf: all with NVIDIA devices, one also with AMD's and one with Huawei's."""
    fabric = {
        "network.topology.nvidia.com/leaf": "leaf-0",
        "network.topology.nvidia.com/spine": "spine-0",
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
    }
    return [
        RealNode("real-0", {GPU: 2}, fabric),
        RealNode("real-1", {GPU: 2, AMD: 2}, {**fabric, "amd.com/gpu.product-name": "AMD_Instinct_MI300X"}),
        RealNode("real-2", {GPU: 2, ASCEND: 2}, {**fabric, "accelerator-type": "module-910b-8"}),
    ]


@contextmanager
def real_world(built: Built, shared: Path) -> Iterator[World]:
    """Start three real nodes, install the chart, declare the cluster, and end all of it with the block."""
    shared.chmod(0o777)
    with localcluster.Cluster(nodes=0, real_nodes=fleet(), audit=True) as local:
        local.load_image(built.operator)
        local.load_image(built.trainer)
        kubectl = Kubectl(local.bin / "kubectl", local.kubeconfig)
        with PodRecord(local) as record:
            world = World(local, kubectl, built, record, shared)
            world.install()
            health = {
                "gracePeriod": "2s",
                "settlePeriod": "2s",
                "unreachableTimeout": f"{UNREACHABLE:.0f}s",
            }
            kubectl.apply(
                {
                    "apiVersion": API_VERSION,
                    "kind": "AICluster",
                    "metadata": {"name": "main"},
                    "spec": {"health": health},
                }
            )
            yield world
            shutil.rmtree(shared, ignore_errors=True)
