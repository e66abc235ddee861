"""Status of an AICluster from its inventory and its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crosstree.base import words
from crosstree.base.clock import to_rfc3339
from crosstree.core.cluster import Cluster
from crosstree.core.inventory import NAMED, Counts, Inventory, Named
from crosstree.core.ledger import NodeFailures
from crosstree.core.oddities import Oddity, OddityKind
from crosstree.core.topology import NODE_LEVEL
from crosstree.core.troubles import NONE, Troubles
from crosstree.status.conditions import Condition, Reason, Type, merge
from crosstree.status.queue import JobCounts

Status = dict[str, Any]


def build(
    cluster: Cluster,
    inventory: Inventory,
    oddities: Sequence[Oddity],
    jobs: JobCounts,
    troubles: Troubles = NONE,
    *,
    now: float,
    failures: Sequence[NodeFailures] = (),
) -> Status:
    """Return the whole status to store.

    Args:
        cluster: The AICluster, with its stored status.
        inventory: Its numbers.
        oddities: What discovery found odd about it.
        jobs: Jobs that belong to it.
        troubles: What its nodes report.
        now: Seconds since the epoch.
        failures: Its ledger of failing nodes.
    """
    conditions = [
        _ready(cluster, inventory, oddities),
        _fabric(inventory, oddities),
        _healthy(inventory, troubles),
    ]
    return {
        "observedGeneration": cluster.generation,
        "conditions": merge(
            cluster.observed.get("conditions", ()), conditions, generation=cluster.generation, now=now
        ),
        "nodes": {
            "total": inventory.nodes,
            "ready": inventory.ready,
            "cordoned": inventory.cordoned.count,
        },
        "accelerators": counts(inventory.counts),
        "pools": [
            {
                "name": row.name,
                "vendor": row.vendor,
                "model": row.model,
                "nodes": row.nodes,
                **counts(row.counts),
            }
            for row in inventory.pools
        ],
        "fabric": {
            "levels": [{"name": row.name, "domains": row.domains} for row in inventory.levels],
            "largestFreeGang": [
                {"level": row.name, "accelerators": row.largest_free} for row in inventory.levels
            ],
            "fragmentation": round(inventory.fragmentation, 2),
        },
        "jobs": {"running": jobs.running, "waiting": jobs.waiting},
        "failures": [failing(entry) for entry in failures],
    }


def failing(entry: NodeFailures) -> Status:
    """Return one entry of the ledger of failing nodes as it stands on the wire."""
    told: Status = {
        "node": entry.node,
        "count": entry.count,
        "lastCause": entry.cause,
        "lastAt": to_rfc3339(entry.at),
    }
    return told if entry.before is None else told | {"previousAt": to_rfc3339(entry.before)}


def counts(numbers: Counts) -> dict[str, int]:
    """Return the five numbers under their names on the wire."""
    return {
        "total": numbers.total,
        "healthy": numbers.healthy,
        "allocated": numbers.allocated,
        "free": numbers.free,
        "unhealthy": numbers.unhealthy,
    }


def listed(nodes: Named) -> str:
    """Name nodes in a sentence: `n1, n2 and 3 more`."""
    return words.listed(nodes.names, len(nodes.names), count=nodes.count)


def _ready(cluster: Cluster, inventory: Inventory, oddities: Sequence[Oddity]) -> Condition:
    if inventory.pools:
        models = len({row.model for row in inventory.pools})
        found = (
            f"{inventory.counts.total} accelerators of {models} {_plural(models, 'model')} "
            f"on {inventory.nodes} {_plural(inventory.nodes, 'node')}."
        )
        odd = [one.message for one in oddities if not one.concerns_fabric]
        return Condition.true(
            Type.READY, Reason.READY, " ".join((found, *odd, *_no_spares(cluster, inventory)))
        )
    if not cluster.auto_pools:
        way = (
            "spec.poolDiscovery is Explicit and no AcceleratorPool of this cluster matches a node. Create one with "
            f"spec.cluster: {cluster.name}, or set spec.poolDiscovery: Auto."
        )
    elif cluster.selector.empty:
        way = (
            "No node of this Kubernetes cluster carries an accelerator resource the catalog knows. Install the "
            "vendor's device plugin, or declare the resource in spec.accelerators."
        )
    else:
        way = (
            "No node that spec.nodeSelector matches carries an accelerator resource the catalog knows. Compare it "
            "with kubectl get nodes --show-labels, or declare the resource in spec.accelerators."
        )
    claimed = [one.message for one in oddities if one.kind is OddityKind.CLAIMED_TWICE]
    return Condition.false(Type.READY, Reason.NO_NODES, " ".join((way, *claimed)))


def _no_spares(cluster: Cluster, inventory: Inventory) -> tuple[str, ...]:
    """Say that no pool has the level at which spares are to be kept."""
    if cluster.spares is None or any(row.spares is not None for row in inventory.pools):
        return ()
    levels = ", ".join(row.name for row in inventory.levels)
    return (
        f"spec.spares.level is {cluster.spares.level!r}, and no pool has that level, so no spare is kept; the levels "
        f"are {levels}. Name one of these.",
    )


def _fabric(inventory: Inventory, oddities: Sequence[Oddity]) -> Condition:
    gaps = [one.message for one in oddities if one.concerns_fabric]
    if gaps:
        return Condition.false(Type.FABRIC_COMPLETE, Reason.LABELS_MISSING, " ".join(gaps))
    levels = [f"{row.domains} {row.name}" for row in inventory.levels if row.name != NODE_LEVEL]
    if not levels:
        return Condition.true(
            Type.FABRIC_COMPLETE,
            Reason.NO_FABRIC,
            "No fabric level was found: every node stands alone. Declare levels in spec.fabric to keep gangs close.",
        )
    return Condition.true(
        Type.FABRIC_COMPLETE, Reason.COMPLETE, f"Every node is in place: {', '.join(levels)}."
    )


def _healthy(inventory: Inventory, troubles: Troubles) -> Condition:
    parts = [
        f"{nodes.count} {_plural(nodes.count, 'node')} {text}: {listed(nodes)}"
        for nodes, text in (
            (inventory.not_ready, "not ready"),
            (inventory.faulty, "with a device fault"),
            (inventory.avoided, "avoided for what it reports"),
        )
        if nodes.count
    ]
    said = ["; ".join(parts)] if parts else []
    if troubles.nodes:
        counted = ", ".join(f"{action.value} {count}" for action, count in troubles.by_action)
        worst = ", ".join(f"{one.node} {one.fault.signal}" for one in troubles.listed[:NAMED])
        said.append(f"Nodes by action: {counted}. Worst: {worst}")
    if not said:
        return Condition.true(Type.HEALTHY, Reason.HEALTHY, "No accelerator is out of order.")
    reason = Reason.NODES_UNHEALTHY if inventory.not_ready.count else Reason.DEVICES_UNHEALTHY
    lost = inventory.counts.unhealthy
    return Condition.false(
        Type.HEALTHY, reason, f"{lost} {_plural(lost, 'accelerator')} out of order. {'. '.join(said)}."
    )


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
