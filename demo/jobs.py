"""The jobs of the demo as data, and how one becomes a TrainingJob."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NAMESPACE = "demo"
RECOVERS = "llm-finetune"
"""The job whose node is taken away."""
IMPOSSIBLE = "too-wide"
"""The job that can never run, and has to say so."""
RESERVES = "llm-eval"
"""The job that waits for a leaf and has to say when it will start."""
BORROWS = ("fold-a", "fold-b")
"""Jobs of one queue that together hold what another is guaranteed."""
OWNS = "dock-dcu"
"""The job of that other queue: one of the borrowers has to make room for it."""
OWNS_LATER = 5.0
"""Seconds after the first jobs at which it comes: the borrowers run by then."""
LOSS_AFTER = 6.0
"""Seconds that RECOVERS runs before it loses a node."""


@dataclass(frozen=True)
class Job:
    """One TrainingJob.

    Attributes:
        workers, each: Workers, and accelerators of each.
        seconds: How long its pods run, each time they start.
        models, vendor: Which accelerators, in order of preference; or whose.
        topology: As in `spec.topology`.
        about: What it is there to show.
        queue: JobQueue it waits in.
        says: Whether it says how long it takes.
        later: Seconds after the first jobs at which it is submitted.
    """

    name: str
    workers: int
    each: int
    seconds: int
    about: str
    models: tuple[str, ...] = ()
    vendor: str = ""
    topology: dict[str, Any] = field(default_factory=dict)
    queue: str = ""
    says: bool = False
    later: float = 0.0


H100 = ("nvidia-h100-sxm",)
LEAF = {"required": "leaf"}

JOBS = (
    Job(
        "llm-pretrain", 32, 8, 30, "two whole leaves of H100", H100, topology={"preferred": "leaf"}, says=True
    ),
    Job(RECOVERS, 16, 8, 25, "one leaf of H100; loses a node", H100, topology=LEAF),
    Job("vision", 16, 8, 14, "the last leaf of H100", H100, topology=LEAF, says=True),
    Job(RESERVES, 16, 8, 12, "has the next leaf of H100 reserved", H100, topology=LEAF, says=True, later=2),
    Job("h100-or-amd", 4, 8, 15, "prefers H100, takes what is free", (*H100, "amd-mi300x"), later=2),
    Job("a100-sweep", 8, 4, 18, "two workers per node", ("nvidia-a100-sxm-80gb", "nvidia-a100-sxm-40gb")),
    Job("moe-mi300x", 16, 8, 20, "two leaves of MI300X", vendor="amd", topology={"preferred": "leaf"}),
    Job("pangu-910b", 16, 8, 20, "16 nodes of one super-pod", vendor="huawei"),
    Job("speech-910b", 2, 4, 15, "half a node each", vendor="huawei"),
    Job("ocr-mlu", 4, 8, 15, "Cambricon MLU370", vendor="cambricon"),
    Job("gemma-tpu", 4, 4, 18, "one whole TPU slice", vendor="google"),
    Job("mixtral-gaudi", 8, 8, 15, "Gaudi 3", vendor="intel"),
    Job("rec-trainium", 4, 16, 15, "one leaf of Trainium 2", vendor="aws", topology=LEAF),
    *[
        Job(name, 4, 8, 14, "borrows what chemistry does not use", vendor="hygon", queue="biology")
        for name in BORROWS
    ],
    Job(
        OWNS,
        2,
        8,
        8,
        "takes back what chemistry is guaranteed",
        vendor="hygon",
        queue="chemistry",
        later=OWNS_LATER,
    ),
    Job("seg-metax", 2, 8, 12, "MetaX C500", vendor="metax"),
    Job(IMPOSSIBLE, 24, 8, 10, "no leaf has 24 nodes: says so", H100, topology=LEAF, later=1),
)

QUEUES = {name: {"quotas": [{"model": "*", "guaranteed": 32}]} for name in ("biology", "chemistry")}
"""Two queues that are guaranteed four nodes each of the eight with Hygon DCUs."""

VENDORS = frozenset(job.vendor or model.partition("-")[0] for job in JOBS for model in (job.models or ("",)))
"""Whose accelerators are asked for."""


def manifest(job: Job) -> dict[str, Any]:
    """Return the TrainingJob of a demo job; its pods end by themselves, told so by an annotation."""
    accelerators: dict[str, Any] = {"perWorker": job.each}
    if job.models:
        accelerators["models"] = list(job.models)
    if job.vendor:
        accelerators["vendor"] = job.vendor
    spec: dict[str, Any] = {
        "framework": {"name": "pytorch" if job.vendor in ("", "amd") else "custom"},
        "workers": job.workers,
        "accelerators": accelerators,
        "template": {
            "metadata": {"annotations": {"localcluster.dev/run-seconds": str(job.seconds)}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                "containers": [
                    {
                        "name": "trainer",
                        "image": "trainer",
                        "command": ["python", "train.py"],
                        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
                    }
                ],
            },
        },
    }
    if job.topology:
        spec["topology"] = job.topology
    if job.queue:
        spec["queue"] = job.queue
    if job.says:
        spec["expectedDuration"] = f"{job.seconds}s"
    return {
        "apiVersion": "crosstree.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": job.name, "namespace": NAMESPACE},
        "spec": spec,
    }
