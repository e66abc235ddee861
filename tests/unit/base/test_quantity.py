"""Kubernetes quantities as integers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.base.errors import SpecError
from crosstree.base.quantity import parse, told


@pytest.mark.parametrize(
    ("text", "resource", "amount"),
    [
        ("8", "nvidia.com/gpu", 8),
        (8, "nvidia.com/gpu", 8),
        ("1k", "nvidia.com/gpu", 1000),
        ("2", "cpu", 2000),
        (2, "cpu", 2000),
        ("500m", "cpu", 500),
        ("0.5", "cpu", 500),
        ("1e3", "cpu", 1_000_000),
        ("64Gi", "memory", 64 * 2**30),
        ("131886084Ki", "memory", 131_886_084 * 1024),
        ("64G", "memory", 64 * 10**9),
        ("1.5Ti", "memory", 3 * 2**39),
        ("128974848000m", "memory", 128_974_848),
        (" 4 ", "memory", 4),
        ("0", "cpu", 0),
    ],
)
def test_quantities_become_whole_units(text: str | int, resource: str, amount: int) -> None:
    assert parse(text, resource) == amount


@pytest.mark.parametrize(
    ("text", "resource", "amount"), [("1n", "cpu", 1), ("100u", "cpu", 1), ("1500m", "memory", 2)]
)
def test_a_part_of_a_unit_counts_as_one(text: str, resource: str, amount: int) -> None:
    assert parse(text, resource) == amount


@pytest.mark.parametrize("text", ["", "eight", "8 GPUs", "1.2.3", "4Kii", "mi", "64GiB", "1ki", "--1"])
def test_what_is_not_a_quantity_is_refused_with_examples(text: str) -> None:
    with pytest.raises(SpecError, match="8, 500m or 64Gi"):
        parse(text, "memory")


@given(st.integers(min_value=0, max_value=2**50))
def test_text_and_number_mean_the_same(amount: int) -> None:
    assert parse(str(amount), "cpu") == parse(amount, "cpu")
    assert parse(str(amount), "memory") == parse(amount, "memory") == amount


@given(
    st.integers(min_value=0, max_value=10**6),
    st.sampled_from(["n", "u", "m", "k", "Ki", "M", "Mi", "G", "Gi"]),
)
def test_a_request_is_never_counted_smaller_than_it_is(amount: int, suffix: str) -> None:
    assert parse(f"{amount}{suffix}", "memory") * 1000 >= parse(f"{amount}{suffix}", "cpu")


@pytest.mark.parametrize("text", ["9Ei", "1e30", "1" + "0" * 400])
def test_more_than_kubernetes_can_count_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        parse(text, "memory")


@pytest.mark.parametrize(
    ("amount", "resource", "text"),
    [
        (4 << 40, "memory", "4Ti"),
        ((2 << 40) - 1, "memory", "1.9Ti"),
        (512, "ephemeral-storage", "512"),
        (3 << 29, "hugepages-2Mi", "1.5Gi"),
        (1500, "cpu", "1.5"),
        (2_000_000_000, "cpu", "2000000"),
        (0, "memory", "0"),
        (8, "nvidia.com/gpu", "8"),
    ],
)
def test_an_amount_is_told_in_the_unit_people_use_and_cut_off_after_a_tenth(
    amount: int, resource: str, text: str
) -> None:
    assert told(amount, resource) == text
