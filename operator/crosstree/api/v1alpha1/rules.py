"""What one object can violate alone, said once for two judges.

A rule holds the CEL expression the API server evaluates, the Python function the operator and
`crosstree validate` evaluate, and one sentence for both. A test runs one table of bad objects through both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from string import Formatter
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"
BROKEN = "crosstree_rules"
"""Type of the pydantic error that carries broken rules, as (field path, sentence) under `broken`."""

Found = Mapping[str, object]
"""Values for the placeholders of a sentence, as found in an object that breaks the rule."""


class Judge(Enum):
    """Who enforces a rule in the cluster. The operator and `crosstree validate` enforce all of them."""

    SCHEMA = "schema"
    """The CustomResourceDefinition, whose CEL sees only fields that have a type."""
    POLICY = "policy"
    """The ValidatingAdmissionPolicy of `admission`, whose CEL sees everything; for rules over a `spec` alone."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule over one model.

    Attributes:
        holds: CEL over `self`, true for a good object.
        says: The sentence for a bad one: field, found, way out; `{name}` marks a value.
        breaks: Returns the values of the sentence for a bad model, else None.
        shows: For each placeholder, the CEL expression that computes it: text, a number or a list of either.
        path: Path of the offender below the model, `topology.groups.size`; empty for the model itself.
        judge: Who enforces it in the cluster.
    """

    holds: str
    says: str
    breaks: Callable[[Any], Found | None]
    shows: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    judge: Judge = Judge.SCHEMA

    def verdict(self, model: object) -> tuple[str, str] | None:
        """Return (path, sentence) if the model breaks the rule."""
        found = self.breaks(model)
        return None if found is None else (self.path, _filled(self.says, found))

    def on_the_wire(self) -> dict[str, Any]:
        """Return the entry of `x-kubernetes-validations`."""
        return _validation(self.holds, self.says, self.shows, self.path)

    def in_a_policy(self) -> dict[str, Any]:
        """Return the entry of `spec.validations` of an admission policy."""
        return _policed(self.on_the_wire())


@dataclass(frozen=True, slots=True)
class Frozen:
    """A field of `spec` that can't change once the object exists. Only the API server sees both versions."""

    field: str
    way_out: str
    judge: Judge = Judge.SCHEMA

    def on_the_wire(self) -> dict[str, Any]:
        """Return the entry of `x-kubernetes-validations`, a transition rule."""
        ours, old = f"self.{self.field}", f"oldSelf.{self.field}"
        return {
            "rule": f"has({ours}) == has({old}) && (!has({ours}) || {ours} == {old})",
            "message": f"spec.{self.field} can't change once the object exists; {self.way_out}",
        }

    def in_a_policy(self) -> dict[str, Any]:
        """Return the entry of `spec.validations` of an admission policy."""
        entry = _policed(self.on_the_wire())
        return entry | {"expression": f"oldObject == null || ({entry['expression']})"}


@dataclass(frozen=True, slots=True)
class FrozenWhilePlaced(Frozen):
    """A field of `spec` that can't change while the job has a place: what it holds is counted by it.

    For the whole object, because the status says whether it has one.
    """

    def on_the_wire(self) -> dict[str, Any]:
        """Return the entry of `x-kubernetes-validations` of the object, a transition rule."""
        ours, old = f"self.spec.{self.field}", f"oldSelf.spec.{self.field}"
        same = f"has({ours}) == has({old}) && (!has({ours}) || {ours} == {old})"
        return {
            "rule": f"!has(self.status) || !has(self.status.placement) || ({same})",
            "message": f"spec.{self.field} can't change while the job has a place; {self.way_out}",
        }


