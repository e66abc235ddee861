"""The examples, without a cluster: valid, and naming only models that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from crosstree import translate
from crosstree.api.v1alpha1.validate import check
from crosstree.base.errors import SpecError
from crosstree.catalog.load import load

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.rglob("*.yaml"))
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(EXAMPLES).as_posix())


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def every(kind: str) -> list[dict[str, Any]]:
    return [document for path in FILES for document in documents(path) if document["kind"] == kind]


@every_file
def test_an_example_has_no_problems(path: Path) -> None:
    assert check(documents(path)) == []


@every_file
def test_an_example_begins_by_telling_what_it_shows(path: Path) -> None:
    assert path.read_text().startswith("# ")


def test_no_two_examples_share_a_name() -> None:
    names = [(doc["kind"], doc["metadata"]["name"]) for path in FILES for doc in documents(path)]
    assert len(names) == len(set(names))


def test_every_model_in_an_example_is_known() -> None:
    catalog = load()
    for cluster in every("AICluster"):
        catalog = catalog.with_declared(translate.cluster(cluster).declared)
    asked = {model for job in every("TrainingJob") for model in job["spec"]["accelerators"].get("models", [])}
    assert {model for model in asked if catalog.profile(model) is None} == set()


def test_every_example_of_a_job_becomes_a_gang() -> None:
    for job in every("TrainingJob"):
        try:
            translate.job({**job, "metadata": {"namespace": "default", **job["metadata"]}})
        except SpecError as error:
            pytest.fail(str(error))


def test_only_one_example_cluster_takes_every_node() -> None:
    everything = [doc["metadata"]["name"] for doc in every("AICluster") if "nodeSelector" not in doc["spec"]]
    assert everything == ["main"]
