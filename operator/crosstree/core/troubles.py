"""What the nodes of a pool or a cluster report, bounded: the worst of it by name, all of it counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crosstree.core.health import Action, Fault

LISTED = 20
"""Faults listed: enough to see what is going on, few enough to read."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault of one node."""

    node: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Troubles:
    """Trouble of many nodes.

    Attributes:
        nodes: Nodes that report anything.
        by_action: How many nodes have which action as their worst, the worst first.
        listed: The worst faults, at most `LISTED`.
    """

    nodes: int = 0
    by_action: tuple[tuple[Action, int], ...] = ()
    listed: tuple[Trouble, ...] = ()


NONE = Troubles()


def collect(faults: Mapping[str, tuple[Fault, ...]]) -> Troubles:
    """Count and list the faults of nodes; each node's come with the worst first. Deterministic."""
    troubled = {node: found for node, found in faults.items() if found}
    counts: dict[Action, int] = {}
    for found in troubled.values():
        counts[found[0].action] = counts.get(found[0].action, 0) + 1
    everything = [Trouble(node, fault) for node, found in troubled.items() for fault in found]
    everything.sort(key=lambda one: (-one.fault.action.severity, one.fault.since, one.node, one.fault.signal))
    return Troubles(
        len(troubled),
        tuple(sorted(counts.items(), key=lambda item: -item[0].severity)),
        tuple(everything[:LISTED]),
    )
