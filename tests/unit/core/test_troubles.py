"""Trouble of many nodes: all counted, the worst listed."""

from __future__ import annotations

from crosstree.core.health import Action, Fault
from crosstree.core.troubles import LISTED, NONE, collect


def test_nodes_are_counted_by_their_worst_action() -> None:
    drain, avoid = Fault("A", Action.DRAIN_NODE, 5.0), Fault("B", Action.AVOID, 1.0)
    found = collect({"n2": (avoid,), "n1": (drain, avoid), "n3": ()})
    assert (found.nodes, found.by_action) == (2, ((Action.DRAIN_NODE, 1), (Action.AVOID, 1)))
    assert [(one.node, one.fault.signal) for one in found.listed] == [("n1", "A"), ("n1", "B"), ("n2", "B")]


def test_the_list_is_bounded_and_does_not_depend_on_the_order_of_nodes() -> None:
    faults = {f"n{i:02}": (Fault("A", Action.AVOID, float(i)),) for i in range(LISTED + 5)}
    found = collect(faults)
    assert (found.nodes, len(found.listed)) == (LISTED + 5, LISTED)
    assert found == collect(dict(reversed(faults.items())))
    assert collect({}) == NONE
