"""Discovery: from labels and devices to pools, fabrics and what an admin should know."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.core.accelerator import Profile
from crosstree.core.cluster import Cluster, PoolObject, Preset, Selector
from crosstree.core.discovery import Layout, NodeFacts, discover
from crosstree.core.fabrics import FabricPreset
from crosstree.core.oddities import OddityKind
from crosstree.core.topology import LevelSpec
from crosstree.core.workload import Requirement

GPU = "nvidia.com/gpu"
MODEL = "nvidia.com/gpu.product"
PROFILES = {
    "H100": Profile("h100", "nvidia", domain_labels=("nvidia.com/gpu.clique",)),
    "A100": Profile("a100", "nvidia"),
}
TPU = Profile("tpu", "google", slice_label="pool")
FABRICS = {
    Preset.TOPOGRAPH: FabricPreset((LevelSpec("spine", "t/1"), LevelSpec("leaf", "t/0")), ("t/domain",)),
    Preset.TOPOGRAPH_LEGACY: FabricPreset((LevelSpec("spine", "l/spine"), LevelSpec("leaf", "l/leaf"))),
    Preset.ZONE: FabricPreset((LevelSpec("zone", "zone"),)),
    Preset.NONE: FabricPreset(()),
}


def identify(labels: Mapping[str, str], resource: str) -> Profile | None:
    if resource == "google.com/tpu":
        return TPU
    if resource not in (GPU, "nvidia.com/mig-1g"):
        return None
    return PROFILES.get(labels.get(MODEL, ""), Profile("gpu", "nvidia"))


def a_node(name: str, model: str = "H100", *devices: str, **labels: str) -> NodeFacts:
    named = {key.replace("__", "/"): value for key, value in labels.items()}
    return NodeFacts(name, {MODEL: model, **named}, devices or (GPU,))


def a_cluster(name: str = "east", created: float = 0.0, **changes: object) -> Cluster:
    return Cluster(name, f"uid-{name}", 1, "1", created, **changes)


def a_pool(name: str, model: str, created: float = 0.0, **changes: object) -> PoolObject:
    return PoolObject(
        name, f"uid-{name}", 1, "1", created, changes.pop("cluster", "east"), model, GPU, **changes
    )


def lay_out(
    nodes: list[NodeFacts], *clusters: Cluster, pools: tuple[PoolObject, ...] = ()
) -> dict[str, Layout]:
    found = discover(
        nodes,
        clusters or (a_cluster(),),
        pools,
        identify=lambda _: identify,
        fabrics=FABRICS,
        column={GPU: 3, "nvidia.com/mig-1g": 4, "google.com/tpu": 5},
    )
    return {layout.cluster: layout for layout in found}


def names(layout: Layout, pool: str) -> list[str]:
    return [layout.names[row] for row in next(one for one in layout.pools if one.name == pool).nodes]


def test_one_pool_per_accelerator_in_fabric_order() -> None:
    east = lay_out(
        [
            a_node("n3", "H100", t__1="s1", t__0="l1"),
            a_node("n1", "H100", t__1="s1", t__0="l2"),
            a_node("n2", "A100"),
        ]
    )["east"]
    assert [pool.name for pool in east.pools] == ["east-a100", "east-h100"]
    assert names(east, "east-h100") == ["n3", "n1"]
    assert east.pools[1].column == 3
    assert east.names == ("n1", "n2", "n3")


def test_node_without_accelerators_is_in_no_cluster_unless_selected() -> None:
    plain = NodeFacts("cpu", {"team": "a"})
    assert lay_out([plain, a_node("n1")])["east"].names == ("n1",)
    chosen = a_cluster(selector=Selector((("team", "a"),)))
    assert lay_out([plain, a_node("n1")], chosen)["east"].names == ("cpu",)


def test_model_with_two_resources_makes_two_pools_that_are_told_apart() -> None:
    east = lay_out([a_node("n1"), a_node("n2", "H100", "nvidia.com/mig-1g")])["east"]
    assert [pool.name for pool in east.pools] == ["east-h100-gpu", "east-h100-mig-1g"]


def test_node_claimed_twice_belongs_to_the_older_cluster_and_the_younger_is_told() -> None:
    found = lay_out([a_node("n1"), a_node("n2")], a_cluster("young", 2.0), a_cluster("zold", 1.0))
    assert found["zold"].names == ("n1", "n2")
    assert found["young"].names == ()
    told = next(one for one in found["young"].oddities if one.kind is OddityKind.CLAIMED_TWICE)
    assert (told.subject, told.count) == ("zold", 2)
    assert "n1, n2" in told.message


def test_two_clusters_with_different_fabrics_side_by_side() -> None:
    found = lay_out(
        [a_node("n1", site="a", t__0="l1"), a_node("n2", site="b", l__leaf="l2", l__spine="s")],
        a_cluster("a", selector=Selector((("site", "a"),))),
        a_cluster("b", selector=Selector((), (Requirement("site", "In", ("b",)),))),
    )
    assert found["a"].pools[0].fabric.level_names == ("leaf", "node")
    assert found["b"].pools[0].fabric.level_names == ("spine", "leaf", "node")


@pytest.mark.parametrize(
    ("labels", "levels"),
    [
        ({"t__1": "s", "t__0": "l"}, ("spine", "leaf", "node")),
        ({"l__spine": "s", "l__leaf": "l"}, ("spine", "leaf", "node")),
        ({"l__leaf": "l", "t__0": "l"}, ("leaf", "node")),
        ({"zone": "z"}, ("zone", "node")),
        ({}, ("node",)),
        ({"t__0": "l", "t__domain": "d"}, ("leaf", "domain", "node")),
        ({"t__0": "l", "nvidia.com/gpu.clique": "c"}, ("leaf", "domain", "node")),
    ],
)
def test_auto_takes_the_first_preset_that_a_node_carries(labels, levels) -> None:
    assert lay_out([a_node("n1", **labels)])["east"].pools[0].fabric.level_names == levels


def test_named_preset_and_declared_levels_win_over_auto() -> None:
    node = a_node("n1", t__0="l", zone="z", rack="r")
    zone = lay_out([node], a_cluster(preset=Preset.ZONE))["east"]
    assert zone.pools[0].fabric.level_names == ("zone", "node")
    declared = lay_out([node], a_cluster(levels=(LevelSpec("rack", "rack"),)))["east"]
    assert declared.pools[0].fabric.level_names == ("rack", "node")


def test_declared_level_that_no_node_carries_is_left_out_and_told() -> None:
    east = lay_out(
        [a_node("n1", rack="r")], a_cluster(levels=(LevelSpec("row", "row"), LevelSpec("rack", "rack")))
    )["east"]
    assert east.pools[0].fabric.level_names == ("rack", "node")
    assert [one.subject for one in east.oddities if one.kind is OddityKind.LEVEL_ABSENT] == ["row (row)"]


def test_nodes_that_lack_a_label_are_counted_and_the_first_are_named() -> None:
    nodes = [a_node("n0", t__0="l")] + [a_node(f"n{at}") for at in range(1, 9)]
    (told,) = [one for one in lay_out(nodes)["east"].oddities if one.kind is OddityKind.MISSING_LABEL]
    assert told.count == 8
    assert told.message.startswith(
        "8 nodes of pool east-h100 lack the label of level leaf (t/0): n1, n2, n3, n4, n5"
    )
    assert "and 3 more" in told.message


def test_tpu_slice_is_the_domain_of_its_pool() -> None:
    east = lay_out([a_node("n1", "", "google.com/tpu", zone="z", pool="s1")])["east"]
    assert east.pools[0].fabric.level_names == ("zone", "domain", "node")
    assert east.pools[0].fabric.levels[1].names == ("s1",)


def test_explicit_mode_knows_declared_pools_only() -> None:
    nodes = [a_node("n1", tier="gold"), a_node("n2"), a_node("n3", "A100")]
    gold = a_pool("gold", "h100", selector=Selector((("tier", "gold"),)))
    east = lay_out(nodes, a_cluster(auto_pools=False), pools=(gold,))["east"]
    assert [pool.name for pool in east.pools] == ["gold"]
    assert names(east, "gold") == ["n1"]
    assert east.names == ("n1", "n2", "n3")


def test_pool_made_by_hand_takes_its_nodes_and_the_rest_is_found() -> None:
    nodes = [a_node("n1", tier="gold"), a_node("n2")]
    gold = a_pool("gold", "h100", selector=Selector((("tier", "gold"),)))
    east = lay_out(nodes, pools=(gold,))["east"]
    assert (names(east, "gold"), names(east, "east-h100")) == (["n1"], ["n2"])


def test_older_of_two_overlapping_pools_wins_and_the_younger_is_told() -> None:
    old, young = a_pool("old", "h100", 1.0), a_pool("new", "h100", 2.0)
    east = lay_out([a_node("n1")], a_cluster(auto_pools=False), pools=(young, old))["east"]
    assert [pool.name for pool in east.pools] == ["old"]
    kinds = {one.kind for one in east.oddities}
    assert {OddityKind.POOL_OVERLAP, OddityKind.POOL_EMPTY} <= kinds


def test_object_of_a_found_pool_can_close_it() -> None:
    closed = a_pool("east-h100", "h100", owned=True, schedulable=False)
    east = lay_out([a_node("n1"), a_node("n2", "A100")], pools=(closed,))["east"]
    assert {pool.name: pool.schedulable for pool in east.pools} == {"east-h100": False, "east-a100": True}


def test_cluster_without_nodes_says_what_to_do() -> None:
    (told,) = lay_out([])["east"].oddities
    assert told.kind is OddityKind.NO_NODES
    assert "spec.nodeSelector" in told.message


@given(
    st.permutations([a_node(f"n{at}", "H100" if at % 2 else "A100", t__0=f"l{at % 3}") for at in range(8)])
)
def test_order_of_nodes_is_irrelevant(nodes) -> None:
    def told(layout: Layout) -> object:
        return layout.names, layout.oddities, [(one.name, one.nodes.tolist()) for one in layout.pools]

    assert told(lay_out(nodes)["east"]) == told(lay_out(sorted(nodes, key=lambda one: one.name))["east"])
