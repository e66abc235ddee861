"""SenseTime Helios as published: `cluster_log.csv` of one cluster (S-Lab-System-Group/HeliosData)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from crosstree.sim.traces.jobs import Entry
from crosstree.sim.traces.table import Row, rows

NEEDED = ("job_id", "gpu_num", "node_num", "submit_time", "duration", "vc")
"""Columns of the file that are read; it has more."""


def entries(path: Path) -> Iterator[Entry]:
    """Yield the jobs of a file; times count from its first submission.

    Raises:
        SpecError: the file, a line or a cell of it is not as published.
    """
    first: float | None = None
    for row in rows(path, NEEDED):
        at = _time(row)
        first = at if first is None else first
        total, nodes = row.whole("gpu_num"), max(1, row.whole("node_num"))
        if total % nodes:
            raise row.bad("gpu_num", str(total), f"a multiple of node_num, which is {nodes},")
        yield Entry(
            id=row.text("job_id"),
            submit=at - first,
            duration=row.number("duration"),
            workers=nodes,
            devices=total // nodes,
            queue=row.text("vc"),
            user=row.text("user"),
        )


def _time(row: Row) -> float:
    found = row.text("submit_time")
    try:
        return datetime.fromisoformat(found).replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise row.bad("submit_time", found, "a time like 2020-05-28 09:04:11") from error
