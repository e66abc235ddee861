"""Names that always fit and never collide."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from crosstree.base.names import MAX_JOB_NAME, MAX_LABEL, pod_name, pool_name, slug

DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")


def test_a_pod_is_named_after_its_job_its_role_and_its_rank() -> None:
    assert pod_name("bert", 3) == "bert-worker-3"
    assert pod_name("bert", 0, role="launcher") == "bert-launcher-0"


def test_the_longest_job_name_leaves_room_for_every_pod() -> None:
    assert len(pod_name("j" * MAX_JOB_NAME, 99_999, role="r" * 16)) <= MAX_LABEL


def test_text_that_is_a_label_already_is_its_own_slug() -> None:
    assert slug("nvidia-h100-sxm") == "nvidia-h100-sxm"


@given(st.text(max_size=200), st.integers(min_value=12, max_value=MAX_LABEL))
def test_every_slug_is_a_dns_label_that_fits(text: str, limit: int) -> None:
    made = slug(text, limit)
    assert DNS_LABEL.match(made)
    assert len(made) <= limit


@given(st.text(max_size=80), st.text(max_size=80))
def test_two_texts_never_share_a_slug(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


def test_texts_that_differ_only_in_what_a_label_drops_stay_apart() -> None:
    assert len({slug("A100 80GB"), slug("a100-80gb"), slug("a100_80gb"), slug("A100/80GB")}) == 4


def test_a_pool_is_named_after_its_cluster_and_model() -> None:
    assert pool_name("east", "nvidia-h100-sxm") == "east-nvidia-h100-sxm"


def test_a_model_with_two_resources_has_two_pools() -> None:
    names = {pool_name("east", "nvidia-a100", r) for r in (None, "nvidia.com/gpu", "nvidia.com/mig-1g.5gb")}
    assert len(names) == 3
