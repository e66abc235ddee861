"""The CRDs: what an API server demands of them, what product.md promises of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from crosstree.api.v1alpha1.crds import ADMISSION, crds, files, render, write
from crosstree.api.v1alpha1.kinds import KINDS
from crosstree.api.v1alpha1.podtemplate import RESERVED_ENV_PREFIX
from crosstree.api.v1alpha1.schema import structural, walk
from crosstree.api.v1alpha1.trainingjob import RESERVED_ENV
from crosstree.frameworks import COMMON_PREFIX, framework

ROOT = Path(__file__).parents[3]
COLUMNS = {
    "AICluster": "READY NODES ACCELERATORS ALLOCATED FREE UNHEALTHY RUNNING WAITING AGE",
    "AcceleratorPool": "VENDOR MODEL NODES TOTAL ALLOCATED FREE UNHEALTHY AGE",
    "JobQueue": "PARENT CLUSTER READY WEIGHT SHARE RUNNING WAITING AGE",
    "TrainingJob": "QUEUE FRAMEWORK WORKERS ACCELERATORS MODEL PHASE REASON SPAN AGE",
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def version(kind: str) -> dict[str, Any]:
    return crd(kind)["spec"]["versions"][0]


def crd(kind: str) -> dict[str, Any]:
    return next(crd for crd in crds().values() if crd["spec"]["names"]["kind"] == kind)


def test_the_committed_crds_are_those_of_the_models() -> None:
    assert {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")} == {
        name: render(*inside) for name, inside in files().items()
    }


def test_writing_the_crds_makes_one_file_per_kind_and_one_for_the_policy(tmp_path: Path) -> None:
    *kinds, admission = write(tmp_path)
    assert [yaml.safe_load(path.read_text())["spec"]["names"]["kind"] for path in kinds] == list(KINDS)
    assert admission.name == ADMISSION


@every_kind
def test_the_columns_are_those_an_admin_was_promised(kind: str) -> None:
    shown = [column for column in version(kind)["additionalPrinterColumns"] if not column.get("priority")]
    assert [column["name"].upper() for column in shown] == COLUMNS[kind].split()


def test_where_a_job_stands_and_when_it_starts_are_columns_of_the_wide_table() -> None:
    shown = [one for one in version("TrainingJob")["additionalPrinterColumns"] if one.get("priority")]
    assert [column["name"] for column in shown] == ["Position", "Starts"]


@every_kind
def test_the_schema_is_structural(kind: str) -> None:
    unknown_to_crds = ("$ref", "$defs", "anyOf", "allOf", "oneOf", "const", "title", "exclusiveMinimum")
    for path, node in walk(structural(KINDS[kind])):
        assert not [key for key in unknown_to_crds if key in node], path
        assert (
            "type" in node
            or "x-kubernetes-int-or-string" in node
            or "x-kubernetes-preserve-unknown-fields" in node
        ), path


@every_kind
def test_everything_in_a_spec_is_bounded_so_that_rules_stay_cheap(kind: str) -> None:
    for path, node in walk(structural(KINDS[kind])["properties"]["spec"], "spec"):
        match node.get("type"):
            case "string":
                assert "maxLength" in node or "enum" in node, path
            case "array" if "items" in node and "properties" in node["items"]:
                assert "maxItems" in node, path
            case "object" if "additionalProperties" in node:
                assert "maxProperties" in node, path
            case "integer":
                assert "minimum" in node or path.endswith("tolerationSeconds"), path


@every_kind
def test_every_list_says_how_it_is_merged(kind: str) -> None:
    assert not [
        path
        for path, node in walk(structural(KINDS[kind]))
        if node.get("type") == "array" and "x-kubernetes-list-type" not in node
    ]


@every_kind
def test_every_field_says_what_it_means(kind: str) -> None:
    schema = structural(KINDS[kind])
    silent = [
        f"{path}.{name}"
        for path, node in walk(schema)
        for name, child in node.get("properties", {}).items()
        if "description" not in child and child != {"x-kubernetes-preserve-unknown-fields": True}
    ]
    assert silent == ["." + "metadata", "metadata.name"]


@every_kind
def test_every_rule_says_what_is_wrong(kind: str) -> None:
    for path, node in walk(structural(KINDS[kind])):
        for rule in node.get("x-kubernetes-validations", []):
            assert rule.get("message") or rule.get("messageExpression"), (path, rule)


@pytest.mark.parametrize("name", RESERVED_ENV)
def test_the_api_refuses_exactly_what_a_launch_contract_reserves(name: str) -> None:
    assert frozenset(RESERVED_ENV[name]) == framework(name).reserved
    assert RESERVED_ENV_PREFIX == COMMON_PREFIX


def test_a_trainingjob_is_found_among_all_and_a_cluster_only_among_ours() -> None:
    assert crd("TrainingJob")["spec"]["names"]["categories"] == ["crosstree", "all"]
    assert crd("AICluster")["spec"]["names"]["categories"] == ["crosstree"]
