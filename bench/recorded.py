"""Lists of a large cluster as an API server would hand them out: nodes, pods, our kinds, all of real size.

Made by rule, the same for the same numbers. Sizes follow real objects: a GPU node of 8 kB with its images and
`managedFields`, pods of 3.5 kB. Pods of gangs are made by the production code, and so are the statuses of running
jobs: an operator that adopts them has nothing to write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bench.furniture import (
    EPOCH,
    daemon,
    defaults,
    meta_of,
    pod_fields,
    running_status,
    stored,
    uid,
    whole_node,
)
from crosstree import translate
from crosstree.base.names import API_VERSION
from crosstree.core.cluster import Binding
from crosstree.core.job import Job
from crosstree.core.lifecycle import Hold, JobFacts, StorePlacement
from crosstree.core.plan import NodeShare, Place, Span
from crosstree.core.pods import PodFact, PodPhase
from crosstree.manifests.pods import GangPods
from crosstree.manifests.services import service
from crosstree.status import job as job_status
from localcluster.fleet import Fleet

Json = dict[str, Any]
Listed = Iterator[tuple[str, bytes]]
"""Key and JSON of objects."""

CLUSTER = "east"
POOL = f"{CLUSTER}-nvidia-h100-sxm"
NAMESPACE = "research"
RESOURCE = "nvidia.com/gpu"
DAEMONS = ("cilium", "node-exporter", "dcgm-exporter", "gpu-feature-discovery", "nvidia-device-plugin", "fluent-bit",
           "csi-node")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How large the cluster is.

    Attributes:
        nodes: Nodes of 8 accelerators.
        pods: Pods in all; what the gangs don't use are daemons.
        gangs: Running gangs. One in ten is wide: 256 workers of one accelerator; the others have 8 of 8.
        waiting: Workers, of 8 accelerators, of the one job that waits.
    """

    nodes: int = 12_500
    pods: int = 100_000
    gangs: int = 1_000
    waiting: int = 128


@dataclass(frozen=True, slots=True)
class RunningGang:
    """One running gang: its job as stored, and its pods."""

    job: Json
    pods: tuple[Json, ...]
    service: Json


