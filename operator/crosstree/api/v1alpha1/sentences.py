"""Pydantic's errors as (field path, sentence): what was found there, and what would do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crosstree.api.v1alpha1.common import Object
from crosstree.api.v1alpha1.rules import BROKEN
from crosstree.api.v1alpha1.schema import JsonSchema, structural

_LONGEST = 60
_BRANCHES = ("int", "str", "elastic")
"""Branches of unions, which pydantic puts into locations; users see one field."""
_NEEDS = {
    "int_type": "be a whole number",
    "float_type": "be a number",
    "string_type": "be a text; put it in quotes if it looks like a number",
    "bool_type": "be true or false",
    "list_type": "be a list",
    "dict_type": "be a mapping of names to values",
    "model_type": "be a mapping of fields to values",
    "greater_than_equal": "be at least {ge}",
    "less_than_equal": "be at most {le}",
    "string_too_long": "have at most {max_length} characters",
    "string_too_short": "have at least {min_length} characters",
    "too_long": "have at most {max_length} entries",
    "too_short": "have {min_length} or more entries",
    "literal_error": "be one of {expected}",
}


def explain(error: ValidationError, kind: type[Object]) -> list[tuple[str, str]]:
    """Return (path, sentence) for every fault, in the order of the fields; a fault is named once."""
    faults: dict[tuple[str, str], None] = {}
    for detail in error.errors(include_url=False):
        detail["loc"] = tuple(part for part in detail["loc"] if part not in _BRANCHES)
        for fault in _faults(detail, kind):
            faults[fault] = None
    return list(faults)


def _faults(detail: ErrorDetails, kind: type[Object]) -> list[tuple[str, str]]:
    path = _path(detail["loc"])
    match detail["type"]:
        case kind_of if kind_of == BROKEN:
            return [_broken(path, below, text) for below, text in detail["ctx"]["broken"]]
        case "missing":
            return [(path, f"{path} is missing; it is required.")]
        case "extra_forbidden":
            return [(path, f"{path} is not a field; {_known(detail['loc'], kind)}")]
    needs = _NEEDS.get(detail["type"])
    if needs is None:
        return [(path, f"{path} is {_shown(detail['input'])}: {detail['msg']}.")]
    return [(path, f"{path} is {_shown(detail['input'])}; it must {needs.format(**detail.get('ctx', {}))}.")]


def _broken(path: str, below: str, text: str) -> tuple[str, str]:
    """Join a rule's sentence to its place; a sentence about a bare value gets the path in front."""
    if path == "":
        return below, text
    full = f"{path}.{below}" if below else path
    return full, text if text.startswith(("spec.", "metadata.")) else f"{path}: {text}"


def _path(loc: Sequence[int | str]) -> str:
    """Write a location as users do."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


def _known(loc: Sequence[int | str], kind: type[Object]) -> str:
    """Say which field was meant, or which there are."""
    schema = _schema(kind)
    for part in loc[:-1]:
        inner = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
        schema = inner if isinstance(inner, dict) else {}
    names = sorted(schema.get("properties", {}))
    near = get_close_matches(str(loc[-1]), names, n=1)
    return f"did you mean {near[0]}?" if near else f"the fields here are {', '.join(names)}."


@cache
def _schema(kind: type[Object]) -> JsonSchema:
    """Making a schema takes tens of ms, and a stored object that is wrong is looked at again and again."""
    return structural(kind)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
