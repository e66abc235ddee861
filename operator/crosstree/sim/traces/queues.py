"""Virtual clusters of a trace as JobQueues: `queue, num_nodes`, each guaranteed what its nodes have."""

from __future__ import annotations

from pathlib import Path

from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.sim.inventory import Inventory
from crosstree.sim.traces.table import rows

NEEDED = ("queue", "num_nodes")


def queues(path: Path, nodes: Inventory) -> tuple[QueueSpec, ...]:
    """Read queues; one node counts for as many accelerators as the largest node has.

    Raises:
        SpecError: the file, a line or a cell of it is not as described above, or more is guaranteed than there is.
    """
    each = int(nodes.devices.max())
    found: dict[str, int] = {}
    for row in rows(path, NEEDED):
        name = row.text("queue")
        if not name or name in found:
            raise row.bad("queue", name, "a name that no other line has")
        found[name] = row.whole("num_nodes") * each
        if sum(found.values()) > nodes.total:
            raise row.bad(
                "num_nodes",
                row.text("num_nodes"),
                f"guarantees that add up to no more than the {nodes.total} accelerators of the nodes",
            )
    return tuple(
        QueueSpec(name, quotas=(Quota(ANY_MODEL, guaranteed=count),)) for name, count in sorted(found.items())
    )