class Recording:
    """Every list of one cluster. Methods yield objects as they would be listed."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._nodes = Fleet.load("h100-uniform").nodes(size.nodes)
        self._gangs = list(self._run())

    def nodes(self) -> Listed:
        """Nodes."""
        for number, node in enumerate(self._nodes):
            yield node["metadata"]["name"], _encoded(whole_node(node, number))

    def pods(self) -> Listed:
        """Pods: of the gangs first, then daemons, spread evenly."""
        ours = 0
        for gang in self._gangs:
            for pod in gang.pods:
                ours += 1
                yield _key(pod), _encoded(pod)
        shapes = [_encoded(daemon(name)) for name in DAEMONS]
        names = [node["metadata"]["name"] for node in self._nodes]
        for number in range(max(self._size.pods - ours, 0)):
            turn, at = divmod(number, len(names))
            name = f"{DAEMONS[turn % len(DAEMONS)]}-{number:06d}"
            body = shapes[turn % len(shapes)]
            for mark, value in (("@name@", name), ("@node@", names[at]), ("@uid@", uid(name))):
                body = body.replace(mark.encode(), value.encode())
            yield f"kube-system/{name}", body

    def jobs(self) -> Listed:
        """TrainingJobs: those that run, and the one that waits."""
        for gang in self._gangs:
            yield _key(gang.job), _encoded(gang.job)
        waiting = _job("waiting", self._size.waiting, 8)
        yield _key(waiting), _encoded(waiting)

    def services(self) -> Listed:
        """The Service of each gang."""
        for gang in self._gangs:
            yield _key(gang.service), _encoded(gang.service)

    def clusters(self) -> Listed:
        """The AICluster, of which nothing has been told yet."""
        made = {"apiVersion": API_VERSION, "kind": "AICluster", "metadata": meta_of(CLUSTER, ""), "spec": {}}
        yield CLUSTER, _encoded(made)

    def _run(self) -> Iterator[RunningGang]:
        """Give each gang the next nodes in line.

        Raises:
            ValueError: there are fewer nodes than the gangs need.
        """
        names = iter(node["metadata"]["name"] for node in self._nodes)
        for number in range(self._size.gangs):
            wide = number % 10 == 9
            workers, devices, per_node = (256, 1, 8) if wide else (8, 8, 1)
            firsts = range(0, workers, per_node)
            nodes = tuple(
                NodeShare(name, first, per_node) for first, name in zip(firsts, names, strict=False)
            )
            if len(nodes) < len(firsts):
                raise ValueError(f"{self._size.nodes} nodes do not hold {self._size.gangs} gangs")
            yield _running(_job(f"train-{number:04d}", workers, devices), nodes)


def _running(raw: Json, nodes: tuple[NodeShare, ...]) -> RunningGang:
    """Let the production code write the status and the pods of a gang that has its place and runs."""
    job = translate.job(raw)
    spans = (Span("leaf", max(len(nodes) // 16, 1), max(len(nodes) // 16, 1)),)
    place = Place(job.key, job.uid, POOL, "nvidia-h100-sxm", RESOURCE, nodes, spans)
    raw["status"] = job_status.build(JobFacts(job, now=EPOCH), StorePlacement(place))
    job = translate.job(raw)
    pods = tuple(_worker(job, index, node) for index, node in _seats(nodes))
    facts = JobFacts(job, pods=pods, now=EPOCH + 20)
    for now in (EPOCH + 20, EPOCH + 40):  # a status that says it runs, then one that nothing would change
        facts = replace(facts, job=job, now=now)
        raw["status"] = job_status.build(facts, Hold())
        job = translate.job(raw)
    placement = job.progress.placement
    assert placement is not None
    bodies = GangPods(job, placement, attempt=1, binding=Binding.SCHEDULER)
    fields = pod_fields("crosstree", json.loads(bodies.body(0))["spec"]["containers"])
    made = tuple(_stored_pod(bodies.body(pod.index), pod, fields) for pod in pods)
    return RunningGang(raw, made, stored(dict(service(job))))


def _seats(nodes: tuple[NodeShare, ...]) -> Iterator[tuple[int, str]]:
    for share in nodes:
        for index in range(share.first, share.first + share.count):
            yield index, share.name


def _worker(job: Job, index: int, node: str) -> PodFact:
    name = f"{job.name}-worker-{index}"
    return PodFact(
        name=name, uid=uid(f"{job.key}-{index}"), job_uid=job.uid, index=index, attempt=1, node=node, ready=True,
        phase=PodPhase.RUNNING, created=EPOCH,
    )  # fmt: skip


def _job(name: str, workers: int, devices: int) -> Json:
    container = {
        "name": "trainer",
        "image": "registry.example/research/llm-pretrain:2026.10.3",
        "command": ["python", "-m", "pretrain", "--config", "/etc/pretrain/70b.yaml"],
        "resources": {"requests": {"cpu": "16", "memory": "200Gi"}},
    }
    spec = {
        "cluster": CLUSTER,
        "queue": "default",
        "framework": {"name": "pytorch"},
        "workers": workers,
        "accelerators": {"perWorker": devices, "vendor": "nvidia", "models": []},
        "topology": {"preferred": "leaf"},
        "template": {"spec": {"containers": [container]}},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": meta_of(name, NAMESPACE),
        "spec": spec,
    }


def _stored_pod(body: bytes, fact: PodFact, fields: list[Json]) -> Json:
    """Add what the API server, the scheduler and the kubelet add to a pod of ours."""
    pod = stored(msgspec.json.decode(body))
    pod["metadata"] |= {"uid": fact.uid, "managedFields": fields}
    pod["spec"] |= {"nodeName": fact.node, **defaults()}
    pod["status"] = running_status("trainer")
    return pod


def _key(one: Json) -> str:
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"


def _encoded(one: Json) -> bytes:
    return msgspec.json.encode(one)
