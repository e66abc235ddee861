"""PyTorch: a fixed gang under torchrun with static rendezvous.

torchrun reads `PET_<ARGUMENT>` for each of its arguments (torch/distributed/run.py). RANK and WORLD_SIZE
are left alone: they count processes, which torchrun numbers itself, and would mislead it on a pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crosstree.frameworks.protocol import Port, WorkerContext

MASTER_PORT = 29500
"""torchrun's own default for a static rendezvous."""

RESERVED = frozenset(
    {
        "PET_NNODES",
        "PET_NPROC_PER_NODE",
        "PET_NODE_RANK",
        "PET_MASTER_ADDR",
        "PET_MASTER_PORT",
        "PET_RDZV_BACKEND",
        "PET_RDZV_ENDPOINT",
        "PET_RDZV_ID",
        "PET_RDZV_CONF",
    }
)
"""What says who and where the workers are. torchrun's other arguments (PET_LOG_DIR, ...) are the user's."""

ERROR_FILE = "/dev/termination-log"
"""The kubelet turns this file into the pod's termination message: how a failed rank's last words reach the
status, although torchrun itself always exits with 1."""


@dataclass(frozen=True, slots=True)
class PyTorch:
    """Launch contract of `torchrun script.py`."""

    name: str = "pytorch"
    ports: tuple[Port, ...] = (Port("rendezvous", MASTER_PORT),)
    reserved: frozenset[str] = RESERVED

    def env(self, worker: WorkerContext) -> Mapping[str, str]:
        """Return torchrun's arguments for one node; one process per accelerator, one where there is none."""
        return {
            "PET_NNODES": str(worker.workers),
            "PET_NPROC_PER_NODE": str(worker.per_worker or 1),
            "PET_NODE_RANK": str(worker.index),
            "PET_MASTER_ADDR": worker.master,
            "PET_MASTER_PORT": str(MASTER_PORT),
            "TORCHELASTIC_ERROR_FILE": ERROR_FILE,
        }
