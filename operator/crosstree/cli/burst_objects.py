"""The work that `bench cluster` submits, as ready bytes: TrainingJobs, or the same gangs for kube-scheduler alone.

Pure. Field names of the peer: `scheduling.k8s.io/v1beta1` PodGroup and `pod.spec.schedulingGroup` of
Kubernetes 1.37 (KEP-4671 gang scheduling, KEP-5732 topology-aware workload scheduling).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from crosstree.base.errors import SpecError
from crosstree.base.names import API_VERSION, GROUP, VERSION

PODS = "/api/v1/namespaces/{namespace}/pods"
PODGROUPS = "/apis/scheduling.k8s.io/v1beta1/namespaces/{namespace}/podgroups"
JOBS = f"/apis/{GROUP}/{VERSION}/namespaces/{{namespace}}/trainingjobs"


class Case(Enum):
    """What is submitted at once."""

    GANGS = "gangs"
    SINGLE_GANG = "single-gang-512"
    SINGLES = "singles-200"


@dataclass(frozen=True, slots=True)
class Shape:
    """`gangs` gangs of `workers` pods of `per_worker` accelerators, each gang inside one domain of `level`.

    `level` empty asks for no topology. `strict` demands one domain; else it is a preference, which only
    TrainingJobs can say.
    """

    gangs: int
    workers: int
    per_worker: int
    level: str
    strict: bool = True

    @property
    def pods(self) -> int:
        """Pods of all gangs together."""
        return self.gangs * self.workers


@dataclass(frozen=True, slots=True)
class Post:
    """One object to create: collection and body."""

    path: str
    body: bytes


def shape_of(case: Case, asked: Shape) -> Shape:
    """Return what a case submits: the gangs as asked, or the two fixed sizes of S4."""
    match case:
        case Case.GANGS:
            return asked
        case Case.SINGLE_GANG:
            # 512 workers fit in no leaf: they ask for as few as possible.
            return Shape(1, 512, asked.per_worker, asked.level, strict=False)
        case Case.SINGLES:
            return Shape(200, 1, asked.per_worker, "")


def training_jobs(
    shape: Shape, *, namespace: str, cluster: str, resource: str, name: str = "g{}"
) -> list[Post]:
    """Make one TrainingJob per gang, each named after its number."""
    topology = {"required" if shape.strict else "preferred": shape.level} if shape.level else None
    posts: list[Post] = []
    for number in range(shape.gangs):
        spec: dict[str, Any] = {
            "cluster": cluster,
            "framework": {"name": "custom"},
            "workers": shape.workers,
            "accelerators": {"perWorker": shape.per_worker, "vendor": _vendor(resource)},
            "template": {"spec": _pod_spec(resource, None)},
        }
        if topology:
            spec["topology"] = topology
        body = {
            "apiVersion": API_VERSION,
            "kind": "TrainingJob",
            "metadata": {"name": name.format(number), "namespace": namespace},
            "spec": spec,
        }
        posts.append(Post(JOBS.format(namespace=namespace), json.dumps(body).encode()))
    return posts


def impossible_job(*, namespace: str, cluster: str, resource: str, name: str) -> Post:
    """Make a TrainingJob that can't run: one worker wants more accelerators than any node has."""
    body = {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "cluster": cluster,
            "framework": {"name": "custom"},
            "workers": 100_000,
            "accelerators": {"perWorker": 1, "vendor": _vendor(resource)},
            "template": {"spec": _pod_spec(resource, None)},
        },
    }
    return Post(JOBS.format(namespace=namespace), json.dumps(body).encode())


def pod_groups(shape: Shape, *, namespace: str, level_label: str, resource: str) -> list[Post]:
    """Make the same gangs for kube-scheduler: each PodGroup before its pods, gang after gang.

    A gang of one pod gets no group: kube-scheduler needs none for it. A preference can't be said, so a gang
    without a strict level asks for no topology, as its users have to.
    """
    posts: list[Post] = []
    for number in range(shape.gangs):
        name = f"g{number}"
        grouped = shape.workers > 1
        if grouped:
            spec: dict[str, Any] = {"schedulingPolicy": {"gang": {"minCount": shape.workers}}}
            if shape.level and shape.strict:
                spec["schedulingConstraints"] = {"topology": [{"key": level_label}]}
            group = {
                "apiVersion": "scheduling.k8s.io/v1beta1",
                "kind": "PodGroup",
                "metadata": {"name": name, "namespace": namespace},
                "spec": spec,
            }
            posts.append(Post(PODGROUPS.format(namespace=namespace), json.dumps(group).encode()))
        for index in range(shape.workers):
            pod_spec = _pod_spec(resource, shape.per_worker) | {"restartPolicy": "Never"}
            if grouped:
                pod_spec["schedulingGroup"] = {"podGroupName": name}
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"{name}-{index}", "namespace": namespace},
                "spec": pod_spec,
            }
            posts.append(Post(PODS.format(namespace=namespace), json.dumps(pod).encode()))
    return posts


def _pod_spec(resource: str, count: int | None) -> dict[str, Any]:
    """A worker that needs next to nothing but accelerators; `count` None leaves those to Crosstree."""
    amounts: dict[str, str] = {"cpu": "100m", "memory": "64Mi"}
    if count is not None:
        amounts[resource] = str(count)
    resources: Mapping[str, Any] = {"requests": amounts, "limits": amounts}
    return {
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"key": resource, "operator": "Exists"}],
        "containers": [{"name": "trainer", "image": "pause", "resources": resources}],
    }


_VENDORS = {
    "nvidia.com": "nvidia",
    "amd.com": "amd",
    "huawei.com": "huawei",
    "cambricon.com": "cambricon",
    "google.com": "google",
    "habana.ai": "intel",
}


def _vendor(resource: str) -> str:
    """Name the vendor of an extended resource, so that both sides compete for the same nodes."""
    try:
        return _VENDORS[resource.partition("/")[0]]
    except KeyError:
        raise SpecError(
            f"--resource is {resource!r}, whose vendor this bench does not know; use one of "
            f"{', '.join(sorted(_VENDORS))}."
        ) from None
