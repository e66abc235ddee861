"""Objects as users write them, for tests against an API server: clusters, jobs, and other people's pods."""

from __future__ import annotations

from typing import Any

from crosstree.base.names import API_VERSION

Json = dict[str, Any]
GPU = "nvidia.com/gpu"
LEAF = "network.topology.nvidia.com/leaf"


def a_cluster(name: str = "east", **spec: Any) -> Json:
    """An AICluster that takes a broken node as broken after a second."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AICluster",
        "metadata": {"name": name},
        "spec": {"health": {"gracePeriod": "1s", "settlePeriod": "1s"}, **spec},
    }


def a_job(
    name: str = "train",
    *,
    workers: int | Json = 4,
    per_worker: int = 8,
    model: str | None = "nvidia-h100-sxm",
    run_seconds: int | None = None,
    pods: Json | None = None,
    **spec: Any,
) -> Json:
    """A TrainingJob whose simulated workers run until the test ends them.

    Args:
        name: Of the job.
        workers: Of the gang: a number, or a range.
        per_worker: Accelerators of a worker.
        model: The one it takes; None for any.
        run_seconds: Seconds after which every worker ends by itself.
        pods: Annotations of the pods, which steer their simulated kubelets; see localcluster/stages/pods.yaml.
        spec: Other fields of the spec.
    """
    annotations = {**(pods or {})}
    if run_seconds is not None:
        annotations["localcluster.dev/run-seconds"] = str(run_seconds)
    container = {"name": "trainer", "image": "registry.example/trainer:1", "command": ["train"]}
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {
            "framework": {"name": "pytorch"},
            "workers": workers,
            "accelerators": {"perWorker": per_worker, **({"models": [model]} if model else {})},
            "template": {"metadata": {"annotations": annotations}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def a_foreign_pod(name: str, node: str, requests: Json) -> Json:
    """A pod that somebody else bound to a node by hand, bypassing every scheduler."""
    resources = {"requests": requests, "limits": requests}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "main", "image": "other", "resources": resources}],
        },
    }
