"""Which reader a trace needs: told by its columns, never by its name."""

from __future__ import annotations

from pathlib import Path

from crosstree.base.errors import SpecError
from crosstree.sim.traces import generic, helios, philly
from crosstree.sim.traces.jobs import Jobs, columns
from crosstree.sim.traces.table import header, opened


def read(path: Path) -> Jobs:
    """Read the jobs of a trace: the generic CSV, Helios' `cluster_log.csv` or Philly's `cluster_job_log`.

    Raises:
        SpecError: the file is none of them, has no job, or something in it is wrong; the text says where.
    """
    with opened(path) as stream:
        begins = stream.read(64).lstrip()
    names = header(path)
    if begins.startswith(("[", "{")):
        jobs = columns(philly.entries(path), {})
    elif set(helios.NEEDED) <= set(names):
        jobs = columns(helios.entries(path), {})
    else:
        jobs = columns(generic.entries(path), {})
    if not len(jobs):
        raise SpecError(f"{path} has no job that asks for an accelerator; give a trace with some.")
    return jobs
