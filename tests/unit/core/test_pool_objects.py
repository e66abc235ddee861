"""Which AcceleratorPool objects are made, mended and removed."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.cluster import Cluster, PoolObject
from crosstree.core.inventory import Counts, PoolRow
from crosstree.core.pool_objects import Make, Mend, Remove, upkeep

EAST = Cluster("east", "u1", 1, "1", 0.0)
H100 = PoolRow("east-h100", "nvidia", "nvidia-h100-sxm", "nvidia.com/gpu", 1, True, Counts(8, 8, 0, 8, 0), ())
OBJECT = PoolObject("east-h100", "u2", 1, "1", 0.0, "east", "nvidia-h100-sxm", "nvidia.com/gpu", owned=True)


def test_a_discovered_pool_without_an_object_is_made():
    assert upkeep(EAST, [H100], {}, []) == (Make(H100),)


def test_an_object_that_matches_is_left_alone():
    assert upkeep(EAST, [H100], {"east-h100": OBJECT}, []) == ()


def test_a_field_of_ours_that_somebody_changed_is_put_back():
    assert upkeep(EAST, [H100], {"east-h100": replace(OBJECT, model="other")}, []) == (Mend(H100),)


def test_an_object_that_cant_be_read_is_mended_and_not_made_twice():
    assert upkeep(EAST, [H100], {}, ["east-h100"]) == (Mend(H100),)


def test_a_pool_made_by_hand_under_that_name_is_the_admins():
    by_hand = replace(OBJECT, owned=False, model="other")
    assert upkeep(EAST, [H100], {"east-h100": by_hand}, []) == ()
    assert upkeep(EAST, [], {"east-h100": by_hand}, []) == ()


def test_a_pool_without_nodes_is_removed_once():
    assert upkeep(EAST, [], {"east-h100": OBJECT}, []) == (Remove(OBJECT),)
    assert upkeep(EAST, [], {"east-h100": replace(OBJECT, deleting=True)}, []) == ()


def test_pools_of_another_cluster_are_not_ours_to_remove():
    assert upkeep(EAST, [], {"east-h100": replace(OBJECT, cluster="west")}, []) == ()


def test_a_cluster_with_explicit_pools_makes_and_removes_none():
    explicit = replace(EAST, auto_pools=False)
    assert upkeep(explicit, [H100], {"other": replace(OBJECT, name="other")}, []) == ()
