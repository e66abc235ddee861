"""Nodes from the watch: amounts, labels, taints, what each is by itself, and what producers say in its conditions."""

from __future__ import annotations

import sys
from functools import lru_cache

from crosstree.adapters import requests, wire
from crosstree.adapters.nodehealth import NodeHealths
from crosstree.base.clock import from_rfc3339
from crosstree.base.errors import SpecError
from crosstree.core.columns import NodeRow
from crosstree.core.health import Signal
from crosstree.core.shapes import Request
from crosstree.core.snapshot import NodeState
from crosstree.core.workload import Taint

CORDON_TAINT = "node.kubernetes.io/unschedulable"
LOST_TAINTS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
READY = "Ready"

KEPT = 512
"""Characters kept of the message of a condition: more than is shown, so that a change beyond it is none."""


class NodeSink:
    """Reads nodes and hands them on to be judged.

    Args:
        healths: Judges them and puts them into columns.
    """

    def __init__(self, healths: NodeHealths) -> None:
        self._healths = healths
        self._unseen: set[str] = set()

    def begin_list(self) -> None:
        """A complete list follows; what it does not hold is gone."""
        self._unseen = self._healths.names

    def put(self, node: wire.Node) -> None:
        """Take over a node as it is now."""
        self._unseen.discard(node.metadata.name)
        self._healths.put(_row(node), signals_of(node))

    def drop(self, node: wire.Node) -> None:
        """A node was deleted."""
        self._healths.drop(node.metadata.name)

    def end_list(self) -> None:
        """The list is complete."""
        for name in self._unseen:
            self._healths.drop(name)
        self._unseen = set()


def _row(node: wire.Node) -> NodeRow:
    state, since = state_of(node)
    return NodeRow(
        name=sys.intern(node.metadata.name),
        labels={sys.intern(key): sys.intern(value) for key, value in (node.metadata.labels or {}).items()},
        taints=tuple(
            Taint(sys.intern(one.key), one.value or "", sys.intern(one.effect))
            for one in node.spec.taints or ()
            if one.key != CORDON_TAINT and one.key not in LOST_TAINTS
        ),
        allocatable=_amounts(node.status.allocatable),
        capacity=_amounts(node.status.capacity),
        state=state,
        since=since,
        silent=is_silent(node),
    )


def state_of(node: wire.Node) -> tuple[NodeState, float]:
    """Return what a node is by itself, and since when; 0 where nobody says.

    Lost beats cordoned: what costs a running job its node comes first. A taint that the node controller has not
    taken away yet counts as what it stands for, for kube-scheduler still obeys it.
    """
    ready = _ready(node)
    if ready is None or ready.status != "True":
        return NodeState.NOT_READY, _time(ready.last_transition_time if ready else None)
    taints = {one.key: one for one in node.spec.taints or ()}
    lost = [taints[key] for key in sorted(LOST_TAINTS) if key in taints]
    if lost:
        return NodeState.NOT_READY, _time(lost[0].time_added)
    if node.spec.unschedulable or CORDON_TAINT in taints:
        cordon = taints.get(CORDON_TAINT)
        return NodeState.CORDONED, _time(cordon.time_added if cordon else None)
    return NodeState.USABLE, _time(ready.last_transition_time)


def is_silent(node: wire.Node) -> bool:
    """Tell whether a node's kubelet does not report: Ready is Unknown, or was never said.

    One that reports, be it NotReady, still ends its pods and confirms it. Nor does a taint mean silence that the
    node controller has not taken away yet.
    """
    ready = _ready(node)
    return ready is None or ready.status not in ("True", "False")


def _ready(node: wire.Node) -> wire.Condition | None:
    return next((one for one in node.status.conditions or () if one.type == READY), None)


def signals_of(node: wire.Node) -> tuple[Signal, ...]:
    """Return every condition but Ready: which of them mean anything is for the rules to say, and rules change."""
    return tuple(
        Signal(
            sys.intern(one.type),
            sys.intern(one.status),
            sys.intern(one.reason or ""),
            _time(one.last_transition_time),
            sys.intern((one.message or "")[:KEPT]),
        )
        for one in node.status.conditions or ()
        if one.type != READY
    )


def _amounts(quantities: wire.Quantities | None) -> Request:
    return tuple(
        sorted((sys.intern(name), amount) for name, amount in requests.amounts(quantities).items() if amount)
    )


@lru_cache(maxsize=65536)  # a node tells the same few times again with every change of anything
def _time(text: str | None) -> float:
    try:
        return from_rfc3339(text) if text else 0.0
    except SpecError:
        return 0.0
