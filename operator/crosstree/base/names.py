"""Names of children, labels and annotations. Every name fits its Kubernetes limit and none collide.

A TrainingJob's own name is limited to `MAX_JOB_NAME` by its CRD, so pod and service names need no
hashing: `kubectl get pod train-worker-3` is what a user expects. Names built from free text go
through `slug`.
"""

from __future__ import annotations

import hashlib
import re

GROUP = "crosstree.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FIELD_MANAGER = "crosstree"

LABEL_JOB = f"{GROUP}/job"
LABEL_ROLE = f"{GROUP}/role"
LABEL_INDEX = f"{GROUP}/index"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_CLUSTER = f"{GROUP}/cluster"

ANNOTATION_CHECKPOINT = f"{GROUP}/checkpointed-at"
"""On a TrainingJob or one of its pods: up to when its work is saved, as an RFC 3339 time."""

MAX_LABEL = 63
"""Characters of a DNS label and of a label value (RFC 1123)."""

MAX_JOB_NAME = 40
"""Leaves 23 characters of a DNS label for `-<role>-<index>`: roles up to 16, indices up to 99,999."""

DEFAULT_QUEUE = "default"
WORKER_ROLE = "worker"
TRAINER_CONTAINER = "trainer"

_UNSAFE = re.compile(r"[^a-z0-9]+")


def pod_name(job: str, index: int, role: str = WORKER_ROLE) -> str:
    """Name the pod of one rank: `<job>-<role>-<index>`; also its hostname."""
    return f"{job}-{role}-{index}"


def slug(text: str, limit: int = MAX_LABEL) -> str:
    """Turn free text into a DNS label of at most `limit` characters.

    Text that had to be changed or cut ends in a hash of the original, so two texts never share a slug
    unless they were equal.
    """
    clean = _UNSAFE.sub("-", text.lower()).strip("-")
    if clean == text and clean and len(clean) <= limit:
        return clean
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    head = clean[: limit - len(digest) - 1].rstrip("-")
    return f"{head}-{digest}" if head else f"x-{digest}"


def pool_name(cluster: str, model: str, resource: str | None = None) -> str:
    """Name the AcceleratorPool of a model in a cluster; `resource` only where a model has several."""
    return slug(
        f"{cluster}-{model}" if resource is None else f"{cluster}-{model}-{resource.rsplit('/', 1)[-1]}"
    )
