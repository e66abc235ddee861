"""Pods from the watch: counted whoever made them, and what our own mean."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstree.adapters import podfacts, requests, wire
from crosstree.adapters.nodes import NodeSink
from crosstree.adapters.pods import PodSink
from crosstree.core.columns import Columns
from crosstree.core.pods import Exit, PodPhase
from tests.unit.adapters.objects import GPU, a_node, a_node_sink, a_pod, our_pod

UNHEALTHY = [{"resources": [{"resourceID": "gpu-1", "health": "Unhealthy"}]}]


def read(raw: dict[str, Any]) -> wire.Pod:
    return msgspec.json.decode(msgspec.json.encode(raw), type=wire.Pod)


def read_node(raw: dict[str, Any]) -> wire.Node:
    return msgspec.json.decode(msgspec.json.encode(raw), type=wire.Node)


def sinks() -> tuple[Columns, NodeSink, PodSink, list[tuple[str, str]]]:
    table = Columns(lambda resource: resource == GPU)
    changed: list[tuple[str, str]] = []
    return table, a_node_sink(table), PodSink(table, changed.append), changed


def container(**requested: str) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": requested}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [container(cpu="1"), container(cpu="500m")]}, {"cpu": 1500}),
        ({"containers": [container(cpu="1")], "initContainers": [container(cpu="3")]}, {"cpu": 3000}),
        (
            {
                "containers": [container(cpu="1")],
                "initContainers": [container(cpu="2") | {"restartPolicy": "Always"}, container(cpu="4")],
            },
            {"cpu": 6000},
        ),
        (
            {
                "containers": [container(cpu="1")],
                "initContainers": [container(cpu="2") | {"restartPolicy": "Always"}],
            },
            {"cpu": 3000},
        ),
        ({"containers": [container(memory="1Gi")], "overhead": {"memory": "1Mi"}}, {"memory": 2**30 + 2**20}),
        (
            {"containers": [container(cpu="1", memory="1Gi")], "resources": {"requests": {"cpu": "4"}}},
            {"cpu": 4000, "memory": 2**30},
        ),
        ({"containers": None}, {}),
    ],
)
def test_request_of_a_pod_is_what_kube_scheduler_counts(spec, expected) -> None:
    assert dict(requests.of_pod(read(a_pod(spec=spec)).spec)) == expected | {"pods": 1}


def test_bound_pod_counts_whoever_made_it_and_an_ended_one_does_not() -> None:
    table, nodes, pods, _ = sinks()
    nodes.put(read_node(a_node()))
    pods.put(read(a_pod("a", node="n1", gpus=2)))
    pods.put(read(our_pod("j", 0, node="n1", gpus=4)))
    pods.put(read(a_pod("c")))
    assert table.amount("n1", GPU) == (8, 6)
    pods.put(read(a_pod("a", node="n1", gpus=2, phase="Succeeded")))
    pods.put(read(our_pod("j", 0, node="n1", gpus=4, phase="Failed")))
    assert table.amount("n1", GPU) == (8, 0)


def test_pod_being_deleted_holds_its_devices_until_it_is_gone() -> None:
    table, _, pods, _ = sinks()
    dying = a_pod("a", node="n1", gpus=2, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    pods.put(read(dying))
    assert table.amount("n1", GPU)[1] == 2
    pods.drop(read(dying))
    assert table.amount("n1", GPU)[1] == 0


def test_when_a_pod_is_due_to_be_gone_is_known() -> None:
    _, _, pods, _ = sinks()
    told = {"deletionTimestamp": "1970-01-01T00:10:00Z", "deletionGracePeriodSeconds": 30}
    pods.put(read(our_pod("j", 0, metadata=told)))
    pods.put(read(our_pod("j", 1)))
    assert [(pod.terminating, pod.due, pod.grace) for pod in pods.of_job("default", "j")] == [
        (True, 600.0, 30.0),
        (False, 0.0, 0.0),
    ]


def test_our_pods_are_grouped_by_job_and_told_once_per_change() -> None:
    _, _, pods, changed = sinks()
    for _ in range(2):
        pods.put(read(our_pod("j", 1)))
    pods.put(read(our_pod("j", 0)))
    pods.put(read(our_pod("j", 0, namespace="other", uid="u9")))
    assert [pod.index for pod in pods.of_job("default", "j")] == [0, 1]
    assert changed == [("default", "j"), ("default", "j"), ("other", "j")]
    pods.drop(read(our_pod("j", 0)))
    assert [pod.index for pod in pods.of_job("default", "j")] == [1]
    assert pods.of_job("default", "nobody") == ()


def test_pod_of_the_same_name_made_again_is_another_pod() -> None:
    table, _, pods, _ = sinks()
    pods.put(read(our_pod("j", 0, node="n1", uid="old")))
    pods.put(read(our_pod("j", 0, node="n1", uid="new")))
    pods.drop(read(our_pod("j", 0, node="n1", uid="old")))
    assert [pod.uid for pod in pods.of_job("default", "j")] == ["new"]
    assert table.amount("n1", GPU)[1] == 1


def test_what_a_new_list_does_not_hold_is_gone_and_promised_places_are_not() -> None:
    table, _, pods, _ = sinks()
    table.count("~default/k#0", "n1", ((GPU, 1),))
    for raw in (a_pod("a", node="n1"), our_pod("j", 0), our_pod("j", 1, node="n1")):
        pods.put(read(raw))
    pods.begin_list()
    pods.put(read(our_pod("j", 1, node="n1")))
    pods.end_list()
    assert table.amount("n1", GPU)[1] == 2
    assert [pod.index for pod in pods.of_job("default", "j")] == [1]


def test_list_that_breaks_off_drops_nothing() -> None:
    table, _, pods, _ = sinks()
    pods.put(read(a_pod("a", node="n1")))
    pods.begin_list()
    pods.begin_list()
    pods.put(read(a_pod("a", node="n1")))
    pods.end_list()
    assert table.pods == 1


def status(**container_status: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "main", **container_status}]}


def test_exit_of_the_trainer_is_told_before_that_of_others() -> None:
    ended = [
        {"name": "log", "state": {"terminated": {"exitCode": 3}}},
        {
            "name": "trainer",
            "state": {
                "terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "1970-01-01T00:01:00Z"}
            },
        },
    ]
    fact = podfacts.of(read(our_pod("j", 0, phase="Failed", status={"containerStatuses": ended})))
    assert fact.exit == Exit(137, "OOMKilled", "", 60.0)
    assert fact.phase is PodPhase.FAILED


def test_ready_pod_says_so() -> None:
    fact = podfacts.of(
        read(our_pod("j", 3, node="n1", status={"conditions": [{"type": "Ready", "status": "True"}]}))
    )
    assert (fact.ready, fact.node, fact.index, fact.attempt, fact.job_uid) == (True, "n1", 3, 1, "uid-j")


@pytest.mark.parametrize(
    ("phase", "said", "stuck", "since"),
    [
        ("Pending", status(state={"waiting": {"reason": "ContainerCreating"}}), "", 0.0),
        (
            "Pending",
            status(state={"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}),
            "ImagePullBackOff: no such image",
            1767225600.0,
        ),
        (
            "Pending",
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes",
                        "lastTransitionTime": "1970-01-01T00:00:09Z",
                    }
                ]
            },
            "Unschedulable: 0/3 nodes",
            9.0,
        ),
        ("Running", status(state={"running": {"startedAt": "x"}}), "", 0.0),
        ("Failed", {"reason": "OutOfcpu", "message": "node full"}, "OutOfcpu: node full", 1767225600.0),
    ],
)
def test_pod_that_cannot_start_says_why_and_since_when(phase, said, stuck, since) -> None:
    fact = podfacts.of(read(our_pod("j", 0, phase=phase, status=said)))
    assert (fact.stuck, fact.stuck_since) == (stuck, since)


@pytest.mark.parametrize(
    ("said", "disrupted"),
    [
        ({"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "Whatever"}]}, True),
        ({"reason": "UnexpectedAdmissionError"}, True),
        ({"reason": "OutOfnvidia.com/gpu"}, True),
        ({"reason": "DeadlineExceeded"}, False),
        ({}, False),
    ],
)
def test_end_that_is_not_the_programs_fault_is_a_disruption(said, disrupted) -> None:
    assert podfacts.of(read(our_pod("j", 0, phase="Failed", status=said))).disrupted is disrupted


def test_unhealthy_allocated_device_is_seen() -> None:
    said = status(allocatedResourcesStatus=UNHEALTHY)
    assert podfacts.of(read(our_pod("j", 0, status=said))).unhealthy_device


def test_labels_that_are_no_numbers_break_nothing() -> None:
    raw = our_pod("j", 0)
    raw["metadata"]["labels"] |= {"crosstree.dev/index": "x", "crosstree.dev/attempt": ""}
    fact = podfacts.of(read(raw))
    assert (fact.index, fact.attempt) == (-1, 0)


KEYS = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "drop", "node", "lose node", "relist"]),
        KEYS,
        st.sampled_from(["", "n1", "n2"]),
        st.integers(0, 8),
        st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]),
        st.booleans(),
    ),
    max_size=40,
)


@given(STEPS)
def test_any_sequence_of_events_and_relists_ends_where_the_last_objects_alone_lead(steps) -> None:
    table, nodes, pods, _ = sinks()
    live: dict[str, dict[str, Any]] = {}
    present: dict[str, dict[str, Any]] = {}
    for act, key, node, gpus, phase, ours in steps:
        uid = f"u-{key}"
        raw = (
            our_pod("j", ord(key), uid=uid, node=node, gpus=gpus, phase=phase)
            if ours
            else a_pod(key, uid=uid, node=node, gpus=gpus, phase=phase)
        )
        match act:
            case "put":
                pods.put(read(raw))
                pods.put(read(raw))
                live[uid] = raw
            case "drop":
                pods.drop(read(raw))
                live.pop(uid, None)
            case "node":
                present["n1"] = a_node("n1", gpus=gpus)
                nodes.put(read_node(present["n1"]))
            case "lose node":
                present.pop("n1", None)
                nodes.drop(read_node(a_node("n1")))
            case "relist":
                live.pop(uid, None)
                pods.begin_list()
                for one in live.values():
                    pods.put(read(one))
                pods.end_list()
                nodes.begin_list()
                for one in present.values():
                    nodes.put(read_node(one))
                nodes.end_list()
    fresh, fresh_nodes, fresh_pods, _ = sinks()
    for one in reversed(live.values()):
        fresh_pods.put(read(one))
    for one in present.values():
        fresh_nodes.put(read_node(one))
    assert table.pods == fresh.pods
    assert table.row.keys() == fresh.row.keys()
    for name in table.row:
        assert table.amount(name, GPU) == fresh.amount(name, GPU)
        assert table.amount(name, "pods") == fresh.amount(name, "pods")
        assert table.grain[table.row[name]] == fresh.grain[fresh.row[name]]
    assert pods.of_job("default", "j") == fresh_pods.of_job("default", "j")
