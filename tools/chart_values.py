"""The page about the values of the Helm chart, made from values.yaml and its comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "crosstree"
BAR = r"\|"  # within a table
_KEY = re.compile(r"( *)([A-Za-z]+):")

HEAD = """<!-- Made by `make generate`. -->

# Values of the Helm chart

What `helm install crosstree charts/crosstree --set NAME=VALUE` takes; see [install](../how-to/install.md).
A name that is not here, or a value of another type, is refused before anything is installed.

| Value | Default | Meaning |
| --- | --- | --- |
"""


def page() -> str:
    """Return the page."""
    text = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    said = dict(comments(text))
    rows = [
        f"| `{path}` | `{_shown(value)}` | {said.get(path, '').replace('|', BAR)} |"
        for path, value in leaves(yaml.safe_load(text), schema)
    ]
    return HEAD + "\n".join(rows) + "\n"


def leaves(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value under its dotted name; what the schema leaves open is one value."""
    for name, value in values.items():
        inner = schema["properties"][name]
        if isinstance(value, dict) and "properties" in inner:
            yield from leaves(value, inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def comments(text: str) -> Iterator[tuple[str, str]]:
    """Yield what the lines above a value say, under its dotted name; only of values that have such lines."""
    above: list[str] = []
    open_keys: list[tuple[int, str]] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            above.append(line.strip(" #"))
            continue
        if found := _KEY.match(line):
            depth = len(found[1])
            open_keys = [*(one for one in open_keys if one[0] < depth), (depth, found[2])]
            if above:
                yield ".".join(name for _, name in open_keys), " ".join(above)
        above = []


def _shown(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) or not value else value
