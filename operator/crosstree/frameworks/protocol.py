"""What a launch contract is, and the part of it that every framework shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from crosstree.base.names import pod_name

COMMON_PREFIX = "CROSSTREE_"
"""Names that belong to the operator, whatever the framework."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that workers reach each other on."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """One worker of one attempt, as a launch contract sees it.

    `index` counts along the fabric from 0, which is rank 0. `per_worker` is its number of accelerators, 0 for
    CPU-only work.
    """

    job: str
    index: int
    workers: int
    per_worker: int
    attempt: int

    @property
    def master(self) -> str:
        """Host name of worker 0, as it resolves inside the job's namespace."""
        return f"{pod_name(self.job, 0)}.{self.job}"


class Framework(Protocol):
    """A launch contract: pure, stateless, one instance for all jobs.

    A worker's `env` may depend on its context alone, so that a pod made again after a crash is the same pod.
    """

    @property
    def name(self) -> str:
        """Name in `spec.framework.name`."""
        ...

    @property
    def ports(self) -> tuple[Port, ...]:
        """Ports of the headless Service; may be empty."""
        ...

    @property
    def reserved(self) -> frozenset[str]:
        """Variables a user must not set; an entry that ends in `_` stands for every name it begins."""
        ...

    def env(self, worker: WorkerContext) -> Mapping[str, str]:
        """Return the variables of one worker's trainer container, besides `common_env`."""
        ...


def common_env(worker: WorkerContext) -> dict[str, str]:
    """Return what every container of every worker finds, whatever the framework."""
    return {
        "CROSSTREE_JOB_NAME": worker.job,
        "CROSSTREE_ATTEMPT": str(worker.attempt),
        "CROSSTREE_INDEX": str(worker.index),
        "CROSSTREE_WORKERS": str(worker.workers),
        "CROSSTREE_MASTER": worker.master,
    }


def is_reserved(framework: Framework, variable: str) -> bool:
    """Tell whether a variable is the operator's to set under this framework."""
    return variable.startswith(COMMON_PREFIX) or any(
        variable.startswith(name) if name.endswith("_") else variable == name for name in framework.reserved
    )
