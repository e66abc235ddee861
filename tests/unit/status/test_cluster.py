"""What an AICluster says about itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.cluster import Cluster, Selector
from crosstree.core.health import Action, Fault
from crosstree.core.inventory import Counts, Inventory, LevelRow, Named, PoolRow
from crosstree.core.ledger import NodeFailures
from crosstree.core.oddities import Oddity, OddityKind
from crosstree.core.snapshot import SpareRule
from crosstree.core.spares import SpareCount
from crosstree.core.troubles import collect
from crosstree.status.cluster import build
from crosstree.status.queue import JobCounts

NONE = Named(0, ())
CLUSTER = Cluster("east", "u1", 3, "10", 0.0)
POOL = PoolRow("east-h100", "nvidia", "h100", "nvidia.com/gpu", 4, True, Counts(32, 32, 8, 24, 0), ())
LEAF = LevelRow("leaf", 2, 16)
NODE = LevelRow("node", 4, 8)
FULL = Inventory("east", 4, 4, NONE, NONE, NONE, POOL.counts, (POOL,), (LEAF, NODE), 0.25)
EMPTY = Inventory("east", 0, 0, NONE, NONE, NONE, Counts(), (), (), 0.0)


def status(inventory=FULL, cluster=CLUSTER, oddities=(), now=1000.0):
    return build(cluster, inventory, oddities, JobCounts(2, 1), now=now)


def condition(type, inventory=FULL, cluster=CLUSTER, oddities=()):
    found = next(one for one in status(inventory, cluster, oddities)["conditions"] if one["type"] == type)
    return found["status"], found["reason"], found["message"]


def test_a_healthy_cluster_is_ready():
    assert condition("Ready") == ("True", "Ready", "32 accelerators of 1 model on 4 nodes.")
    assert condition("FabricComplete") == ("True", "Complete", "Every node is in place: 2 leaf.")
    assert condition("Healthy")[:2] == ("True", "Healthy")


def test_trouble_is_counted_by_action_and_the_worst_is_named():
    faults = {"n1": (Fault("GpuMemWatch", Action.DRAIN_NODE, 5.0),), "n2": (Fault("Hot", Action.AVOID, 1.0),)}
    hot = replace(FULL, avoided=Named(1, ("n2",)))
    found = build(CLUSTER, hot, (), JobCounts(2, 1), collect(faults), now=0.0)["conditions"][-1]
    assert (found["type"], found["status"]) == ("Healthy", "False")
    assert found["message"] == (
        "0 accelerators out of order. 1 node avoided for what it reports: n2. "
        "Nodes by action: DrainNode 1, Avoid 1. Worst: n1 GpuMemWatch, n2 Hot."
    )


def test_numbers_stand_under_their_names():
    found = status()
    numbers = {"total": 32, "healthy": 32, "allocated": 8, "free": 24, "unhealthy": 0}
    assert found["accelerators"] == numbers
    assert found["pools"] == [
        {"name": "east-h100", "vendor": "nvidia", "model": "h100", "nodes": 4, **numbers}
    ]
    assert found["nodes"] == {"total": 4, "ready": 4, "cordoned": 0}
    assert found["jobs"] == {"running": 2, "waiting": 1}
    assert found["fabric"]["largestFreeGang"][0] == {"level": "leaf", "accelerators": 16}
    assert found["observedGeneration"] == 3


def test_the_same_facts_give_the_same_status_at_any_time():
    first = status(now=1000.0)
    again = status(cluster=replace(CLUSTER, observed=first), now=2000.0)
    assert again == first


@pytest.mark.parametrize(
    ("cluster", "way"),
    [
        (CLUSTER, "Install the vendor's device plugin"),
        (replace(CLUSTER, selector=Selector((("a", "b"),))), "that spec.nodeSelector matches"),
        (replace(CLUSTER, auto_pools=False), "set spec.poolDiscovery: Auto"),
    ],
)
def test_a_cluster_without_nodes_says_what_would_help(cluster, way):
    state, reason, message = condition("Ready", EMPTY, cluster)
    assert (state, reason) == ("False", "NoNodes")
    assert way in message


def test_nodes_without_labels_are_counted_and_named():
    gap = Oddity(OddityKind.MISSING_LABEL, "leaf (x/leaf)", 7, ("n1", "n2", "n3", "n4", "n5"), "east-h100")
    state, reason, message = condition("FabricComplete", oddities=(gap,))
    assert (state, reason) == ("False", "LabelsMissing")
    assert (
        "7 nodes of pool east-h100 lack the label of level leaf (x/leaf): n1, n2, n3, n4, n5 and 2 more"
        in message
    )


def test_a_cluster_without_levels_is_complete_and_says_so():
    assert condition("FabricComplete", replace(FULL, levels=(NODE,)))[:2] == ("True", "NoFabric")


def test_what_else_is_odd_stands_beside_ready():
    claimed = Oddity(OddityKind.CLAIMED_TWICE, "west", 2, ("n8", "n9"))
    state, _, message = condition("Ready", oddities=(claimed,))
    assert state == "True"
    assert "2 nodes already belong to the older AICluster west: n8, n9." in message


def test_broken_nodes_are_counted_and_named():
    broken = replace(
        FULL, not_ready=Named(1, ("n1",)), faulty=Named(1, ("n2",)), counts=Counts(32, 16, 0, 16, 16)
    )
    state, reason, message = condition("Healthy", broken)
    assert (state, reason) == ("False", "NodesUnhealthy")
    assert message == ("16 accelerators out of order. 1 node not ready: n1; 1 node with a device fault: n2.")


def test_a_level_for_spares_that_no_pool_has_is_told_with_those_there_are():
    cluster = replace(CLUSTER, spares=SpareRule(1, "rack"))
    found, _, message = condition("Ready", cluster=cluster)
    assert found == "True"
    assert message.endswith(
        "spec.spares.level is 'rack', and no pool has that level, so no spare is kept; the levels are leaf, node. "
        "Name one of these."
    )
    kept = replace(FULL, pools=(replace(POOL, spares=SpareCount(2, 1)),))
    assert condition("Ready", kept, cluster)[2] == "32 accelerators of 1 model on 4 nodes."


def test_failing_nodes_are_listed_without_any_job():
    ledger = (NodeFailures("n1", 2, "NodeLost", 7200.0, 3600.0), NodeFailures("n2", 1, "DeviceLost", 60.0))
    found = build(CLUSTER, FULL, (), JobCounts(2, 1), now=9000.0, failures=ledger)["failures"]
    assert found == [
        {
            "node": "n1",
            "count": 2,
            "lastCause": "NodeLost",
            "lastAt": "1970-01-01T02:00:00Z",
            "previousAt": "1970-01-01T01:00:00Z",
        },
        {"node": "n2", "count": 1, "lastCause": "DeviceLost", "lastAt": "1970-01-01T00:01:00Z"},
    ]
