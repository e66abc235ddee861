"""The patch that turns one stored status into the next."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crosstree.status.job import changes
from tests.support.virtual_jobs import merge_patched

STATUSES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from("abc"),
    st.integers() | st.lists(st.integers()) | st.dictionaries(st.sampled_from("xyz"), st.integers()),
)


@given(STATUSES, STATUSES)
def test_a_merge_patch_turns_any_status_into_any_other(
    stored: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert merge_patched(stored, changes(stored, wanted)) == wanted
    assert changes(stored, stored) == {}
