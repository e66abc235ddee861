"""The document that all pods of a gang share: the user's template, completed.

What the user wrote stays; what makes a gang a gang is added: identity, owner, accelerators, node, variables,
shared memory. Marks stand where workers differ; `pods` fills them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crosstree.base.errors import SpecError
from crosstree.base.names import (
    LABEL_ATTEMPT,
    LABEL_CLUSTER,
    LABEL_INDEX,
    LABEL_JOB,
    LABEL_ROLE,
    TRAINER_CONTAINER,
    WORKER_ROLE,
    slug,
)
from crosstree.core.cluster import Binding
from crosstree.core.job import Job
from crosstree.frameworks import COMMON_PREFIX, framework, is_reserved
from crosstree.manifests.owner import owner_reference

SHARED_MEMORY = "/dev/shm"  # noqa: S108 (a path inside the container)
SHARED_MEMORY_VOLUME = "crosstree-shared-memory"

NODE_FIELD = "metadata.name"
"""The one field that node affinity can match."""

SHORTEST_GRACE = 1
"""Seconds a worker has at least to end in. With 0 a deleted pod is gone from the API server at once, whether or not
its node has heard of it: on a node that is silent it would run on while the next attempt begins."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Text that stands for what differs between workers. `stem` begins every mark."""

    stem: str
    name: str
    index: str
    node: str
    common: str
    """An element of an `env` list, in place of the common variables."""
    trainer: str
    """The same in the trainer container, where the framework's variables come on top."""

    @classmethod
    def numbered(cls, number: int) -> Marks:
        """Return the marks of a number: another number, other marks."""
        stem = f"@crosstree-{number}-"
        return cls(stem, *(f"{stem}{what}@" for what in ("name", "index", "node", "common", "trainer")))


def document(job: Job, resource: str, marks: Marks, *, attempt: int, binding: Binding) -> dict[str, Any]:
    """Return the pod that all workers share, JSON-ready; parts of the job's template are used in place.

    Raises:
        SpecError: no container can be told to be the trainer, or the framework is unknown.
    """
    template = job.template
    meta = template.get("metadata") or {}
    metadata: dict[str, Any] = {
        "name": marks.name,
        "namespace": job.namespace,
        "labels": {**(meta.get("labels") or {}), **_labels(job, marks, attempt)},
        "ownerReferences": [owner_reference(job)],
    }
    if meta.get("annotations"):
        metadata["annotations"] = meta["annotations"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": _spec(job, resource, marks, binding=binding),
    }


def trainer_of(job: Job) -> int:
    """Return which container gets the accelerators: `trainer`, or the only one.

    Raises:
        SpecError: there is no such container.
    """
    containers = (job.template.get("spec") or {}).get("containers") or []
    names = [str(container.get("name")) for container in containers]
    if TRAINER_CONTAINER in names:
        return names.index(TRAINER_CONTAINER)
    if len(names) == 1:
        return 0
    raise SpecError(
        f"TrainingJob {job.key}: spec.template.spec.containers are {', '.join(names) or 'none'}; name the one "
        f"that trains {TRAINER_CONTAINER!r}."
    )


def _labels(job: Job, marks: Marks, attempt: int) -> dict[str, str]:
    labels = {
        LABEL_JOB: job.name,
        LABEL_ROLE: WORKER_ROLE,
        LABEL_INDEX: marks.index,
        LABEL_ATTEMPT: str(attempt),
    }
    return {**labels, LABEL_CLUSTER: slug(job.cluster)} if job.cluster else labels


