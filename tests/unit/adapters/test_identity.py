"""What Kubernetes tells a pod about itself, and what happens where it tells nothing."""

from __future__ import annotations

import pytest

from crosstree.adapters import identity as module
from crosstree.adapters.identity import identity, namespace
from crosstree.base.errors import SettingsError


def test_what_is_chosen_goes_over_what_kubernetes_says(monkeypatch, tmp_path) -> None:
    (tmp_path / "namespace").write_text("account-ns\n")
    monkeypatch.setattr(module, "NAMESPACE", tmp_path / "namespace")
    assert namespace(None) == "account-ns"
    monkeypatch.setenv("POD_NAMESPACE", "pod-ns")
    monkeypatch.setenv("POD_NAME", "pod")
    assert (identity(None, "1"), namespace(None)) == ("pod", "pod-ns")
    assert (identity("me", "1"), namespace("here")) == ("me", "here")


def test_outside_a_pod_two_processes_of_one_host_differ(monkeypatch) -> None:
    monkeypatch.delenv("POD_NAME", raising=False)
    assert identity(None, "1") != identity(None, "2")


def test_outside_a_pod_the_namespace_has_to_be_named(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    monkeypatch.setattr(module, "NAMESPACE", tmp_path / "none")
    with pytest.raises(SettingsError, match="CROSSTREE_LEASE_NAMESPACE"):
        namespace(None)
