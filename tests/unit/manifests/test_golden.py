"""Service and pods of a gang, case by case: tests/golden/manifests/<case>/{in,out}.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from crosstree.core.cluster import Binding
from crosstree.core.job import Job, Placement
from crosstree.core.plan import NodeShare
from crosstree.manifests.pods import GangPods
from crosstree.manifests.services import service
from tests.support.builders.jobs import GPU, MODEL, a_job

GOLDEN = Path(__file__).parents[2] / "golden" / "manifests"
CASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


def made(case: dict[str, Any]) -> dict[str, Any]:
    job, placement = a_case(case)
    gang = GangPods(job, placement, attempt=3, binding=Binding(case["binding"]))
    return {"pod": json.loads(gang.body(case["index"])), "service": service(job)}


def a_case(case: dict[str, Any]) -> tuple[Job, Placement]:
    job = a_job(
        case["workers"],
        devices=case["devices"],
        framework=case["framework"],
        template=case["template"],
        priority_class=case.get("priority", ""),
    )
    nodes = tuple(NodeShare(node, index, 1) for index, node in enumerate(case["nodes"]))
    return job, Placement("pool", MODEL, GPU if case["devices"] else "", nodes)


@pytest.mark.parametrize("name", CASES)
def test_children_are_as_recorded(name: str) -> None:
    case = yaml.safe_load((GOLDEN / name / "in.yaml").read_text())
    expected = yaml.safe_load((GOLDEN / name / "out.yaml").read_text())
    assert made(case) == expected
