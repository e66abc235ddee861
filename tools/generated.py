"""The files that are made from code: which they are, and how each is made.

`make generate` writes them, `make verify` and a test compare them with what is on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crosstree.api.v1alpha1 import crds
from tools import chart_values, reference

ROOT = Path(__file__).resolve().parent.parent
CRDS = Path("crds")
CHART_CRDS = Path("charts/crosstree/files/crds")
"""Beside the chart's templates, which read them; not its crds/, which Helm would install and never upgrade."""
REFERENCE = Path("docs/reference")


@dataclass(frozen=True, slots=True)
class Page:
    """One generated file: its path from the root of the repository, and what makes its text."""

    path: Path
    text: Callable[[], str]


def pages() -> list[Page]:
    """List every generated file."""
    definitions = [
        Page(folder / name, lambda inside=inside: crds.render(*inside))  # type: ignore[misc]
        for folder in (CRDS, CHART_CRDS)
        for name, inside in crds.files().items()
    ]
    return [
        *definitions,
        *(Page(REFERENCE / name, make) for name, make in reference.PAGES.items()),
        Page(REFERENCE / "values.md", chart_values.page),
    ]


def strays() -> list[str]:
    """List files in generated folders that nothing makes, for example the CRD of a kind that is gone."""
    known = {page.path for page in pages()}
    found = [
        path.relative_to(ROOT)
        for folder in (CRDS, CHART_CRDS, REFERENCE)
        for path in (ROOT / folder).glob("*")
    ]
    return sorted(str(path) for path in found if path not in known)