@dataclass(frozen=True, slots=True)
class Check:
    """Annotation of a scalar type: a rule over the value itself.

    `says` may use `{value}`. It does not name the field: whoever reports it, names the path before it.
    """

    holds: str
    says: str
    good: Callable[[Any], bool]
    shows: str = "self"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate the value after pydantic's own checks."""
        return core_schema.no_info_after_validator_function(self._judge, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Add the CEL rule to the schema of the value."""
        shows = {"value": self.shows} if "{value}" in self.says else {}
        return {**handler(schema), VALIDATIONS: [_validation(self.holds, self.says, shows, "")]}

    def _judge(self, value: Any) -> Any:
        if not self.good(value):
            raise fault(self.says, value)
        return value


@dataclass(frozen=True, slots=True)
class MapBy:
    """Annotation of a list whose entries are told apart by some of their fields, as `kubectl apply` merges them.

    `keys` are the fields' names on the wire; `attributes` those on the model.
    """

    keys: tuple[str, ...]
    attributes: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse two entries that agree, after pydantic's own checks."""
        return core_schema.no_info_after_validator_function(self._judge, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Let the API server do the same."""
        extra = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self.keys)}
        return {**handler(schema), **extra}

    def _judge(self, entries: list[Any]) -> list[Any]:
        seen: set[tuple[object, ...]] = set()
        for entry in entries:
            values = tuple(getattr(entry, attribute) for attribute in self.attributes)
            if values in seen:
                named = ", ".join(f"{key} {value}" for key, value in zip(self.keys, values, strict=True))
                raise fault("two entries have {value}; name each once.", named)
            seen.add(values)
        return entries


def matches(pattern: str, says: str) -> Check:
    """Demand that a string has a form; a schema `pattern` would refuse it without saying what would do."""
    form = re.compile(pattern)
    return Check(f"self.matches({_literal(pattern)})", says, lambda value: form.fullmatch(value) is not None)


def fault(says: str, value: object) -> PydanticCustomError:
    """Return the error by which a validator refuses a value; `says` is a sentence as in `Check`."""
    return PydanticCustomError(BROKEN, "rules", {"broken": [("", _filled(says, {"value": value}))]})


def _filled(says: str, found: Found) -> str:
    """Fill in a sentence as CEL's `format` does: a list in brackets, its texts in quotes."""
    shown = {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
        for name, value in found.items()
    }
    return says.format(**shown)


def _validation(holds: str, says: str, shows: Mapping[str, str], path: str) -> dict[str, Any]:
    """Put a rule into wire form."""
    entry: dict[str, Any] = {"rule": holds}
    if shows:
        entry["messageExpression"] = _expression(says, shows)
    else:
        entry["message"] = says.format()
    if path:
        entry["fieldPath"] = f".{path}"
    return entry


def in_a_policy(cel: str) -> str:
    """Write CEL over `self`, which is a spec, for an admission policy, which sees whole objects."""
    return _SELF.sub(lambda found: f"{_SEEN[found[0]]}.spec", cel)


_SELF = re.compile(r"\b(?:self|oldSelf)\b")
_SEEN = {"self": "object", "oldSelf": "oldObject"}


def _policed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Turn an entry of `x-kubernetes-validations` over a spec into one of `spec.validations` of a policy."""
    policed = {"expression": in_a_policy(entry["rule"]), "reason": "Invalid"}
    if "messageExpression" in entry:
        return policed | {"messageExpression": in_a_policy(entry["messageExpression"])}
    return policed | {"message": entry["message"]}


def _expression(says: str, shows: Mapping[str, str]) -> str:
    """Write a sentence with values as one call of `format`.

    The API server bounds the cost of every expression beforehand. It takes a number or a list turned into
    text for unbounded, so joining texts with `+` would be refused; `format` costs the length of its pattern.
    """
    pattern, values = "", []
    for text, name, _, _ in Formatter().parse(says):
        pattern += text.replace("%", "%%")
        if name:
            pattern += "%s"
            values.append(shows[name])
    return f"{_literal(pattern)}.format([{', '.join(values)}])"


def _literal(text: str) -> str:
    """Write a CEL string literal; CEL escapes as JSON does."""
    return json.dumps(text, ensure_ascii=False)
