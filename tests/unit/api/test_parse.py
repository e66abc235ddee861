"""Reading stored objects: a model, or one sentence about the object; never anything else."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.api.v1alpha1.common import Object
from crosstree.api.v1alpha1.kinds import KINDS
from crosstree.api.v1alpha1.parse import parse
from crosstree.api.v1alpha1.schema import structural
from crosstree.api.v1alpha1.trainingjob import TrainingJob
from crosstree.base.errors import SpecError
from tests.support.bad_objects import good_objects, merged

GOOD = {good["kind"]: good for good in good_objects()}
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


def test_the_sentence_names_the_object_the_field_what_was_found_and_what_would_do() -> None:
    with pytest.raises(SpecError) as refusal:
        parse(TrainingJob, merged(GOOD["TrainingJob"], {"spec": {"workers": 0}}))
    assert str(refusal.value) == "TrainingJob default/train: spec.workers is 0; it must be at least 1."


def test_further_faults_are_counted() -> None:
    with pytest.raises(SpecError, match=r"\(1 more\.\)$"):
        parse(TrainingJob, merged(GOOD["TrainingJob"], {"spec": {"workers": 0, "suspend": "no"}}))


@pytest.mark.parametrize("status", [None, "text", [], {"phase": 7}, {"conditions": {"a": 1}}])
def test_a_status_is_never_a_reason_to_refuse_an_object(status: Any) -> None:
    assert parse(TrainingJob, {**GOOD["TrainingJob"], "status": status}).spec.workers == 16


@pytest.mark.parametrize("raw", [None, [], "text", {}, {"metadata": 3}, {"spec": {"template": 1}}])
def test_nonsense_is_refused_with_a_sentence(raw: Any) -> None:
    with pytest.raises(SpecError):
        parse(TrainingJob, raw)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(raw=json)
def test_any_json_is_read_or_refused(kind: type[Object], raw: Any) -> None:
    with contextlib.suppress(SpecError):
        parse(kind, raw)


@st.composite
def almost_jobs(draw: st.DrawFn) -> dict[str, Any]:
    """A good TrainingJob with one value anywhere in it replaced by something else."""

    def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        match value:
            case dict():
                inner = [place for key, child in value.items() for place in places(child, (*path, key))]
            case list():
                inner = [
                    place for index, child in enumerate(value) for place in places(child, (*path, index))
                ]
            case _:
                inner = []
        return [path, *inner]

    job = merged(GOOD["TrainingJob"], {})
    path = draw(st.sampled_from(places(job)[1:]))
    holder = job
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = draw(json)
    return job


@given(raw=almost_jobs())
def test_a_job_with_anything_anywhere_is_read_or_refused(raw: dict[str, Any]) -> None:
    with contextlib.suppress(SpecError):
        parse(TrainingJob, raw)


def test_a_field_that_is_nearly_right_is_suggested() -> None:
    assert "template" in structural(TrainingJob)["properties"]["spec"]["properties"]
    with pytest.raises(SpecError, match="did you mean template"):
        parse(TrainingJob, merged(GOOD["TrainingJob"], {"spec": {"templates": {}}}))
