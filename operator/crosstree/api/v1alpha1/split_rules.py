"""The rules about `spec.parallelism`, in CEL for the API server and in Python for everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from crosstree.api.v1alpha1.rules import Frozen, Rule
from crosstree.api.v1alpha1.sizes import group_size

if TYPE_CHECKING:
    from crosstree.api.v1alpha1.trainingjob import TrainingJobSpec

GROUP = "self.topology.groups.size"
HAS_GROUPS = "(has(self.topology) && has(self.topology.groups))"
PER_WORKER = "self.accelerators.perWorker"
TENSOR, PIPELINE = "self.parallelism.tensor", "self.parallelism.pipeline"
REPLICA = f"{TENSOR} * {PIPELINE}"
REPLICA_WORKERS = (
    f"(has(self.parallelism) && {PER_WORKER} > 0 && {REPLICA} > {PER_WORKER} ? {REPLICA} / {PER_WORKER} : 1)"
)
"""Workers of one replica. `self` is the spec, here and above."""

_DIVISORS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64, 96, 128, 256, 512, 1024)
"""Sizes worth naming in a sentence."""


def divisors(number: int) -> list[int]:
    """List the divisors of a number that are worth naming in a sentence."""
    return [d for d in _DIVISORS if d <= number and number % d == 0]


def divisors_in_cel(number: str) -> str:
    """Write the CEL that lists them."""
    return f"{list(_DIVISORS)}.filter(d, d <= {number} && {number} % d == 0)"


def _nothing_to_split(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    return {} if spec.parallelism is not None and spec.accelerators.per_worker == 0 else None


def _broken_replica(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    split, per_worker = spec.parallelism, spec.accelerators.per_worker
    if split is None or _fits(split.replica, per_worker):
        return None
    return {
        "tensor": split.tensor, "pipeline": split.pipeline, "replica": split.replica, "per": per_worker,
        "divisors": divisors(split.replica),
    }  # fmt: skip


def _broken_tensor(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    split, per_worker = spec.parallelism, spec.accelerators.per_worker
    if split is None or _fits(split.tensor, per_worker):
        return None
    return {"tensor": split.tensor, "per": per_worker, "divisors": divisors(per_worker)}


def _fits(accelerators: int, per_worker: int) -> bool:
    """Tell whether so many accelerators are whole workers, or a whole part of one."""
    return per_worker == 0 or accelerators % per_worker == 0 or per_worker % accelerators == 0


def _fits_in_cel(accelerators: str) -> str:
    return (
        f"!has(self.parallelism) || {PER_WORKER} == 0 || ({accelerators}) % {PER_WORKER} == 0"
        f" || {PER_WORKER} % ({accelerators}) == 0"
    )


def _clashing(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    size, split, per_worker = group_size(spec), spec.parallelism, spec.accelerators.per_worker
    if size is None or split is None:
        return None
    replica = split.workers(per_worker)
    if size % replica == 0 or replica % size == 0:
        return None
    return {"size": size, "replica": replica, "divisors": divisors(replica)}


RULES = (
    Rule(
        holds=f"!has(self.parallelism) || {PER_WORKER} > 0",
        says="spec.parallelism is set, but spec.accelerators.perWorker is 0, so there is nothing to split a model over;"
        " raise it, or remove parallelism.",
        breaks=_nothing_to_split,
        path="parallelism",
    ),
    Rule(
        holds=_fits_in_cel(REPLICA),
        says="spec.parallelism takes {replica} accelerators for a replica (tensor {tensor} x pipeline {pipeline}),"
        " neither whole workers of {per} nor a whole part of one; change it, or use one of {divisors} for"
        " accelerators.perWorker.",
        shows={
            "replica": REPLICA,
            "tensor": TENSOR,
            "pipeline": PIPELINE,
            "per": PER_WORKER,
            "divisors": divisors_in_cel(f"({REPLICA})"),
        },
        breaks=_broken_replica,
        path="parallelism",
    ),
    Rule(
        holds=_fits_in_cel(TENSOR),
        says="spec.parallelism.tensor is {tensor}, neither whole workers of {per} accelerators nor a whole part of"
        " one; use a multiple of {per}, or one of {divisors}.",
        shows={"tensor": TENSOR, "per": PER_WORKER, "divisors": divisors_in_cel(PER_WORKER)},
        breaks=_broken_tensor,
        path="parallelism.tensor",
    ),
    Rule(
        holds=f"!{HAS_GROUPS} || {GROUP} % {REPLICA_WORKERS} == 0 || {REPLICA_WORKERS} % {GROUP} == 0",
        says="spec.topology.groups.size is {size}, but one replica of spec.parallelism takes {replica} workers;"
        " use a multiple of {replica}, or one of {divisors}.",
        shows={"size": GROUP, "replica": REPLICA_WORKERS, "divisors": divisors_in_cel(REPLICA_WORKERS)},
        breaks=_clashing,
        path="topology.groups.size",
    ),
)
"""Rules of a TrainingJob's spec about how the model is split."""

FROZEN = (Frozen("parallelism", "delete the job and create it again."),)
