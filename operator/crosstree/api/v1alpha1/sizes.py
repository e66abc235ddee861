"""How large a gang may be: `spec.workers` as a number or a range, and `spec.parallelism`. `size_rules` has the rules.

A structural schema has no unions: `workers` is a field without a type, bounded by what applies to each of its forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, GetJsonSchemaHandler, Tag
from pydantic_core import CoreSchema

from crosstree.api.v1alpha1.common import KEEP_UNKNOWN, Wire
from crosstree.api.v1alpha1.rules import fault
from crosstree.api.v1alpha1.trainingjob_status import MAX_WORKERS

if TYPE_CHECKING:
    from crosstree.api.v1alpha1.trainingjob import TrainingJobSpec

MAX_SPLIT = 1024
"""Accelerators that one dimension of a model's parallelism may take."""

NEITHER = (
    "spec.workers is neither a whole number nor a range of them;"
    " write for example 16, or {{min: 8, max: 32}} for a gang that may be larger and smaller."
)


class Elastic(Wire):
    """Between how many workers an elastic gang may have."""

    min: Annotated[int, Field(ge=1, le=MAX_WORKERS)]
    """Fewest workers it runs with."""
    max: Annotated[int, Field(ge=1, le=MAX_WORKERS)]
    """Most workers it can use."""
    step: Annotated[int, Field(ge=1, le=MAX_WORKERS)] | None = None
    """Sizes are min, min + step and so on up to max; left out, every size that groups and parallelism allow."""


def _known(value: Any) -> Any:
    if isinstance(value, (dict, Elastic)) or type(value) is int:
        return value
    raise fault(NEITHER, value)


def _branch(value: Any) -> str:
    return "int" if isinstance(value, int) else "elastic"


class _NumberOrRange:
    """Annotation: the schema of both forms in one node, which has no type and bounds each by what applies to it."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        handler(schema)
        inside = Elastic.model_json_schema()
        return {
            KEEP_UNKNOWN: True,
            "minimum": 1,
            "maximum": MAX_WORKERS,
            "properties": inside["properties"],
            "required": sorted(inside["required"]),
        }


Workers = Annotated[
    Annotated[Annotated[int, Field(ge=1, le=MAX_WORKERS)], Tag("int")] | Annotated[Elastic, Tag("elastic")],
    Discriminator(_branch),
    BeforeValidator(_known),
    _NumberOrRange(),
]


class Parallelism(Wire):
    """How the program splits one replica of the model; data parallelism is what is left of the gang."""

    tensor: Annotated[int, Field(ge=1, le=MAX_SPLIT)] = 1
    """Accelerators that hold one layer together; they talk most, and stay in one worker or accelerator domain."""
    pipeline: Annotated[int, Field(ge=1, le=MAX_SPLIT)] = 1
    """Stages that a replica is cut into."""

    @property
    def replica(self) -> int:
        """Accelerators of one replica."""
        return self.tensor * self.pipeline

    def workers(self, per_worker: int) -> int:
        """Return the workers that one replica takes at least, given the accelerators of each."""
        return max(self.replica // per_worker, 1) if per_worker else 1


def unit(spec: TrainingJobSpec) -> int:
    """Return the workers that only make sense together: every legal size is a multiple of it."""
    replica = spec.parallelism.workers(spec.accelerators.per_worker) if spec.parallelism is not None else 1
    return max(replica, group_size(spec) or 1)


def legal_sizes(spec: TrainingJobSpec) -> tuple[int, ...]:
    """Return the numbers of workers the gang may have, the largest first."""
    workers = spec.workers
    if isinstance(workers, int):
        return (workers,)
    step = workers.step or unit(spec)
    first = workers.min if workers.step else -(-workers.min // step) * step
    return tuple(reversed(range(first, workers.max + 1, step)))


def largest(spec: TrainingJobSpec) -> int:
    """Return the most workers that the author names."""
    return spec.workers if isinstance(spec.workers, int) else spec.workers.max


def group_size(spec: TrainingJobSpec) -> int | None:
    """Return how many workers a group of `spec.topology.groups` has; None without groups."""
    groups = spec.topology.groups if spec.topology is not None else None
    return groups.size if groups is not None else None
