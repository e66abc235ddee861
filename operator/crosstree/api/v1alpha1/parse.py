"""From a stored object to its wire model, or to one sentence about what is wrong with it."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from crosstree.api.v1alpha1.common import Object
from crosstree.api.v1alpha1.sentences import explain
from crosstree.base.errors import SpecError

Kind = TypeVar("Kind", bound=Object)


def parse(kind: type[Kind], raw: Any) -> Kind:
    """Read an object of the API. Its status is not looked at: that is ours, and may be of an older operator.

    Raises:
        SpecError: anything else about it is wrong. The text names the object and, of several faults, the
            first.
    """
    if not isinstance(raw, dict):
        raise SpecError(
            f"A {kind.KIND} is a mapping with apiVersion, kind, metadata and spec, not {type(raw).__name__}."
        )
    try:
        return kind.model_validate({field: value for field, value in raw.items() if field != "status"})
    except ValidationError as error:
        faults = explain(error, kind)
        more = f" ({len(faults) - 1} more.)" if len(faults) > 1 else ""
        raise SpecError(f"{kind.KIND} {_key(raw)}: {faults[0][1]}{more}") from error


def _key(raw: dict[str, Any]) -> str:
    """Name an object whose metadata may be anything."""
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict):
        return "without metadata"
    namespace, name = metadata.get("namespace"), metadata.get("name")
    return f"{namespace}/{name}" if namespace else f"{name}"
