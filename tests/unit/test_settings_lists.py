"""Lists in environment variables: as people type them, and as the chart writes them."""

from __future__ import annotations

import pytest

from crosstree.base.errors import SettingsError
from crosstree.settings import checked


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("kube-system", ("kube-system",)),
        ("kube-system, mindx-dl", ("kube-system", "mindx-dl")),
        ('["kube-system","mindx-dl"]', ("kube-system", "mindx-dl")),
    ],
)
def test_namespaces_are_read_by_commas_or_as_json(text: str, found: tuple[str, ...]) -> None:
    assert checked({"mindcluster_namespaces": text}).mindcluster_namespaces == found


def test_a_broken_list_is_refused_with_a_sentence() -> None:
    with pytest.raises(SettingsError, match="mindcluster_namespaces is "):
        checked({"mindcluster_namespaces": '["kube-system"'})
