"""Columns: every pod counts once on its node, whatever the order in which the facts arrive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crosstree.core.columns import Columns, NodeRow
from crosstree.core.masks import Masks
from crosstree.core.shapes import EMPTY_GRAIN, Request
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import NodeConstraint, Taint, Toleration

GPU = "nvidia.com/gpu"


def columns() -> Columns:
    return Columns(lambda resource: resource.endswith("/gpu"))


def node(name: str, gpus: int = 8, **changes: object) -> NodeRow:
    amounts = (("cpu", 64_000), (GPU, gpus))
    row = NodeRow(name, {"leaf": name[-1]}, (), amounts, amounts)
    return replace(row, **changes)


def pod(gpus: int, cpu: int = 1000) -> Request:
    return (("cpu", cpu), (GPU, gpus)) if gpus else (("cpu", cpu),)


def state(table: Columns) -> dict[str, tuple[object, ...]]:
    """Everything a reader can see of each row, by name of node and resource."""
    seen = {}
    for name, row in table.row.items():
        amounts = [
            {
                resource: int(array[row, column])
                for resource, column in table.words.column.items()
                if column < array.shape[1] and array[row, column]
            }
            for array in (table.allocatable, table.capacity, table.used)
        ]
        rest = (table.exists[row], table.state[row], table.since[row], table.grain[row])
        seen[name] = (*amounts, *(one.item() for one in rest), table.labels[row], table.taints[row])
    return seen


def test_pod_that_comes_before_its_node_is_counted_when_the_node_comes() -> None:
    table = columns()
    table.count("u1", "a", pod(3))
    table.put_node(node("a"))
    assert table.amount("a", GPU) == (8, 3)
    assert table.grain[table.row["a"]] == 0


def test_node_that_is_deleted_and_made_again_still_carries_its_pods() -> None:
    table = columns()
    table.put_node(node("a"))
    table.count("u1", "a", pod(4))
    table.drop_node("a")
    assert table.nodes == 0
    table.put_node(node("a"))
    assert table.amount("a", GPU) == (8, 4)


def test_pod_that_moves_is_counted_once() -> None:
    table = columns()
    for name in "ab":
        table.put_node(node(name))
    table.count("u1", "a", pod(4))
    table.count("u1", "b", pod(2))
    assert (table.amount("a", GPU)[1], table.amount("b", GPU)[1]) == (0, 2)
    assert table.pods == 1


def test_grain_is_that_of_the_oddest_pod_and_recovers_when_it_goes() -> None:
    table = columns()
    table.put_node(node("a", 8))
    row = table.row["a"]
    assert table.grain[row] == EMPTY_GRAIN
    table.count("u1", "a", pod(4))
    table.count("u2", "a", pod(1))
    assert table.grain[row] == 0
    table.uncount("u2")
    assert table.grain[row] == 2
    table.uncount("u1")
    assert table.grain[row] == EMPTY_GRAIN


def test_pod_without_accelerators_leaves_the_grain_alone() -> None:
    table = columns()
    table.put_node(node("a"))
    table.count("u1", "a", pod(0))
    assert table.grain[table.row["a"]] == EMPTY_GRAIN


def test_resource_declared_as_accelerator_later_gets_its_grain() -> None:
    known: set[str] = set()
    table = Columns(known.__contains__)
    table.put_node(node("a"))
    table.count("u1", "a", pod(2))
    assert table.grain[table.row["a"]] == EMPTY_GRAIN
    known.add(GPU)
    table.regrade()
    assert table.grain[table.row["a"]] == 1


def test_layout_moves_with_labels_that_matter_devices_and_nodes_only() -> None:
    table = columns()
    table.care_for({"leaf"})
    table.put_node(node("a"))
    before = table.layout
    table.put_node(node("a", labels={"leaf": "a", "heartbeat": "7"}))
    table.put_node(node("a", state=NodeState.CORDONED, labels={"leaf": "a", "heartbeat": "7"}))
    table.put_node(node("a", 7, labels={"leaf": "a", "heartbeat": "8"}))
    table.count("u1", "a", pod(1))
    assert table.layout == before
    table.put_node(node("a", labels={"leaf": "b"}))
    assert table.layout == before + 1


def test_node_put_again_unchanged_moves_nothing() -> None:
    table = columns()
    table.put_node(node("a"))
    before = table.generation, table.layout, table.admission, table.allocation
    assert not table.put_node(node("a"))
    assert (table.generation, table.layout, table.admission, table.allocation) == before


def test_rows_and_shapes_are_used_again() -> None:
    table = columns()
    for turn in range(500):
        table.put_node(node(f"n{turn}"))
        table.count(f"u{turn}", f"n{turn}", pod(1, cpu=turn + 1))
        table.uncount(f"u{turn}")
        table.drop_node(f"n{turn}")
    assert len(table.names) == 1
    assert table.shapes == 0
    assert not table.used.any()


def test_table_grows_in_both_directions_without_losing_anything() -> None:
    table = columns()
    for at in range(300):
        table.put_node(node(f"n{at}"))
        table.count(f"u{at}", f"n{at}", ((f"example.com/r{at % 40}", at + 1),))
    assert all(table.amount(f"n{at}", f"example.com/r{at % 40}") == (0, at + 1) for at in range(300))


def test_masks_follow_labels_and_taints_and_any_number_of_readers() -> None:
    table = columns()
    wanted = NodeConstraint(selector=(("leaf", "a"),))
    readers = Masks(table), Masks(table)
    for name in "ab":
        table.put_node(node(name))
    rows = table.rows(["a", "b"])
    assert [reader.of(wanted, rows).tolist() for reader in readers] == [[True, False]] * 2
    table.put_node(node("b", labels={"leaf": "a"}))
    table.put_node(node("a", taints=(Taint("dedicated", "x", "NoSchedule"),)))
    assert [reader.of(wanted, rows).tolist() for reader in readers] == [[False, True]] * 2
    tolerant = replace(wanted, tolerations=(Toleration(operator="Exists"),))
    assert readers[0].of(tolerant, rows).tolist() == [True, True]


NAMES = st.sampled_from(["n1", "n2", "n3"])
FACTS = st.builds(
    lambda name, gpus, leaf, state, tainted: node(
        name,
        gpus,
        labels={"leaf": leaf},
        state=state,
        taints=(Taint("t", "", "NoSchedule"),) if tainted else (),
    ),
    NAMES,
    st.integers(1, 16),
    st.sampled_from("xy"),
    st.sampled_from(NodeState),
    st.booleans(),
)
UIDS = st.sampled_from([f"u{at}" for at in range(6)])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), FACTS),
        st.tuples(st.just("drop"), NAMES),
        st.tuples(st.just("count"), UIDS, NAMES, st.integers(0, 8), st.integers(1, 3)),
        st.tuples(st.just("uncount"), UIDS),
        st.tuples(st.just("regrade")),
    ),
    max_size=60,
)


@given(STEPS, st.randoms(use_true_random=False))
def test_any_sequence_of_facts_ends_where_the_last_facts_alone_lead(steps, random) -> None:
    table = columns()
    nodes: dict[str, NodeRow] = {}
    pods: dict[str, tuple[str, Request]] = {}
    for step in steps:
        match step:
            case ("put", fact):
                table.put_node(fact)
                nodes[fact.name] = fact
            case ("drop", name):
                table.drop_node(name)
                nodes.pop(name, None)
            case ("count", uid, name, gpus, cpu):
                table.count(uid, name, pod(gpus, cpu))
                pods[uid] = (name, pod(gpus, cpu))
            case ("uncount", uid):
                table.uncount(uid)
                pods.pop(uid, None)
            case ("regrade",):
                table.regrade()
    fresh = columns()
    facts = [("node", one) for one in nodes.values()] + [("pod", one) for one in pods.items()]
    random.shuffle(facts)
    for kind, fact in facts:
        if kind == "node":
            fresh.put_node(fact)
        else:
            fresh.count(fact[0], *fact[1])
    assert state(table) == state(fresh)
    assert table.pods == fresh.pods
    assert table.shapes == fresh.shapes


@given(STEPS)
def test_masks_kept_up_to_date_equal_masks_made_afresh(steps) -> None:
    table = columns()
    kept = Masks(table)
    constraint = NodeConstraint(selector=(("leaf", "x"),))
    for step in steps:
        if step[0] == "put":
            table.put_node(step[1])
        elif step[0] == "drop":
            table.drop_node(step[1])
        rows = table.rows([row.name for row in table.facts if row is not None])
        assert np.array_equal(kept.of(constraint, rows), Masks(table).of(constraint, rows))
