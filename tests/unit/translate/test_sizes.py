"""From `workers`, `parallelism` and `topology.groups` to the sizes of a gang and what of it stays together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree import translate
from crosstree.base.errors import SpecError
from crosstree.core.workload import NARROWEST, Gang, Groups
from tests.support.bad_objects import good_objects, merged

GOOD = next(good for good in good_objects() if good["kind"] == "TrainingJob")


def gang(workers: Any, per_worker: int = 8, **spec: Any) -> Gang:
    asked = {"workers": workers, "accelerators": {"perWorker": per_worker, "models": None}, "topology": None}
    return translate.job(merged(GOOD, {"spec": {**asked, **spec}})).gang


def a_range(least: int, most: int, step: int | None = None) -> dict[str, int]:
    return {"min": least, "max": most} | ({"step": step} if step else {})


def test_a_number_is_one_size() -> None:
    assert (gang(16).workers, gang(16).sizes) == (16, ())
    assert (gang(a_range(16, 16)).workers, gang(a_range(16, 16)).sizes) == (16, ())


@pytest.mark.parametrize(
    ("workers", "sizes"),
    [
        (a_range(8, 32, 8), (32, 24, 16, 8)),
        (a_range(2, 4), (4, 3, 2)),
        (a_range(2, 8, 3), (8, 5, 2)),
    ],
)
def test_a_range_is_its_sizes_the_largest_first(workers: dict[str, int], sizes: tuple[int, ...]) -> None:
    assert gang(workers).sizes == sizes
    assert gang(workers).workers == sizes[0]


def test_without_a_step_sizes_are_whole_groups() -> None:
    grouped = gang(a_range(3, 14), topology={"groups": {"size": 4, "required": "leaf"}})
    assert grouped.sizes == (12, 8, 4)
    assert grouped.workers == 12


def test_without_a_step_sizes_are_whole_replicas() -> None:
    split = {"tensor": 8, "pipeline": 4}
    assert gang(a_range(1, 16), parallelism=split).sizes == (16, 12, 8, 4)
    assert gang(a_range(1, 3), per_worker=32, parallelism=split).sizes == (3, 2, 1)
    assert gang(a_range(1, 3), per_worker=64, parallelism=split).sizes == (3, 2, 1)


def test_a_tensor_group_larger_than_a_worker_stays_in_the_narrowest_domain() -> None:
    assert gang(8, parallelism={"tensor": 32}).groups == Groups(4, NARROWEST)
    assert gang(8, parallelism={"tensor": 8, "pipeline": 4}).groups is None
    assert gang(8, per_worker=4, parallelism={"tensor": 8}).groups == Groups(2, NARROWEST)


def test_groups_that_are_given_win_over_those_that_follow() -> None:
    topology = {"groups": {"size": 8, "required": "leaf"}}
    assert gang(8, parallelism={"tensor": 32}, topology=topology).groups == Groups(8, "leaf")


@given(
    least=st.integers(-1, 40),
    most=st.integers(0, 40),
    step=st.none() | st.integers(0, 9),
    group=st.none() | st.integers(1, 9),
    per_worker=st.sampled_from((0, 1, 2, 4, 8)),
    split=st.none() | st.fixed_dictionaries({"tensor": st.integers(1, 17), "pipeline": st.integers(1, 5)}),
)
def test_whatever_is_accepted_has_legal_sizes_only(least, most, step, group, per_worker, split) -> None:
    topology = {"groups": {"size": group, "required": "leaf"}} if group else None
    try:
        found = gang(a_range(least, most, step), per_worker, topology=topology, parallelism=split)
    except SpecError:
        return
    replica = split["tensor"] * split["pipeline"] if split else 0
    sizes = found.sizes or (found.workers,)
    assert sizes == tuple(sorted(set(sizes), reverse=True))
    assert found.workers == sizes[0]
    for size in sizes:
        assert least <= size <= most
        assert not step or (size - least) % step == 0
        assert not group or size % group == 0
        assert not replica or (size * per_worker) % replica == 0
