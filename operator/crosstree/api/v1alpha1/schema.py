"""From a pydantic model to the structural OpenAPI v3 schema that a CRD may hold.

A CRD knows no references, no `additionalProperties: false`, no unions, and calls a field optional by not
requiring it. Everything else of a schema is pydantic's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crosstree.api.v1alpha1.common import Object

JsonSchema = dict[str, Any]
_INT_OR_STRING = "x-kubernetes-int-or-string"
_ORDER = ("description", "type", "format", "enum", "default", "required")


def structural(kind: type[Object]) -> JsonSchema:
    """Return the `openAPIV3Schema` of a kind, keys in a fixed order."""
    whole = kind.model_json_schema(by_alias=True, mode="validation")
    schema = _flatten(whole, whole.get("$defs", {}))
    properties = schema["properties"]
    properties["apiVersion"] = {"type": "string", "description": "Version of the schema of this object."}
    properties["kind"] = {"type": "string", "description": "Kind of this object."}
    properties["metadata"] = {"type": "object", "properties": {"name": {"type": "string"}}}
    return schema


def _flatten(node: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    """Resolve references and drop what a CRD does not know, in `node` and everything below it."""
    node = _resolved(node, definitions)
    if node.get(_INT_OR_STRING):
        node = {key: value for key, value in node.items() if key not in ("anyOf", "type")}
    if isinstance(node.get("additionalProperties"), bool) or "properties" in node:
        node.pop("additionalProperties", None)
    for dropped in ("title", "$defs"):
        node.pop(dropped, None)
    if "description" in node:
        node["description"] = " ".join(node["description"].split())
    if ("default" in node and node["default"] in (None, [], "")) or _is_empty_map(node):
        # An absent list, map or text means the same; writing it into every stored object says nothing.
        node.pop("default", None)
    if node.get("type") == "integer":
        node["format"] = "int64"
    if node.get("type") == "number":
        node["format"] = "double"
    if "properties" in node:
        node["properties"] = {
            name: _flatten(child, definitions) for name, child in sorted(node["properties"].items())
        }
        if "default" in node:
            # Defaults of the fields below fill it in; one place says what they are.
            node["default"] = {}
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            node[inner] = _flatten(node[inner], definitions)
    first = {key: node[key] for key in _ORDER if key in node}
    return first | {key: node[key] for key in sorted(node) if key not in first}


def _is_empty_map(node: JsonSchema) -> bool:
    return node.get("default") == {} and "properties" not in node


def _resolved(node: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    """Replace references and `X or null` by X; what stands beside a reference wins over what it points to."""
    node = dict(node)
    while True:
        if "$ref" in node:
            name = node.pop("$ref").removeprefix("#/$defs/")
            node = definitions[name] | node
            continue
        options = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
        if len(options) == 1:
            del node["anyOf"]
            node = options[0] | node
            continue
        if "const" in node:
            node["enum"] = [node.pop("const")]
        return node


def walk(schema: JsonSchema, path: str = "") -> Iterator[tuple[str, JsonSchema]]:
    """Yield (path, node) for every node of a structural schema, `spec.levels[].name`."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}" if path else name)
    if isinstance(schema.get("items"), dict):
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")
