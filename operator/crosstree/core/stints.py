"""What jobs have held of accelerators, as their statuses tell: what `budgets` charges for."""

from __future__ import annotations

import math
from collections.abc import Iterable

from crosstree.core.budgets import Stint
from crosstree.core.job import Job
from crosstree.core.lifecycle.facts import held_since


def stints_of(job: Job) -> tuple[Stint, ...]:
    """Return what a job has held, the last that its status tells of, and what it holds."""
    progress, devices = job.progress, job.gang.devices
    found = [
        Stint(one.queue, one.model, one.workers * devices, one.began, one.ended) for one in progress.runs
    ]
    placement = progress.placement
    began = held_since(progress)
    if placement is not None and began is not None:
        ended = math.inf if progress.finished_at is None else progress.finished_at
        found.append(Stint(job.queue, placement.model, placement.workers * devices, began, ended))
    return tuple(one for one in found if one.devices)


def closed(stints: Iterable[Stint], now: float) -> tuple[Stint, ...]:
    """Return stints of a job that is gone: what it held when it went, it held until then."""
    return tuple(
        one if one.ended <= now else Stint(one.queue, one.model, one.devices, one.began, float(int(now)))
        for one in stints
    )
