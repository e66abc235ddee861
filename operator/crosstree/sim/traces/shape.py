"""What can be done to a trace before it is replayed: limits, more load, copies of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosstree.base.errors import SpecError
from crosstree.sim.inventory import ANY, Inventory
from crosstree.sim.traces.jobs import Jobs

DAY = 86_400.0
"""Seconds."""


def first(jobs: Jobs, count: int | None, days: float | None) -> Jobs:
    """Return the first `count` jobs and those submitted in the first `days`; None for no such limit."""
    rows = np.arange(len(jobs))
    if days is not None:
        rows = rows[jobs.submit[rows] < days * DAY]
    if count is not None:
        rows = rows[:count]
    return jobs if len(rows) == len(jobs) else jobs.only(rows)


def superposed(jobs: Jobs, copies: int) -> Jobs:
    """Return `copies` of a trace over each other, each shifted by one more whole day, with names of their own.

    What is shifted past the last day goes on at the first, so that load is the same from the start on and hours of
    the day stay what they are.
    """
    if copies == 1:
        return jobs
    around = max(1.0, np.ceil(jobs.span / DAY)) * DAY
    count = len(jobs)
    shifts = np.repeat(np.arange(copies) * DAY, count)
    submit = (np.tile(jobs.submit, copies) + shifts) % around
    order = np.argsort(submit, kind="stable")
    ids = [f"c{row // count}-{jobs.ids[row % count]}" for row in order.tolist()]
    source = order % count
    return replace(jobs.only(source), ids=tuple(ids), submit=submit[order])


def loaded(jobs: Jobs, load: float, accelerators: int) -> Jobs:
    """Return the trace with times of submission stretched so that it offers `load` of so many accelerators.

    Raises:
        SpecError: all jobs are submitted at one instant: no stretching changes that.
    """
    now = offered(jobs, accelerators)
    if now is None:
        raise SpecError("--load can't be reached: all jobs of the trace are submitted at one instant.")
    return replace(jobs, submit=jobs.submit * (now / load))


def offered(jobs: Jobs, accelerators: int) -> float | None:
    """Return the load a trace offers: its work over what so many accelerators could do while it is submitted.

    None where all of it is submitted at one instant, or nothing is: that is work, but no load.
    """
    return jobs.work / (accelerators * jobs.span) if jobs.span > 0 else None


def possible(jobs: Jobs, nodes: Inventory) -> Jobs:
    """Leave out jobs that could not run on the empty cluster, and count them as `tooLarge`.

    Raises:
        SpecError: a job asks for a model that no node has.
    """
    limits = np.zeros(len(jobs), np.bool_)
    for index, model in enumerate(jobs.models):
        pools = [pool for pool in nodes.pools if not model or pool.profile.id in (model, ANY)]
        asked = jobs.model == index
        if not pools and asked.any():
            job = jobs.ids[int(np.flatnonzero(asked)[0])]
            raise SpecError(
                f"job {job} asks for accelerator model {model!r}, but the nodes have {', '.join(nodes.models)}. "
                "Name the same models in both files, or leave the column empty in one."
            )
        fits = np.zeros(len(jobs), np.bool_)
        for pool in pools:
            sizes = nodes.devices[pool.nodes]
            for each in np.unique(jobs.devices[asked]).tolist():
                fits |= (jobs.devices == each) & (jobs.workers <= int((sizes // each).sum()))
        limits |= asked & ~fits
    if not limits.any():
        return jobs
    return jobs.only(np.flatnonzero(~limits), tooLarge=int(limits.sum()))
