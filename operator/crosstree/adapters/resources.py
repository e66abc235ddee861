"""Where objects live on the API server: one value per resource we read or write, and its path."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from crosstree.base.names import API_VERSION


class Kind(StrEnum):
    """Kinds whose objects are kept whole."""

    CLUSTER = "AICluster"
    POOL = "AcceleratorPool"
    QUEUE = "JobQueue"
    JOB = "TrainingJob"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API: `api_version` as in objects, the plural of its path."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """Return the URL path of the collection, of one object or of its subresource.

        Without a namespace the collection of a namespaced resource is that of all namespaces.
        """
        parts = ["", "api" if "/" not in self.api_version else "apis", self.api_version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/".join(parts)


NODES = Resource("v1", "Node", "nodes", namespaced=False)
PODS = Resource("v1", "Pod", "pods", namespaced=True)
SERVICES = Resource("v1", "Service", "services", namespaced=True)
CONFIG_MAPS = Resource("v1", "ConfigMap", "configmaps", namespaced=True)
EVENTS = Resource("v1", "Event", "events", namespaced=True)
NAMESPACES = Resource("v1", "Namespace", "namespaces", namespaced=False)
PRIORITY_CLASSES = Resource("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", namespaced=False)
LEASES = Resource("coordination.k8s.io/v1", "Lease", "leases", namespaced=True)
CLUSTERS = Resource(API_VERSION, Kind.CLUSTER, "aiclusters", namespaced=False)
POOLS = Resource(API_VERSION, Kind.POOL, "acceleratorpools", namespaced=False)
QUEUES = Resource(API_VERSION, Kind.QUEUE, "jobqueues", namespaced=False)
JOBS = Resource(API_VERSION, Kind.JOB, "trainingjobs", namespaced=True)

OURS = (CLUSTERS, POOLS, QUEUES, JOBS)
"""Our own kinds, in the order in which they depend on each other."""

BY_PLURAL = {resource.plural: resource for resource in OURS}


def resource_of(path: str) -> str:
    """Return the plural that a URL path is about, with its subresource: `pods`, `trainingjobs/status`."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if len(parts) > 2 and parts[0] == "namespaces":
        parts = parts[2:]
    return "/".join((*parts[:1], *parts[2:3])) or "other"
