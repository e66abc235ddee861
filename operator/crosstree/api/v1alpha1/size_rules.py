"""The rules about `spec.workers`, in CEL for the API server and in Python for everybody else.

The CEL of a CRD can't read a field without a type, so these are the admission policy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crosstree.api.v1alpha1.rules import Frozen, Judge, Rule
from crosstree.api.v1alpha1.sizes import NEITHER, Elastic, group_size, largest, unit
from crosstree.api.v1alpha1.split_rules import (
    GROUP,
    HAS_GROUPS,
    PIPELINE,
    REPLICA_WORKERS,
    TENSOR,
    divisors,
    divisors_in_cel,
)

if TYPE_CHECKING:
    from crosstree.api.v1alpha1.trainingjob import TrainingJobSpec

MAX_SIZES = 1024
"""Sizes a gang may have; a scheduler that may choose among more of them chooses no better."""

VARIABLES: Mapping[str, str] = {
    "fixed": "type(self.workers) == int",
    "elastic": "type(self.workers) == map",
    "ordered": "variables.elastic && self.workers.min <= self.workers.max",
    "difference": "self.workers.max - self.workers.min",
    "stepped": "variables.elastic && has(self.workers.step)",
    "largest": "variables.fixed ? self.workers : self.workers.max",
    "grouped": HAS_GROUPS,
    "replica": REPLICA_WORKERS,
    "unit": f"variables.grouped && {GROUP} > variables.replica ? {GROUP} : variables.replica",
    "step": "variables.stepped ? self.workers.step : variables.unit",
    "least": "(self.workers.min + variables.unit - 1) / variables.unit * variables.unit",
}
"""What the rules of the policy have in common, in CEL, each after those it uses; evaluated when first used."""


def _at_admission(holds: str, says: str, shows: Mapping[str, str], breaks: Any, path: str) -> Rule:
    return Rule(holds=holds, says=says, breaks=breaks, shows=shows, path=path, judge=Judge.POLICY)


def _of_range(spec: TrainingJobSpec) -> Elastic | None:
    """Return the range of an elastic gang whose ends are in order."""
    workers = spec.workers
    return workers if isinstance(workers, Elastic) and workers.min <= workers.max else None


def _reversed(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    workers = spec.workers
    if isinstance(workers, int) or workers.min <= workers.max:
        return None
    return {"min": workers.min, "max": workers.max}


def _steps_past(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    workers = _of_range(spec)
    if workers is None or workers.step is None or (workers.max - workers.min) % workers.step == 0:
        return None
    below = workers.max - (workers.max - workers.min) % workers.step
    return {"step": workers.step, "min": workers.min, "max": workers.max, "below": below}


def _too_many(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    workers = _of_range(spec)
    if workers is None or (workers.max - workers.min) // (workers.step or unit(spec)) < MAX_SIZES:
        return None
    span = workers.max - workers.min
    return {"min": workers.min, "max": workers.max, "least": span // MAX_SIZES + 1}


def _off_unit(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    workers, whole = _of_range(spec), unit(spec)
    if workers is None or workers.step is None:
        return None
    if workers.min % whole == 0 and (workers.step % whole == 0 or workers.min == workers.max):
        return None
    return {"min": workers.min, "step": workers.step, "unit": whole}


def _no_multiple(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    workers, whole = _of_range(spec), unit(spec)
    if workers is None or workers.step is not None:
        return None
    above = -(-workers.min // whole) * whole
    if above <= workers.max:
        return None
    return {"min": workers.min, "max": workers.max, "unit": whole, "least": above}


def _oversized(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    size, workers = group_size(spec), largest(spec)
    return {"size": size, "workers": workers} if size is not None and size > workers else None


def _uneven(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    size, workers = group_size(spec), spec.workers
    if size is None or not isinstance(workers, int) or size > workers or workers % size == 0:
        return None
    return {"size": size, "workers": workers, "divisors": divisors(workers)}


def _half_replicas(spec: TrainingJobSpec) -> Mapping[str, object] | None:
    workers, split, per_worker = spec.workers, spec.parallelism, spec.accelerators.per_worker
    if not isinstance(workers, int) or split is None or per_worker == 0:
        return None
    replica = split.workers(per_worker)
    if workers % replica == 0:
        return None
    return {
        "workers": workers, "tensor": split.tensor, "pipeline": split.pipeline, "replica": replica,
        "above": (workers // replica + 1) * replica,
    }  # fmt: skip


_MIN, _MAX, _UNIT = "self.workers.min", "self.workers.max", "variables.unit"

RULES = (
    _at_admission("variables.fixed || variables.elastic", NEITHER, {}, lambda _: None, "workers"),
    _at_admission(
        "!variables.elastic || self.workers.all(k, k in ['max', 'min', 'step'])",
        "spec.workers.{name} is not a field; the fields here are max, min, step.",
        {"name": "self.workers.filter(k, !(k in ['max', 'min', 'step']))[0]"},
        lambda _: None,
        "workers",
    ),
    _at_admission(
        "!variables.elastic || variables.ordered",
        "spec.workers.min is {min}, more than max {max}; min is the fewest workers that will do.",
        {"min": _MIN, "max": _MAX},
        _reversed,
        "workers.min",
    ),
    _at_admission(
        f"!variables.grouped || {GROUP} <= variables.largest",
        "spec.topology.groups.size is {size}, more than the {workers} workers;"
        " use {workers} or a divisor of it, or raise workers.",
        {"size": GROUP, "workers": "variables.largest"},
        _oversized,
        "topology.groups.size",
    ),
    _at_admission(
        "!variables.ordered || !variables.stepped || variables.difference % self.workers.step == 0",
        "spec.workers.step is {step}, which does not lead from min {min} to max {max};"
        " use max {below}, or another step.",
        {
            "step": "self.workers.step",
            "min": _MIN,
            "max": _MAX,
            "below": f"{_MAX} - variables.difference % self.workers.step",
        },
        _steps_past,
        "workers.step",
    ),
    _at_admission(
        f"!variables.ordered || variables.difference / variables.step < {MAX_SIZES}",
        f"spec.workers has more than {MAX_SIZES} sizes from {{min}} to {{max}}; set step to {{least}} or more.",
        {"min": _MIN, "max": _MAX, "least": f"variables.difference / {MAX_SIZES} + 1"},
        _too_many,
        "workers.step",
    ),
    _at_admission(
        f"!variables.ordered || !variables.stepped || ({_MIN} % {_UNIT} == 0"
        f" && (self.workers.step % {_UNIT} == 0 || {_MIN} == {_MAX}))",
        "spec.workers goes by {step} from {min}, but groups or parallelism take {unit} workers together;"
        " use multiples of {unit} for min and step, or leave step out.",
        {"step": "self.workers.step", "min": _MIN, "unit": _UNIT},
        _off_unit,
        "workers.step",
    ),
    _at_admission(
        f"!variables.ordered || variables.stepped || variables.least <= {_MAX}",
        "spec.workers has no size from {min} to {max} that is a multiple of {unit}, which groups or parallelism"
        " take together; raise max to {least} or more.",
        {"min": _MIN, "max": _MAX, "unit": _UNIT, "least": "variables.least"},
        _no_multiple,
        "workers.max",
    ),
    _at_admission(
        f"!variables.grouped || !variables.fixed || {GROUP} > self.workers || self.workers % {GROUP} == 0",
        "spec.topology.groups.size is {size}, which does not divide the {workers} workers;"
        " use one of {divisors}, or change workers.",
        {"size": GROUP, "workers": "self.workers", "divisors": divisors_in_cel("self.workers")},
        _uneven,
        "topology.groups.size",
    ),
    _at_admission(
        "!variables.fixed || self.workers % variables.replica == 0",
        "spec.workers is {workers}, but one replica of tensor {tensor} x pipeline {pipeline} takes {replica} workers;"
        " use a multiple of {replica}, for example {above}.",
        {
            "workers": "self.workers",
            "tensor": TENSOR,
            "pipeline": PIPELINE,
            "replica": "variables.replica",
            "above": "(self.workers / variables.replica + 1) * variables.replica",
        },
        _half_replicas,
        "workers",
    ),
)
"""Rules of a TrainingJob's spec about its workers."""

FROZEN = (Frozen("workers", "delete the job and create it again.", Judge.POLICY),)
