"""What can be said of objects without a cluster, in the words the API server would use."""

from __future__ import annotations

from typing import Any

import pytest

from crosstree.api.v1alpha1.validate import check
from tests.support.bad_objects import Case, bad_objects, good_objects, merged


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in bad_objects()])
def test_what_the_api_server_refuses_is_refused_without_it(case: Case) -> None:
    messages = [problem.message for problem in check([case.bad])]
    assert any(" ".join(case.offline.split()) in message for message in messages), messages


def test_good_objects_have_no_problems() -> None:
    assert check(good_objects()) == []


def test_all_faults_of_an_object_are_reported_at_once_with_their_fields() -> None:
    job = merged(
        a_job(),
        {"spec": {"workers": 0, "accelerators": {"perWorker": "8"}, "template": {"spec": {"hostname": "x"}}}},
    )
    assert [problem.field for problem in check([job])] == [
        "spec.workers",
        "spec.accelerators.perWorker",
        "spec.template.spec.hostname",
    ]


def test_a_problem_names_its_object() -> None:
    problem = check([merged(a_job(), {"spec": {"workers": 0}})])[0]
    assert (problem.kind, problem.name) == ("TrainingJob", "default/train")


def test_objects_of_others_are_left_alone() -> None:
    assert check([{"apiVersion": "v1", "kind": "Pod", "spec": "nonsense"}]) == []


def test_a_list_is_looked_into() -> None:
    inside = {"apiVersion": "v1", "kind": "List", "items": [merged(a_job(), {"spec": {"workers": 0}})]}
    assert [problem.field for problem in check([inside, None])] == ["spec.workers"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("text", "A document is str, not an object with apiVersion and kind."),
        ({"kind": "TrainingJob"}, "apiVersion or kind is missing; every object names both."),
        (
            {"apiVersion": "crosstree.dev/v1", "kind": "TrainingJob"},
            "apiVersion is crosstree.dev/v1; use crosstree.dev/v1alpha1.",
        ),
        (
            {"apiVersion": "crosstree.dev/v1alpha1", "kind": "TraningJob"},
            "kind is TraningJob; crosstree.dev has AICluster, AcceleratorPool, JobQueue, TrainingJob.",
        ),
    ],
)
def test_a_document_that_is_no_object_of_ours_says_what_would_be(document: Any, says: str) -> None:
    assert [problem.message for problem in check([document])] == [says]


def a_job() -> dict[str, Any]:
    return next(good for good in good_objects() if good["kind"] == "TrainingJob")
