"""The tree of queues: who stands under whom, and what a wrong parent does to whom."""

from __future__ import annotations

from crosstree.core.cluster import Queue
from crosstree.core.queues import QueueSpec
from crosstree.core.queuetree import Fault, Flaw, serves, serving, tree_of


def a_tree(**parents: str):
    return tree_of(QueueSpec(name, parent) for name, parent in parents.items())


def a_queue(name: str, parent: str = "", cluster: str = "") -> Queue:
    return Queue(name, f"uid-{name}", 1, "1", 0.0, cluster, parent=parent)


def test_the_chain_of_a_queue_ends_at_its_root():
    tree = a_tree(team="research", research="all", all="")
    assert tree.chain("team") == ("team", "research", "all")
    assert tree.below("research") == {"team", "research"}
    assert not tree.faults


def test_a_queue_nobody_knows_stands_alone():
    assert a_tree(all="").chain("other") == ("other",)


def test_a_queue_of_an_unknown_parent_is_a_root_and_those_below_it_are_told():
    tree = a_tree(team="research", research="reserch", prod="")
    missing = Fault(Flaw.PARENT_NOT_FOUND, "research", ("research", "reserch"))
    assert tree.faults == {"research": missing, "team": missing}
    assert tree.chain("team") == ("team", "research")


def test_members_of_a_cycle_are_roots_and_those_below_them_stay_there():
    tree = a_tree(a="c", b="a", c="b", below="b", prod="")
    assert {name: fault.path for name, fault in tree.faults.items()} == {
        "a": ("a", "c", "b", "a"),
        "b": ("b", "a", "c", "b"),
        "c": ("c", "b", "a", "c"),
        "below": ("b", "a", "c", "b"),
    }
    assert [tree.chain(name) for name in ("a", "below", "prod")] == [("a",), ("below", "b"), ("prod",)]


def test_the_tree_does_not_depend_on_the_order_in_which_queues_come():
    parents = {"a": "b", "b": "c", "c": "a", "d": "c", "e": "nobody", "f": "e"}
    there, back = a_tree(**parents), a_tree(**dict(reversed(parents.items())))
    assert (there.parents, there.faults) == (back.parents, back.faults)


def test_a_queue_serves_the_cluster_of_its_parent_unless_it_names_one():
    queues = {
        one.name: one
        for one in (
            a_queue("all", cluster="east"),
            a_queue("team", "all"),
            a_queue("free"),
            a_queue("w", "", "west"),
        )
    }
    assert [serves(queues[name], queues) for name in ("all", "team", "free", "w")] == [
        "east",
        "east",
        "",
        "west",
    ]
    assert [spec.name for spec in serving(queues, "east")] == ["all", "free", "team"]


def test_a_cycle_of_queues_without_a_cluster_serves_every_cluster():
    queues = {"a": a_queue("a", "b"), "b": a_queue("b", "a")}
    assert serves(queues["a"], queues) == ""
