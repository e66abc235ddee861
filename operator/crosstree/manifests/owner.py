"""What ties a child to its TrainingJob: the owner reference and the labels."""

from __future__ import annotations

from crosstree.base.names import API_VERSION
from crosstree.core.job import Job


def owner_reference(job: Job) -> dict[str, object]:
    """Return the reference by which the garbage collector removes a child together with its job."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "name": job.name,
        "uid": job.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
