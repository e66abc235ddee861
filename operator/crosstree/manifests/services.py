"""The headless Service that gives a gang's workers their names."""

from __future__ import annotations

from crosstree.base.names import LABEL_JOB
from crosstree.core.job import Job
from crosstree.frameworks import framework
from crosstree.manifests.owner import owner_reference


def service(job: Job) -> dict[str, object]:
    """Return the Service of a job: one for its whole life, whatever the attempt.

    Names resolve before pods are ready: workers look each other up while they start, and a readiness probe
    that waits for its peers must not wait for ever.
    """
    spec: dict[str, object] = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {LABEL_JOB: job.name},
    }
    ports = framework(job.framework).ports
    if ports:
        spec["ports"] = [{"name": port.name, "port": port.number, "protocol": "TCP"} for port in ports]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": job.name,
            "namespace": job.namespace,
            "labels": {LABEL_JOB: job.name},
            "ownerReferences": [owner_reference(job)],
        },
        "spec": spec,
    }
