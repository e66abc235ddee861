"""Nodes from the watch into columns: amounts, labels, taints, and the one state that placement looks at."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from crosstree.adapters import requests, wire
from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.core.columns import Columns, NodeRow
from crosstree.core.shapes import Request
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import Taint

CORDON_TAINT = "node.kubernetes.io/unschedulable"
LOST_TAINTS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


class FaultRule(Protocol):
    """When a node condition means a device fault: `type` has status `faulty`."""

    @property
    def type(self) -> str:
        """Condition type."""
        ...

    @property
    def faulty(self) -> str:
        """Status that means trouble; producers disagree whether that is True or False."""
        ...


class NodeSink:
    """Puts nodes into columns.

    Args:
        columns: Where they go.
        faults: Which conditions mean a device fault.
        changed: Called with the name of every node that changed.
    """

    def __init__(self, columns: Columns, faults: Sequence[FaultRule], changed: Callable[[str], None]) -> None:
        self._columns = columns
        self._faults = {rule.type: rule.faulty for rule in faults}
        self._changed = changed
        self._unseen: set[str] = set()

    def begin_list(self) -> None:
        """A complete list follows; what it does not hold is gone."""
        self._unseen = {row.name for row in self._columns.facts if row is not None}

    def put(self, node: wire.Node) -> None:
        """Take over a node as it is now."""
        self._unseen.discard(node.metadata.name)
        if self._columns.put_node(self._row(node)):
            self._changed(node.metadata.name)

    def drop(self, node: wire.Node) -> None:
        """A node was deleted."""
        self._forget(node.metadata.name)

    def end_list(self) -> None:
        """The list is complete."""
        for name in self._unseen:
            self._forget(name)
        self._unseen = set()

    def _forget(self, name: str) -> None:
        if self._columns.drop_node(name):
            self._changed(name)

    def _row(self, node: wire.Node) -> NodeRow:
        state, since = state_of(node, self._faults)
        return NodeRow(
            name=sys.intern(node.metadata.name),
            labels={
                sys.intern(key): sys.intern(value) for key, value in (node.metadata.labels or {}).items()
            },
            taints=tuple(
                Taint(sys.intern(one.key), one.value or "", sys.intern(one.effect))
                for one in node.spec.taints or ()
                if one.key != CORDON_TAINT and one.key not in LOST_TAINTS
            ),
            allocatable=_amounts(node.status.allocatable),
            capacity=_amounts(node.status.capacity),
            state=state,
            since=since,
        )


def state_of(node: wire.Node, faults: dict[str, str]) -> tuple[NodeState, float]:
    """Return the worst thing that is true of a node, and since when; 0 where nobody says.

    Lost beats faulty beats cordoned: what costs a running job its node comes first. A taint that the node
    controller has not taken away yet counts as what it stands for, for kube-scheduler still obeys it.
    """
    conditions = {one.type: one for one in node.status.conditions or ()}
    ready = conditions.get("Ready")
    if ready is None or ready.status != "True":
        return NodeState.NOT_READY, _time(ready.last_transition_time if ready else None)
    taints = {one.key: one for one in node.spec.taints or ()}
    lost = [taints[key] for key in sorted(LOST_TAINTS) if key in taints]
    if lost:
        return NodeState.NOT_READY, _time(lost[0].time_added)
    bad = [one for one in conditions.values() if faults.get(one.type) == one.status]
    if bad:
        return NodeState.UNHEALTHY, min(_time(one.last_transition_time) for one in bad)
    if node.spec.unschedulable or CORDON_TAINT in taints:
        cordon = taints.get(CORDON_TAINT)
        return NodeState.CORDONED, _time(cordon.time_added if cordon else None)
    return NodeState.USABLE, _time(ready.last_transition_time)


def _amounts(quantities: wire.Quantities | None) -> Request:
    return tuple(
        sorted((sys.intern(name), amount) for name, amount in requests.amounts(quantities).items() if amount)
    )


def _time(text: str | None) -> float:
    try:
        return from_rfc3339(text) if text else 0.0
    except SpecError:
        return 0.0