def _spec(job: Job, resource: str, marks: Marks, *, binding: Binding) -> dict[str, Any]:
    given: Mapping[str, Any] = job.template.get("spec") or {}
    trainer = trainer_of(job)
    spec = {
        **given,
        "hostname": marks.name,
        "subdomain": job.name,
        "restartPolicy": "Never",
        "containers": [
            _trainer(job, container, resource, marks) if place == trainer else _helper(container, marks)
            for place, container in enumerate(given.get("containers") or [])
        ],
    }
    if given.get("terminationGracePeriodSeconds") == 0:
        spec["terminationGracePeriodSeconds"] = SHORTEST_GRACE
    if given.get("initContainers"):
        spec["initContainers"] = [_helper(container, marks) for container in given["initContainers"]]
    if not _mounts_shared_memory(given["containers"][trainer]):
        volume = {"name": SHARED_MEMORY_VOLUME, "emptyDir": {"medium": "Memory"}}
        volumes = given.get("volumes") or ()
        # What is no list passes through: the API server refuses the pods, and says why.
        spec["volumes"] = [*volumes, volume] if isinstance(volumes, Sequence) else volumes
    if job.gang.devices and resource:
        spec["tolerations"] = _tolerations(given.get("tolerations") or (), resource)
    if job.priority_class and not given.get("priorityClassName"):
        spec["priorityClassName"] = job.priority_class
    match binding:
        case Binding.DIRECT:
            spec["nodeName"] = marks.node
        case Binding.SCHEDULER:
            spec["affinity"] = _pinned(given.get("affinity") or {}, marks.node)
    return spec


def _trainer(job: Job, container: Mapping[str, Any], resource: str, marks: Marks) -> dict[str, Any]:
    made = {**container, "env": [marks.trainer, *_user_env(job, container)]}
    if job.gang.devices and resource:
        given = container.get("resources") or {}
        devices = {resource: str(job.gang.devices)}
        made["resources"] = {
            **given,
            "limits": {**(given.get("limits") or {}), **devices},
            "requests": {**(given.get("requests") or {}), **devices},
        }
    if not _mounts_shared_memory(container):
        mount = {"name": SHARED_MEMORY_VOLUME, "mountPath": SHARED_MEMORY}
        made["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
    return made


def _helper(container: Mapping[str, Any], marks: Marks) -> dict[str, Any]:
    given = container.get("env") or ()
    kept = [entry for entry in given if not str(entry.get("name")).startswith(COMMON_PREFIX)]
    return {**container, "env": [marks.common, *kept]}


def _user_env(job: Job, container: Mapping[str, Any]) -> list[Any]:
    # The API refuses reserved names; one that got in all the same must not come after ours and win.
    plugin = framework(job.framework)
    return [entry for entry in container.get("env") or () if not is_reserved(plugin, str(entry.get("name")))]


def _mounts_shared_memory(container: Mapping[str, Any]) -> bool:
    mounts = container.get("volumeMounts") or ()
    if not isinstance(mounts, Sequence):
        return True  # nothing to add to; the API server refuses the pods, and says why
    paths = [mount.get("mountPath") for mount in mounts if isinstance(mount, Mapping)]
    return any(str(path).rstrip("/") == SHARED_MEMORY for path in paths)


def _tolerations(given: Sequence[Any], resource: str) -> list[Any]:
    """Add what the ExtendedResourceToleration admission plugin would, which is off in many clusters."""
    ours = {"key": resource, "operator": "Exists", "effect": "NoSchedule"}
    return [*given] if ours in given else [*given, ours]


def _pinned(affinity: Mapping[str, Any], node: str) -> dict[str, Any]:
    """Add the node to every alternative of the user's required node affinity: they are ORed, ours is ANDed."""
    pin = {"key": NODE_FIELD, "operator": "In", "values": [node]}
    node_affinity: Mapping[str, Any] = affinity.get("nodeAffinity") or {}
    required = node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = [
        {**term, "matchFields": [*(term.get("matchFields") or ()), pin]}
        for term in required.get("nodeSelectorTerms") or [{}]
    ]
    return {
        **affinity,
        "nodeAffinity": {
            **node_affinity,
            "requiredDuringSchedulingIgnoredDuringExecution": {**required, "nodeSelectorTerms": terms},
        },
    }
