"""What an AcceleratorPool says about itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.cluster import PoolObject
from crosstree.core.health import Action, Fault
from crosstree.core.inventory import Counts, DomainRow, PoolRow
from crosstree.core.spares import SpareCount
from crosstree.core.troubles import collect
from crosstree.status.pool import build

POOL = PoolObject("east-h100", "u", 2, "7", 0.0, "east", "h100", "nvidia.com/gpu")
DOMAIN = DomainRow("leaf", "l1", 4, 32, 24)
ROW = PoolRow("east-h100", "nvidia", "h100", "nvidia.com/gpu", 4, True, Counts(32, 32, 8, 24, 0), (DOMAIN,))


def test_a_pool_shows_its_numbers_and_domains():
    status = build(POOL, ROW, cluster_exists=True, now=0.0)
    assert (status["vendor"], status["nodes"], status["free"]) == ("nvidia", 4, 24)
    assert status["domains"] == [{"level": "leaf", "name": "l1", "nodes": 4, "total": 32, "free": 24}]
    assert status["conditions"][0]["message"] == "32 accelerators on 4 nodes."


def test_a_pool_lists_what_its_nodes_report():
    drained = Fault("CardUnhealthy", Action.DRAIN_DEVICE, 5.0, "code 8", devices=("Ascend910-4",))
    status = build(
        POOL, ROW, collect({"n1": (drained, Fault("Odd", Action.AVOID, 0.0))}), cluster_exists=True, now=0.0
    )
    assert status["faultyNodes"] == 1
    assert status["faults"] == [
        {
            "node": "n1",
            "signal": "CardUnhealthy",
            "action": "DrainDevice",
            "since": "1970-01-01T00:00:05Z",
            "message": "Ascend910-4: code 8",
        },
        {"node": "n1", "signal": "Odd", "action": "Avoid", "message": ""},
    ]


@pytest.mark.parametrize(
    ("pool", "row", "exists", "reason"),
    [
        (POOL, None, False, "ClusterNotFound"),
        (POOL, None, True, "NoNodes"),
        (replace(POOL, schedulable=False), ROW, True, "Closed"),
    ],
)
def test_a_pool_that_takes_no_gang_says_why(pool, row, exists, reason):
    (condition,) = build(pool, row, cluster_exists=exists, now=0.0)["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", reason)


def test_a_pool_tells_its_spares_where_some_are_wanted():
    assert build(POOL, ROW, cluster_exists=True, now=0.0)["spares"] is None
    kept = replace(ROW, spares=SpareCount(wanted=2, ready=1))
    assert build(POOL, kept, cluster_exists=True, now=0.0)["spares"] == {"wanted": 2, "ready": 1}
