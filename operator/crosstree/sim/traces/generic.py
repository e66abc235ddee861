"""The plain table of jobs: one line a job, times in seconds from the start of the trace.

Columns `job_id, submit_time_s, duration_s, num_accelerators` are needed; `num_nodes, accelerator_model, queue, user`
are read where they are. Where the number of nodes is not told, `jobs.split` makes workers of the total.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crosstree.sim.traces.jobs import Entry, split
from crosstree.sim.traces.table import Row, rows

NEEDED = ("job_id", "submit_time_s", "duration_s", "num_accelerators")


def entries(path: Path) -> Iterator[Entry]:
    """Yield the jobs of a file.

    Raises:
        SpecError: the file, a line or a cell of it is not as described above.
    """
    seen: dict[str, int] = {}
    for row in rows(path, NEEDED):
        name = row.text("job_id")
        if not name:
            raise row.bad("job_id", name, "a name of its own for every job")
        if name in seen:
            raise row.bad("job_id", name, f"a name that is not used before (line {seen[name]} has it)")
        seen[name] = row.line
        workers, devices = _size(row)
        yield Entry(
            id=name,
            submit=row.number("submit_time_s"),
            duration=row.number("duration_s"),
            workers=workers,
            devices=devices,
            model=row.text("accelerator_model"),
            queue=row.text("queue"),
            user=row.text("user"),
        )


def _size(row: Row) -> tuple[int, int]:
    total = row.whole("num_accelerators")
    if not total or not row.text("num_nodes"):
        return split(total)
    nodes = row.whole("num_nodes", least=1)
    if total % nodes:
        raise row.bad("num_accelerators", str(total), f"a multiple of num_nodes, which is {nodes},")
    return nodes, total // nodes
