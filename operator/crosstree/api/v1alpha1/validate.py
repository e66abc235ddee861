"""What can be known of objects without a cluster: for `crosstree validate -f` and for editors.

The same models and rules as the API server's, so what passes here is refused there only for what needs the
stored object (changes of fields that are fixed) or other objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from crosstree.api.v1alpha1.kinds import KINDS
from crosstree.api.v1alpha1.sentences import explain
from crosstree.base.names import API_VERSION, GROUP


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of one object. `field` is a path such as `spec.workers`; empty for the object as a whole."""

    kind: str
    name: str
    field: str
    message: str


def check(documents: Iterable[Any]) -> list[Problem]:
    """Return every fault of the documents that belong to Crosstree, in their order; others are left alone.

    Args:
        documents: Parsed YAML or JSON documents; a `List` is looked into, empty documents are skipped.
    """
    return [problem for document in _each(documents) for problem in _problems(document)]


def _each(documents: Iterable[Any]) -> Iterator[Any]:
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "List":
            items = document.get("items")
            yield from _each(items if isinstance(items, list) else [])
        elif document is not None:
            yield document


def _problems(document: Any) -> Iterator[Problem]:
    if not isinstance(document, dict):
        yield Problem(
            "", "", "", f"A document is {type(document).__name__}, not an object with apiVersion and kind."
        )
        return
    version, kind, name = str(document.get("apiVersion", "")), str(document.get("kind", "")), _name(document)
    if not version or not kind:
        yield Problem(kind, name, "", "apiVersion or kind is missing; every object names both.")
        return
    if version.partition("/")[0] != GROUP:
        return
    if version != API_VERSION:
        yield Problem(kind, name, "apiVersion", f"apiVersion is {version}; use {API_VERSION}.")
        return
    model = KINDS.get(kind)
    if model is None:
        yield Problem(kind, name, "kind", f"kind is {kind}; {GROUP} has {', '.join(sorted(KINDS))}.")
        return
    try:
        model.model_validate({field: value for field, value in document.items() if field != "status"})
    except ValidationError as error:
        for field, message in explain(error, model):
            yield Problem(kind, name, field, message)


def _name(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return ""
    namespace, name = metadata.get("namespace"), metadata.get("name", "")
    return f"{namespace}/{name}" if namespace else str(name)
