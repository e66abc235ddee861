"""The chart says what the code says: definitions, version, settings, paths, ports and metrics. Needs no helm."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from crosstree import __version__
from crosstree.engine.leadership import RELEASED_SECONDS
from crosstree.settings import Settings
from crosstree.telemetry.metrics import Metrics
from tests.architecture.source import ROOT
from tools import chart_values

CHART = ROOT / "charts" / "crosstree"
TEMPLATES = sorted((CHART / "templates").glob("*.yaml"))
VARIABLE = re.compile(r"\bCROSSTREE_[A-Z_]+")
METRIC = re.compile(r"\bcrosstree_[a-z_]+")
VALUE = re.compile(r"\.Values((?:\.\w+)+)")


def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    return found


def test_the_chart_carries_the_definitions_of_the_repository() -> None:
    ours = {file.name: file.read_text() for file in (ROOT / "crds").glob("*.yaml")}
    carried = {file.name: file.read_text() for file in (CHART / "files" / "crds").glob("*")}
    assert carried == ours, "run `make generate`"
    assert not (CHART / "crds").exists(), "Helm would install this folder and never upgrade it"


def test_every_definition_can_be_marked_as_kept() -> None:
    # The template finds every line that is `metadata:` at the left margin and adds to it.
    for file in (CHART / "files" / "crds").glob("*.yaml"):
        text = file.read_text()
        objects = len(list(yaml.safe_load_all(text)))
        assert text.count("\nmetadata:\n  name: ") == objects, (
            f"{file.name}: templates/crds.yaml relies on this line"
        )


def test_chart_and_operator_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "crosstree.__version__"


def test_every_variable_of_the_deployment_is_a_setting() -> None:
    prefix = str(Settings.model_config["env_prefix"])
    known = {prefix + name.upper() for name in Settings.model_fields}
    named = set(VARIABLE.findall((CHART / "templates" / "deployment.yaml").read_text()))
    assert sorted(named - known) == []


def test_the_lease_of_the_chart_is_one_that_the_operator_takes_at_once() -> None:
    text = (CHART / "templates" / "lease.yaml").read_text()
    assert text.split("\nspec:\n")[1].count(f"\n  leaseDurationSeconds: {RELEASED_SECONDS}\n") == 1
    assert "holderIdentity" not in text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_and_scrapes_ask_for_what_is_served(path: str) -> None:
    served = (ROOT / "operator" / "crosstree" / "telemetry" / "http.py").read_text()
    asked = "".join(file.read_text() for file in TEMPLATES)
    assert f'add_get("{path}"' in served
    assert f"path: {path}\n" in asked


def test_the_dashboard_shows_metrics_that_exist() -> None:
    series = {
        sample for metric in Metrics().registry.collect() for sample in _series(metric.name, metric.type)
    }
    text = (CHART / "files" / "dashboard.json").read_text()
    shown = set(METRIC.findall(text))
    assert sorted(shown - series) == [], "no such metric"


def test_the_dashboards_panels_do_not_overlap() -> None:
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        own = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not own & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= own
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_schema_and_values_name_the_same_fields_and_every_value_is_used() -> None:
    named = {path for path, _ in chart_values.leaves(values(), schema())}
    assert set(schema()["properties"]) - {"global"} == set(values())
    used = {
        path.removeprefix(".")
        for file in (*TEMPLATES, CHART / "templates" / "_helpers.tpl", CHART / "templates" / "NOTES.txt")
        for path in VALUE.findall(file.read_text())
    }
    unknown = [path for path in used if not any(_within(path, leaf) for leaf in named)]
    assert unknown == [], "templates read values that values.yaml does not have"
    # A dictionary may be read as a whole, under a shorter name.
    wholes = {"leaderElection", "resources"}
    idle = [
        leaf
        for leaf in named
        if leaf.split(".")[0] not in wholes and not any(_within(leaf, path) for path in used)
    ]
    assert idle == [], "values that no template reads"


def test_no_object_of_the_schema_takes_a_misspelt_field() -> None:
    def loose(node: Any, path: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        found = [path] if "properties" in node and node.get("additionalProperties") is not False else []
        for name, child in node.get("properties", {}).items():
            found += loose(child, f"{path}.{name}")
        return found

    assert loose(schema(), "") == []


def test_every_value_is_explained() -> None:
    text = (CHART / "values.yaml").read_text()
    said = dict(chart_values.comments(text))
    silent = [
        path
        for path, _ in chart_values.leaves(values(), schema())
        if not said.get(path) and path.split(".")[0] != "resources"  # one sentence for all of it
    ]
    assert silent == []


def _series(name: str, kind: str) -> list[str]:
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    return [name + suffix for suffix in suffixes.get(kind, [""])]


def _within(path: str, other: str) -> bool:
    """Whether two dotted names are the same or one holds the other."""
    return f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}.")
