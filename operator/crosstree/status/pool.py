"""Status of an AcceleratorPool from its row of the inventory."""

from __future__ import annotations

from crosstree.base.clock import to_rfc3339
from crosstree.core.cluster import PoolObject
from crosstree.core.inventory import Counts, PoolRow
from crosstree.core.troubles import NONE, Trouble, Troubles
from crosstree.status.cluster import Status, counts
from crosstree.status.conditions import Condition, Reason, Type, merge

LONGEST = 512
"""Characters of a message, devices included, as the schema allows."""


def build(
    pool: PoolObject,
    row: PoolRow | None,
    troubles: Troubles = NONE,
    *,
    cluster_exists: bool,
    now: float,
) -> Status:
    """Return the whole status to store.

    Args:
        pool: The AcceleratorPool, with its stored status.
        row: Its numbers; None while no node belongs to it.
        troubles: What its nodes report.
        cluster_exists: Whether there is an AICluster of the name it gives.
        now: Seconds since the epoch.
    """
    return {
        "spares": {"wanted": row.spares.wanted, "ready": row.spares.ready} if row and row.spares else None,
        "observedGeneration": pool.generation,
        "conditions": merge(
            pool.observed.get("conditions", ()),
            [_ready(pool, row, cluster_exists=cluster_exists)],
            generation=pool.generation,
            now=now,
        ),
        "vendor": row.vendor if row else "",
        "model": row.model if row else pool.model,
        "nodes": row.nodes if row else 0,
        **counts(row.counts if row else Counts()),
        "faultyNodes": troubles.nodes,
        "faults": [_fault(one) for one in troubles.listed],
        "domains": [
            {"level": one.level, "name": one.name, "nodes": one.nodes, "total": one.total, "free": one.free}
            for one in (row.domains if row else ())
        ],
    }


def _fault(trouble: Trouble) -> Status:
    fault = trouble.fault
    told: Status = {"node": trouble.node, "signal": fault.signal, "action": fault.action.value}
    if fault.since:
        told["since"] = to_rfc3339(fault.since)
    devices = f"{', '.join(fault.devices)}: " if fault.devices else ""
    return told | {"message": f"{devices}{fault.message}"[:LONGEST]}


def _ready(pool: PoolObject, row: PoolRow | None, *, cluster_exists: bool) -> Condition:
    if not cluster_exists:
        return Condition.false(
            Type.READY,
            Reason.CLUSTER_NOT_FOUND,
            f"spec.cluster is {pool.cluster!r}, and there is no such AICluster. Create it, or name another.",
        )
    if row is None or not row.nodes:
        return Condition.false(
            Type.READY,
            Reason.NO_NODES,
            f"No node of AICluster {pool.cluster} that spec.nodeSelector matches offers {pool.resource} of model "
            f"{pool.model}. Compare with kubectl get nodes --show-labels, or correct spec.accelerator.",
        )
    if not pool.schedulable:
        return Condition.false(
            Type.READY, Reason.CLOSED, "spec.schedulable is false: no gang is placed here until it is true."
        )
    nodes = "node" if row.nodes == 1 else "nodes"
    return Condition.true(
        Type.READY, Reason.READY, f"{row.counts.total} accelerators on {row.nodes} {nodes}."
    )
