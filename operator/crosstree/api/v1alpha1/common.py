"""What the four kinds share: the base of every wire model, metadata, selectors, conditions, scalar types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from crosstree.api.v1alpha1.rules import BROKEN, VALIDATIONS, Check, Frozen, Judge, MapBy, Rule, matches
from crosstree.base import duration
from crosstree.base.errors import SpecError

MAP_BY_NAME = MapBy(("name",), ("name",))
KEEP_UNKNOWN = "x-kubernetes-preserve-unknown-fields"
ATOMIC = {"x-kubernetes-list-type": "atomic"}


def attach_rules(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Add the rules of a model that a schema can hold to it."""
    if not issubclass(model, Wire):
        return
    everything: list[Rule | Frozen] = [*model.RULES, *model.FROZEN]
    if rules := [rule.on_the_wire() for rule in everything if rule.judge is Judge.SCHEMA]:
        schema[VALIDATIONS] = rules


class Wire(BaseModel):
    """Base of every wire model: camelCase, no unknown fields, no coercion, immutable, rules attached."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_extra=attach_rules,
    )
    RULES: ClassVar[tuple[Rule, ...]] = ()
    FROZEN: ClassVar[tuple[Frozen, ...]] = ()

    @model_validator(mode="after")
    def _obey(self) -> Self:
        """Report every broken rule of this model at once."""
        if not self.RULES:
            return self
        broken = [verdict for rule in self.RULES if (verdict := rule.verdict(self)) is not None]
        if broken:
            raise PydanticCustomError(BROKEN, "rules", {"broken": broken})
        return self


def _is_duration(text: str) -> bool:
    try:
        duration.parse(text)
    except SpecError:
        return False
    return True


ObjectName = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "'{value}' can't be the name of an object; use lower-case letters, digits, '-' and '.'.",
    ),
]
LevelName = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        "'{value}' is not a level name; use lower-case letters, digits and '-', for example leaf.",
    ),
]
ModelId = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "'{value}' is not an accelerator model; use lower-case letters, digits, '-' and '.',"
        " for example nvidia-h100-sxm.",
    ),
]
VendorName = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "'{value}' is not a vendor; use lower-case letters, digits and '-', for example nvidia.",
    ),
]
LabelKey = Annotated[
    str,
    Field(max_length=317),
    matches(
        r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "'{value}' is not a label key; write it as example.com/leaf.",
    ),
]
ResourceName = Annotated[
    str,
    Field(max_length=317),
    matches(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "'{value}' is not an extended resource; write the name its device plugin advertises,"
        " for example example.com/npu.",
    ),
]
LabelValue = Annotated[str, Field(max_length=63)]
Duration = Annotated[
    str,
    Field(max_length=22),
    Check(
        f"self != '' && self.matches('{duration.PATTERN}')",
        "'{value}' is not a duration; write it as 30s, 10m or 1h30m.",
        _is_duration,
    ),
]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]


class Meta(BaseModel):
    """The part of `metadata` that Crosstree reads. The API server owns its form, so the rest is let through."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    annotations: dict[str, Any] = Field(default_factory=dict)
    owner_references: list[dict[str, Any]] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    type: Literal["string", "integer", "number", "date"] = "string"
    description: str = ""
    priority: int = 0
    """More than 0: shown by `-o wide` alone."""


AGE = Column("Age", ".metadata.creationTimestamp", "date")


class Object(Wire):
    """Base of the kinds. The class attributes are what a CRD says beside its schema."""

    KIND: ClassVar[str]
    PLURAL: ClassVar[str]
    SHORT: ClassVar[str]
    NAMESPACED: ClassVar[bool] = False
    CATEGORIES: ClassVar[tuple[str, ...]] = ("crosstree",)
    COLUMNS: ClassVar[tuple[Column, ...]]

    api_version: str = ""
    kind: str = ""
    metadata: Meta = Field(default_factory=Meta)

    @property
    def key(self) -> str:
        """`namespace/name`, or the name alone for a cluster-scoped kind."""
        return f"{self.metadata.namespace}/{self.metadata.name}" if self.NAMESPACED else self.metadata.name


def short_name(limit: int, why: str) -> Rule:
    """Limit `metadata.name` beyond what the API server demands."""
    return Rule(
        holds=f"self.metadata.name.size() <= {limit}",
        says=f"metadata.name is {{name}}, {{size}} characters; use at most {limit}{why}.",
        shows={"name": "self.metadata.name", "size": "self.metadata.name.size()"},
        breaks=lambda whole: (
            {"name": whole.metadata.name, "size": len(whole.metadata.name)}
            if len(whole.metadata.name) > limit
            else None
        ),
        path="metadata.name",
    )


class LabelExpression(Wire):
    """One demand on a label."""

    key: LabelKey
    """Label key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """In and NotIn compare with `values`; Exists and DoesNotExist ask for the key alone."""
    values: Annotated[list[LabelValue], Field(max_length=256, json_schema_extra=ATOMIC)] = []
    """Values for In and NotIn."""

    RULES = (
        Rule(
            holds="(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
            says="matchExpressions on {key} with operator {operator} has {count} values;"
            " In and NotIn need at least one, Exists and DoesNotExist none.",
            shows={
                "key": "self.key",
                "operator": "self.operator",
                "count": "has(self.values) ? self.values.size() : 0",
            },
            breaks=lambda e: (
                {"key": e.key, "operator": e.operator, "count": len(e.values)}
                if (e.operator in ("In", "NotIn")) != bool(e.values)
                else None
            ),
        ),
    )


class LabelSelector(Wire):
    """Selects by labels: every label and every expression must match."""

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=64)] = {}
    """Labels that must be there."""
    match_expressions: Annotated[list[LabelExpression], Field(max_length=64, json_schema_extra=ATOMIC)] = []
    """Further demands on labels."""


class Condition(Wire):
    """One observation, as every Kubernetes object reports it."""

    type: Annotated[str, Field(max_length=63)]
    """What is observed."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=63)]
    """Why, in one word for programs."""
    message: Annotated[str, Field(max_length=32768)]
    """Why, in one sentence for people."""
    last_transition_time: Time
    """When `status` last changed."""
    observed_generation: Count | None = None
    """Generation of the spec this was observed for."""


Conditions = Annotated[list[Condition], Field(max_length=16), MapBy(("type",), ("type",))]
