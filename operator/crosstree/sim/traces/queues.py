"""Virtual clusters of a trace as JobQueues: `queue, num_nodes`, each guaranteed what its nodes have.

A column `max_run_time` says how long a run may last in them, `48h`; empty for any time.
"""

from __future__ import annotations

from pathlib import Path

from crosstree.base import duration
from crosstree.base.errors import SpecError
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.sim.inventory import Inventory
from crosstree.sim.traces.table import Row, rows

NEEDED = ("queue", "num_nodes")


def queues(path: Path, nodes: Inventory) -> tuple[QueueSpec, ...]:
    """Read queues; one node counts for as many accelerators as the largest node has.

    Raises:
        SpecError: the file, a line or a cell of it is not as described above, or more is guaranteed than there is.
    """
    each = int(nodes.devices.max())
    found: dict[str, int] = {}
    bounds: dict[str, float | None] = {}
    for row in rows(path, NEEDED):
        name = row.text("queue")
        if not name or name in found:
            raise row.bad("queue", name, "a name that no other line has")
        found[name] = row.whole("num_nodes") * each
        bounds[name] = _bound(row)
        if sum(found.values()) > nodes.total:
            raise row.bad(
                "num_nodes",
                row.text("num_nodes"),
                f"guarantees that add up to no more than the {nodes.total} accelerators of the nodes",
            )
    return tuple(
        QueueSpec(name, quotas=(Quota(ANY_MODEL, guaranteed=count),), max_run_time=bounds[name])
        for name, count in sorted(found.items())
    )


def _bound(row: Row) -> float | None:
    text = row.text("max_run_time")
    try:
        seconds = duration.parse(text) if text else None
    except SpecError:
        seconds = 0.0
    if seconds == 0:
        raise row.bad("max_run_time", text, "a duration like 48h, or nothing,")
    return seconds
