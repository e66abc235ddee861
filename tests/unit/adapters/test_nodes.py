"""Nodes from the watch: amounts, and the one state that placement looks at."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crosstree.adapters import wire
from crosstree.adapters.nodes import is_silent, signals_of, state_of
from crosstree.core.columns import Columns
from crosstree.core.health import Signal
from crosstree.core.snapshot import NodeState
from tests.unit.adapters.objects import GPU, a_node, a_node_sink

BORN = 1767225600.0


def read(raw: dict[str, Any]) -> wire.Node:
    return msgspec.json.decode(msgspec.json.encode(raw), type=wire.Node)


CORDON = {
    "key": "node.kubernetes.io/unschedulable",
    "effect": "NoSchedule",
    "timeAdded": "1970-01-01T00:00:05Z",
}
LOST = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "1970-01-01T00:00:06Z"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (NodeState.USABLE, BORN)),
        ({"ready": "Unknown"}, (NodeState.NOT_READY, BORN)),
        ({"ready": "False", "unschedulable": True}, (NodeState.NOT_READY, BORN)),
        ({"unschedulable": True}, (NodeState.CORDONED, 0.0)),
        ({"unschedulable": True, "taints": [CORDON]}, (NodeState.CORDONED, 5.0)),
        ({"taints": [LOST]}, (NodeState.NOT_READY, 6.0)),
    ],
)
def test_worst_thing_that_is_true_of_a_node_is_its_state(changes, expected) -> None:
    assert state_of(read(a_node(**changes))) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ready": "Unknown"}, True),
        ({"ready": "False"}, False),
        ({"ready": "True", "taints": [LOST]}, False),
        ({}, False),
    ],
)
def test_only_a_kubelet_that_does_not_report_is_silent(changes, expected) -> None:
    table = Columns(lambda _: True)
    node = read(a_node(**changes))
    a_node_sink(table).put(node)
    fact = table.facts[table.row["n1"]]
    assert fact is not None and (is_silent(node), fact.silent) == (expected, expected)


def test_every_condition_but_ready_is_a_signal_with_the_producers_own_time() -> None:
    told = {
        "type": "GpuMemWatch",
        "status": "True",
        "reason": "GpuMemWatchIsNotHealthy",
        "message": "[DCGM_FR_FAULTY_MEMORY] GPU 0",
        "lastTransitionTime": "1970-01-01T00:00:07Z",
        "lastHeartbeatTime": "1970-01-01T00:01:00Z",
    }
    odd = {"type": "Odd", "status": "Unknown", "lastTransitionTime": "yesterday"}
    assert signals_of(read(a_node(conditions=[told, odd]))) == (
        Signal("GpuMemWatch", "True", "GpuMemWatchIsNotHealthy", 7.0, "[DCGM_FR_FAULTY_MEMORY] GPU 0"),
        Signal("Odd", "Unknown"),
    )


def test_node_without_status_is_not_ready_and_offers_nothing() -> None:
    table = Columns(lambda _: True)
    a_node_sink(table).put(read({"metadata": {"name": "n1"}, "spec": {}, "status": {}}))
    assert table.state[table.row["n1"]] == NodeState.NOT_READY
    assert not table.allocatable.any()


def test_amounts_labels_and_taints_arrive_and_state_taints_do_not() -> None:
    table = Columns(lambda _: True)
    changed: list[str] = []
    sink = a_node_sink(table, changed.append)
    other = {"key": "dedicated", "value": "ml", "effect": "NoSchedule"}
    sink.put(read(a_node(gpus=7, capacity=8, labels={"leaf": "l1"}, taints=[CORDON, other])))
    row = table.row["n1"]
    assert table.labels[row]["leaf"] == "l1"
    assert [one.key for one in table.taints[row]] == ["dedicated"]
    assert table.amount("n1", GPU) == (7, 0)
    assert table.amount("n1", "cpu") == (64_000, 0)
    assert table.capacity[row, table.words.column[GPU]] == 8
    sink.put(read(a_node(gpus=7, capacity=8, labels={"leaf": "l1"}, taints=[CORDON, other], version=9)))
    assert changed == ["n1"]


def test_node_that_a_new_list_does_not_hold_is_gone() -> None:
    table = Columns(lambda _: True)
    changed: list[str] = []
    sink = a_node_sink(table, changed.append)
    for name in ("n1", "n2"):
        sink.put(read(a_node(name)))
    sink.begin_list()
    sink.put(read(a_node("n2")))
    sink.end_list()
    assert [row.name for row in table.facts if row] == ["n2"]
    assert changed == ["n1", "n2", "n1"]
