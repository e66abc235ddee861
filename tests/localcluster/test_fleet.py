"""Fleets and profiles: from YAML to node manifests. Needs no cluster."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from localcluster.errors import FleetError
from localcluster.fabric import STYLES, Fabric
from localcluster.fleet import FLEETS, Fleet
from localcluster.profiles import profiles

LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
LABEL_KEY = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
SHIPPED = sorted(file.stem for file in FLEETS.glob("*.yaml"))


def a_fleet(*groups: dict[str, object]) -> Fleet:
    return Fleet.parse({"groups": [{"profile": "nvidia-h100-sxm-8", **group} for group in groups]})


@pytest.mark.parametrize("name", profiles())
def test_profile_gives_nodes_the_api_server_accepts(name: str) -> None:
    nodes = Fleet.parse({"groups": [{"profile": name, "count": 40}]}).nodes()

    for node in nodes:
        for key, value in node["metadata"]["labels"].items():
            assert LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value), (key, value)
        for key in node["status"]["capacity"]:
            assert LABEL_KEY.fullmatch(key), key
        for taint in node["spec"]["taints"]:
            assert taint["effect"] in ("NoSchedule", "PreferNoSchedule", "NoExecute")
        assert node["status"]["capacity"] == node["status"]["allocatable"]


def test_profiles_cover_the_vendors() -> None:
    assert {profile.vendor for profile in profiles().values()} >= {
        "nvidia", "amd", "huawei", "cambricon", "google", "intel", "aws", "graphcore", "qualcomm", "xilinx", "hygon",
        "metax", "mthreads", "iluvatar", "enflame", "kunlunxin", "biren",
    }  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_fleet_has_unique_names_and_addresses(name: str) -> None:
    nodes = Fleet.load(name).nodes()

    assert nodes
    assert max(Counter(node["metadata"]["name"] for node in nodes).values()) == 1
    assert max(Counter(node["status"]["addresses"][0]["address"] for node in nodes).values()) == 1


@pytest.mark.parametrize("total", [0, 1, 17, 64, 200, 1000, 5003])
def test_mixed_fleet_scales_to_any_size(total: int) -> None:
    assert len(Fleet.default().nodes(total)) == total


def test_mixed_fleet_has_at_least_eight_vendors_from_its_usual_size_on() -> None:
    fleet = Fleet.default()
    vendors = {group.profile.vendor for group in fleet.groups if fleet.counts()[group.name]}

    assert len(vendors - {"none"}) >= 8


def test_shares_divide_what_fixed_counts_leave() -> None:
    fleet = a_fleet({"name": "a", "count": 4}, {"name": "b", "share": 3}, {"name": "c", "share": 1})

    assert fleet.counts(24) == {"a": 4, "b": 15, "c": 5}


def test_small_share_still_gets_a_node() -> None:
    fleet = a_fleet({"name": "big", "share": 1000}, {"name": "small", "share": 1})

    assert fleet.counts(10) == {"big": 9, "small": 1}


def test_names_sort_as_they_count() -> None:
    names = [node["metadata"]["name"] for node in a_fleet({"name": "h100", "count": 1200}).nodes()]

    assert names == sorted(names) and names[0] == "h100-0000"


def test_uniform_fleet_fills_leaves_of_sixteen_and_spines_of_eight() -> None:
    labels = [node["metadata"]["labels"] for node in Fleet.load("h100-uniform").nodes(256)]

    leaves = Counter(label["network.topology.nvidia.com/leaf"] for label in labels)
    spines = Counter(label["network.topology.nvidia.com/spine"] for label in labels)
    assert set(leaves.values()) == {16} and set(spines.values()) == {128}


def test_racks_of_gb200_are_cliques_of_eighteen_arm_nodes() -> None:
    nodes = Fleet.load("nvl72").nodes()

    cliques = Counter(node["metadata"]["labels"]["nvidia.com/gpu.clique"] for node in nodes)
    assert set(cliques.values()) == {18}
    assert {node["metadata"]["labels"]["kubernetes.io/arch"] for node in nodes} == {"arm64"}


def test_tpu_slice_is_one_node_pool() -> None:
    nodes = Fleet.parse({"groups": [{"profile": "google-tpu-v5p-4", "count": 8}]}).nodes()

    pools = Counter(node["metadata"]["labels"]["cloud.google.com/gke-nodepool"] for node in nodes)
    assert pools == {"tpu-v5p-slice-0": 4, "tpu-v5p-slice-1": 4}


def test_super_pod_is_told_by_annotation() -> None:
    nodes = Fleet.parse({"groups": [{"profile": "ascend-910c-16", "count": 48}]}).nodes()

    assert Counter(node["metadata"]["annotations"]["superPodID"] for node in nodes) == {"0": 24, "1": 24}


@pytest.mark.parametrize("style", STYLES)
def test_style_labels_are_nested(style: str) -> None:
    fabric = Fabric(style, leaf_size=2, leaves_per_spine=2, spines_per_core=2)
    labels = [fabric.labels("g", index, 16) for index in range(16)]

    assert len({tuple(sorted(label)) for label in labels}) == 1
    sizes = sorted(len({label[key] for label in labels}) for key in labels[0])
    assert set(sizes) <= {1, 2, 4, 8, 16}


def test_last_nodes_can_be_cordoned_and_unlabelled() -> None:
    fleet = a_fleet(
        {"name": "n", "count": 4, "cordoned": 1, "fabric": {"style": "topograph", "unlabelled": 2}}
    )
    nodes = fleet.nodes()

    assert [node["spec"].get("unschedulable", False) for node in nodes] == [False, False, False, True]
    assert ["fabric.topograph.run/tier-0" in node["metadata"]["labels"] for node in nodes] == [
        True,
        True,
        False,
        False,
    ]


def test_group_overrides_win_over_the_profile() -> None:
    (node,) = a_fleet(
        {"count": 1, "labels": {"nvidia.com/gpu.family": "mine"}, "resources": {"x.y/z": 2}}
    ).nodes()

    assert node["metadata"]["labels"]["nvidia.com/gpu.family"] == "mine"
    assert node["status"]["capacity"]["x.y/z"] == "2" and "nvidia.com/gpu" not in node["status"]["capacity"]


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"profile": "nvidia-h100", "count": 1}, "nvidia-h100-sxm-8"),
        ({"count": 1, "share": 1}, "either `count`"),
        ({"count": 1, "colour": "red"}, "unknown colour"),
        ({"count": 1, "fabric": {"style": "mesh"}}, "topograph-legacy"),
        ({"count": 1, "fabric": {"leafSize": 0}}, "leafSize is 0"),
        ({"share": 0}, "above 0"),
    ],
)
def test_mistake_in_a_group_is_named_with_what_would_do(group: dict[str, object], message: str) -> None:
    with pytest.raises(FleetError, match=re.escape(message)):
        a_fleet(group)


def test_fixed_fleet_refuses_another_size() -> None:
    with pytest.raises(FleetError, match="share: 1"):
        Fleet.load("laptop").nodes(100)


def test_missing_fleet_file_lists_the_shipped_ones() -> None:
    with pytest.raises(FleetError, match="h100-uniform"):
        Fleet.load("nowhere")
