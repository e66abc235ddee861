"""What a pod template may say about its node."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from crosstree.api.v1alpha1.common import ATOMIC, KEEP_UNKNOWN, Wire
from crosstree.api.v1alpha1.rules import Rule


class NodeRequirement(Wire):
    """One demand on a node's labels or name."""

    key: Annotated[str, Field(min_length=1, max_length=317)]
    """Label key, or the field `metadata.name`."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How the value is compared."""
    values: Annotated[
        list[Annotated[str, Field(max_length=253)]], Field(max_length=1024, json_schema_extra=ATOMIC)
    ] = []
    """Values to compare with."""


class NodeSelectorTerm(Wire):
    """Demands that must all hold."""

    match_expressions: Annotated[list[NodeRequirement], Field(max_length=64, json_schema_extra=ATOMIC)] = []
    """Demands on labels."""
    match_fields: Annotated[list[NodeRequirement], Field(max_length=64, json_schema_extra=ATOMIC)] = []
    """Demands on the node's name."""

    RULES = (
        Rule(
            holds="(has(self.matchExpressions) && self.matchExpressions.size() > 0)"
            " || (has(self.matchFields) && self.matchFields.size() > 0)",
            says="a nodeSelectorTerm is empty, which matches no node; add matchExpressions or remove the term.",
            breaks=lambda term: None if term.match_expressions or term.match_fields else {},
        ),
    )


class RequiredNodes(Wire):
    """Nodes a worker may use: one of the terms must hold."""

    node_selector_terms: Annotated[
        list[NodeSelectorTerm], Field(min_length=1, max_length=32, json_schema_extra=ATOMIC)
    ]
    """Alternatives."""


def absent(name: str, attribute: str, way_out: str, path: str) -> Rule:
    """Refuse a field of a Kubernetes type that Crosstree would have to overwrite or ignore."""
    return Rule(
        holds=f"!has(self.{name})",
        says=f"{path}.{name} is set; {way_out}",
        breaks=lambda model: None if getattr(model, attribute) is None else {},
        path=name,
    )


_AFFINITY = "spec.template.spec.affinity"
_OPAQUE: dict[str, Any] = {"type": "object", KEEP_UNKNOWN: True}
Opaque = Annotated[dict[str, Any] | None, Field(json_schema_extra=_OPAQUE)]
OpaqueList = Annotated[
    list[Any] | None,
    Field(json_schema_extra={"items": _OPAQUE, "x-kubernetes-list-type": "atomic"}),
]


class NodeAffinity(Wire):
    """Demands on the node."""

    required_during_scheduling_ignored_during_execution: Annotated[
        RequiredNodes | None, Field(alias="requiredDuringSchedulingIgnoredDuringExecution")
    ] = None
    """Which nodes a worker may use."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        OpaqueList, Field(alias="preferredDuringSchedulingIgnoredDuringExecution")
    ] = None
    """Reserved."""

    RULES = (
        absent(
            "preferredDuringSchedulingIgnoredDuringExecution",
            "preferred_during_scheduling_ignored_during_execution",
            "preferences among nodes are spec.topology and spec.accelerators.models: remove it.",
            f"{_AFFINITY}.nodeAffinity",
        ),
    )


class Affinity(Wire):
    """Demands on placement. Only those on the node itself are the user's."""

    node_affinity: NodeAffinity | None = None
    """Demands on the node."""
    pod_affinity: Opaque = None
    """Reserved."""
    pod_anti_affinity: Opaque = None
    """Reserved."""

    RULES = (
        absent(
            "podAffinity",
            "pod_affinity",
            "say with spec.topology how close the workers must be: remove it.",
            _AFFINITY,
        ),
        absent(
            "podAntiAffinity",
            "pod_anti_affinity",
            "Crosstree places the whole gang by spec.topology: remove it.",
            _AFFINITY,
        ),
    )


class Toleration(Wire):
    """A taint the worker puts up with."""

    key: Annotated[str, Field(max_length=317)] = ""
    """Key of the taint; empty with Exists means every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Equal compares the value, Exists the key alone."""
    value: Annotated[str, Field(max_length=253)] = ""
    """Value of the taint."""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    """Effect of the taint; empty means every effect."""
    toleration_seconds: int | None = None
    """How long a running worker puts up with a NoExecute taint."""

    RULES = (
        Rule(
            holds="(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
            says="a toleration has no key and operator Equal; name the key of the taint, or use operator Exists.",
            breaks=lambda t: None if t.key or t.operator == "Exists" else {},
        ),
    )
