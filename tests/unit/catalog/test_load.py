"""The shipped data as a whole, and what the rest of the operator relies on."""

from __future__ import annotations

import re

import pytest

from crosstree.catalog.load import Catalog, load, load_fabrics
from crosstree.catalog.table import markdown
from crosstree.core.accelerator import Cross, Rule
from crosstree.core.cluster import Preset
from crosstree.core.fabrics import DOMAIN_LEVEL
from crosstree.core.intranode import legal_counts
from crosstree.core.topology import NODE_LEVEL


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def test_every_row_has_a_source_and_a_title(catalog: Catalog) -> None:
    assert [row.profile.id for row in catalog.rows if not (row.source and row.profile.title)] == []


@pytest.mark.parametrize(
    "fallback",
    [
        *(
            "nvidia-gpu",
            "amd-gpu",
            "huawei-ascend910",
            "huawei-npu",
            "cambricon-mlu",
            "google-tpu",
            "intel-gaudi",
        ),
        *("intel-gpu", "aws-neuron", "hygon-dcu", "metax-gpu", "mthreads-gpu", "iluvatar-gpu", "enflame-gcu"),
        *("kunlunxin-xpu", "biren-gpu"),
    ],
)
def test_vendor_has_a_fallback_without_labels(catalog: Catalog, fallback: str) -> None:
    row = next(row for row in catalog.rows if row.profile.id == fallback)
    assert catalog.identify({}, row.names[0]) == row.profile


def test_devices_that_cannot_talk_are_taken_one_by_one(catalog: Catalog) -> None:
    alone = {profile.id for profile in catalog.profiles if not profile.gang}
    assert {"nvidia-gpu-shared", "nvidia-mig", "nvidia-mig-1g-5gb", "huawei-ascend-vnpu"} <= alone
    assert "amd-gpu-cpx" not in alone


def test_910a_pod_never_straddles_its_rings_but_may_take_both(catalog: Catalog) -> None:
    profile = catalog.profile("huawei-ascend-910a")
    assert profile
    assert (profile.intra.rule, profile.intra.size, profile.intra.cross) == (
        Rule.GROUPS,
        4,
        Cross.FORBID,
    )
    assert legal_counts(profile.intra, 8) == (1, 2, 4, 8)


def test_box16_takes_even_counts_over_both_rings(catalog: Catalog) -> None:
    profile = catalog.profile("huawei-ascend-910b-box16")
    assert profile
    assert legal_counts(profile.intra, 16) == (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)


def test_every_legal_count_is_one_that_the_core_accepts(catalog: Catalog) -> None:
    for profile in catalog.profiles:
        nodes = range(1, max([*profile.intra.legal, 1]) * 2 + 1)
        accepted = {count for devices in nodes for count in legal_counts(profile.intra, devices)}
        assert set(profile.intra.legal) <= accepted, profile.id


def test_tpu_slices_are_node_pools_and_single_hosts_are_not(catalog: Catalog) -> None:
    tpus = [profile for profile in catalog.profiles if profile.vendor == "google"]
    assert {profile.intra.rule for profile in tpus} == {Rule.FULL_NODE}
    for profile in tpus:
        single = profile.id.endswith("-host") or profile.id == "google-tpu"
        assert profile.slice_label == ("" if single else "cloud.google.com/gke-nodepool")


def test_every_preset_but_auto_and_none_is_described() -> None:
    assert set(load_fabrics()) == set(Preset) - {Preset.AUTO, Preset.NONE}


def test_auto_tries_the_newer_topograph_first_and_zones_last() -> None:
    order = list(load_fabrics())
    assert order[:2] == [Preset.TOPOGRAPH, Preset.TOPOGRAPH_LEGACY]
    assert order[-1] is Preset.ZONE


def test_both_topograph_generations_use_one_vocabulary() -> None:
    fabrics = load_fabrics()
    new, old = (fabrics[preset] for preset in (Preset.TOPOGRAPH, Preset.TOPOGRAPH_LEGACY))
    assert [level.name for level in old.levels] == ["core", "spine", "leaf"]
    assert [level.name for level in new.levels][-4:] == ["tier-3", "core", "spine", "leaf"]
    assert new.levels[-1].label == "fabric.topograph.run/tier-0"


def test_no_preset_takes_a_name_that_is_given() -> None:
    names = {level.name for preset in load_fabrics().values() for level in preset.levels}
    assert not names & {NODE_LEVEL, DOMAIN_LEVEL}


def test_the_page_has_a_row_for_every_row(catalog: Catalog) -> None:
    page = markdown(catalog)
    assert re.findall(r"^\| `([a-z0-9-]+)`", page, re.MULTILINE) == [row.profile.id for row in catalog.rows]
    assert (
        len({line.replace("\\|", "").count("|") for line in page.splitlines() if line.startswith("| `")}) == 2
    )
