"""Asking the catalog: any labels, any resource, and an admin's own rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.catalog import lookup
from crosstree.catalog.load import load
from crosstree.core.accelerator import Cross, IntraNode, Rule
from crosstree.core.cluster import DeclaredProfile

CATALOG = load()
ANOTHER = load()
KEYS = sorted(CATALOG.label_keys)
RESOURCES = sorted({name.removeprefix("re:").replace("\\", "") for row in CATALOG.rows for name in row.names})
WORDS = [
    "NVIDIA-H100-80GB-HBM3-SHARED",
    "NVIDIA-GB200",
    "74A1",
    "module-a3-16",
    "910B4",
    "64G",
    "trn2.48xlarge",
    "",
    "İ",
]

labels = st.dictionaries(
    st.sampled_from(KEYS) | st.text(max_size=8), st.sampled_from(WORDS) | st.text(max_size=70)
)
resources = st.sampled_from(RESOURCES) | st.text(max_size=40)

HORIZON = DeclaredProfile(
    model="horizon-journey-5",
    vendor="horizon",
    resource="horizon.ai/bpu",
    node_labels=(("board", "J5_Matrix"),),
    intra=IntraNode(Rule.GROUPS, 2, Cross.FORBID, (1, 2, 4)),
)


@settings(max_examples=500, deadline=None)
@given(labels, resources)
def test_any_labels_and_resource_get_the_same_answer_every_time(node: dict[str, str], resource: str) -> None:
    first = CATALOG.identify(node, resource)
    again = ANOTHER.identify(dict(reversed(node.items())), resource)
    assert first == again == CATALOG.identify(node, resource)
    assert first is None or CATALOG.is_accelerator(resource)
    assert first is None or CATALOG.profile(first.id) == first


def test_label_that_changes_for_ever_does_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_MEMO", 50)
    catalog = load()
    for number in range(200):
        catalog.identify({"nvidia.com/gpu.product": f"p{number}"}, "nvidia.com/gpu")
        catalog.identify({}, f"example.com/r{number}")
    assert max(len(catalog._answers), len(catalog._questions)) <= 50


def test_unknown_resource_is_no_accelerator() -> None:
    assert CATALOG.identify({"nvidia.com/gpu.product": "NVIDIA-B200"}, "cpu") is None
    assert not CATALOG.is_accelerator("rdma/hca_shared_devices_a")


def test_declared_accelerator_is_found_by_its_labels() -> None:
    catalog = CATALOG.with_declared([HORIZON])
    found = catalog.identify({"board": "J5_Matrix"}, "horizon.ai/bpu")
    assert found
    assert (found.id, found.vendor, found.intra) == ("horizon-journey-5", "horizon", HORIZON.intra)
    assert catalog.identify({"board": "J6"}, "horizon.ai/bpu") is None
    assert catalog.is_accelerator("horizon.ai/bpu")
    assert "board" in catalog.label_keys
    assert not CATALOG.is_accelerator("horizon.ai/bpu")


def test_declared_label_is_compared_whole() -> None:
    catalog = CATALOG.with_declared([HORIZON])
    assert catalog.identify({"board": "J5_Matrix.2"}, "horizon.ai/bpu") is None


def test_declared_accelerator_without_labels_is_every_node_with_its_resource() -> None:
    edge = DeclaredProfile(model="lattice-ecp5", vendor="lattice", resource="lattice.com/fpga")
    found = CATALOG.with_declared([edge]).identify({}, "lattice.com/fpga")
    assert found
    assert found.id == "lattice-ecp5"


def test_declared_row_wins_over_the_catalogs() -> None:
    mine = DeclaredProfile("our-h100", "nvidia", "nvidia.com/gpu", (("rack", "a"),))
    catalog = CATALOG.with_declared([mine])
    node = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    ours, theirs = (
        catalog.identify({**node, **rack}, "nvidia.com/gpu") for rack in ({"rack": "a"}, {"rack": "b"})
    )
    assert ours
    assert ours.id == "our-h100"
    assert theirs
    assert theirs.id == "nvidia-h100-sxm"


def test_declaring_a_known_model_changes_it_everywhere() -> None:
    known = CATALOG.profile("intel-gaudi2")
    assert known
    mine = DeclaredProfile(
        "intel-gaudi2", "intel", "habana.ai/gaudi", (("rack", "a"),), IntraNode(legal=(8,))
    )
    catalog = CATALOG.with_declared([mine])
    by_label = catalog.identify({"rack": "a"}, "habana.ai/gaudi")
    by_row = catalog.identify(
        {"feature.node.kubernetes.io/pci-1200_1da3_1020.present": "true"}, "habana.ai/gaudi"
    )
    assert by_label == by_row == catalog.profile("intel-gaudi2")
    assert by_label
    assert by_label.intra.legal == (8,)
    assert by_label.memory_gib == known.memory_gib
    assert [profile.id for profile in catalog.profiles].count("intel-gaudi2") == 1


def test_declaring_nothing_changes_nothing() -> None:
    assert CATALOG.with_declared([]) is CATALOG
