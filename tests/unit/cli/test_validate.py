"""`crosstree validate -f`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.cli.support import run

GOOD = {
    "apiVersion": "crosstree.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "good", "namespace": "a"},
    "spec": {
        "framework": {"name": "custom"},
        "workers": 2,
        "accelerators": {"perWorker": 8},
        "template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}},
    },
}
BAD = {**GOOD, "metadata": {"name": "bad"}, "spec": {**GOOD["spec"], "workers": 0}}  # type: ignore[dict-item]
FOREIGN = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}}


def _file(tmp_path: Path, *objects: object) -> str:
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    return str(path)


def test_good_objects_are_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = run(capsys, "validate", "-f", _file(tmp_path, GOOD, FOREIGN))
    assert answer.code == 0
    assert "TrainingJob good: ok" in answer.out
    assert "ConfigMap other: skipped" in answer.out


def test_a_bad_object_is_1_and_names_the_field(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = run(capsys, "validate", "-f", _file(tmp_path, GOOD, BAD))
    assert answer.code == 1
    assert "spec.workers" in answer.out
    assert "2 objects, 1 bad." in answer.out


def test_what_only_the_operator_would_refuse_is_found_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    trainer = {"name": "trainer", "image": "trainer", "resources": {"limits": {"nvidia.com/gpu": 4}}}
    spec: dict[str, object] = {**GOOD["spec"], "template": {"spec": {"containers": [trainer]}}}  # type: ignore[dict-item]
    answer = run(capsys, "validate", "-f", _file(tmp_path, {**GOOD, "spec": spec}))
    assert answer.code == 1
    assert "asks for 4 nvidia.com/gpu, but spec.accelerators.perWorker is 8" in " ".join(answer.out.split())


def test_programs_get_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = run(capsys, "validate", "-o", "json", "-f", _file(tmp_path, BAD))
    found = json.loads(answer.out)
    assert found[0]["object"] == "TrainingJob bad"
    assert len(found[0]["errors"]) == 1


def test_every_item_of_a_list_is_checked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = run(
        capsys, "validate", "-f", _file(tmp_path, {"kind": "List", "apiVersion": "v1", "items": [GOOD, BAD]})
    )
    assert answer.code == 1
    assert "2 objects" in answer.out


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2", ""])
def test_what_is_no_object_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    answer = run(capsys, "validate", "-f", str(path))
    assert answer.code == 2
    assert answer.err.count("\n") == 1


def test_a_folder_is_read_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _file(tmp_path, GOOD)
    (tmp_path / "more.json").write_text(json.dumps(GOOD))
    assert "2 objects, 0 bad." in run(capsys, "validate", "-f", str(tmp_path)).out


def test_crds_are_printed_for_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    printed = list(yaml.safe_load_all(run(capsys, "crds").out))
    kinds = {one["spec"]["names"]["kind"] for one in printed if one["kind"] == "CustomResourceDefinition"}
    assert kinds == {"AICluster", "AcceleratorPool", "JobQueue", "TrainingJob"}
