"""Real label sets, vendor by vendor: what each node's accelerator is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from crosstree.catalog.load import Catalog, load

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog"


@dataclass(frozen=True)
class Case:
    vendor: str
    name: str
    labels: dict[str, str]
    resource: str
    expect: str | None


def cases() -> list[Case]:
    return [
        Case(file.stem, raw["name"], raw["labels"], raw["resource"], raw["expect"])
        for file in sorted(GOLDEN.glob("*.yaml"))
        for raw in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.vendor}: {case.name}")
def test_node_is_recognised(catalog: Catalog, case: Case) -> None:
    found = catalog.identify(case.labels, case.resource)
    assert (found.id if found else None) == case.expect
    assert catalog.is_accelerator(case.resource) == (case.expect is not None)


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.vendor}: {case.name}")
def test_only_labels_that_the_catalog_names_matter(catalog: Catalog, case: Case) -> None:
    kept = {key: value for key, value in case.labels.items() if key in catalog.label_keys}
    assert catalog.identify(kept, case.resource) == catalog.identify(case.labels, case.resource)


def test_every_row_is_reached_by_a_case(catalog: Catalog) -> None:
    assert {row.profile.id for row in catalog.rows} - {case.expect for case in cases()} == set()


def test_every_vendor_has_a_file_of_cases(catalog: Catalog) -> None:
    assert {case.vendor for case in cases()} == {row.profile.vendor for row in catalog.rows}
