"""A trace: jobs as columns, in order of submission. A million jobs are a few arrays, not a million objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crosstree.core.arrays import Int32, Int64

Float64: TypeAlias = NDArray[np.float64]

WIDEST = 8
"""Accelerators of a worker where a trace tells none: a job of more is workers of as many, or as nearly as divides."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a trace."""

    id: str
    submit: float
    duration: float
    workers: int
    devices: int
    model: str = ""
    queue: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Jobs:
    """Jobs by row.

    Attributes:
        ids: Name of each.
        submit: Seconds from the start of the trace, float64 (n,), ascending.
        duration: Seconds of work, float64 (n,), more than 0.
        workers: Workers of each gang, int64 (n,).
        devices: Accelerators per worker, int64 (n,), at least 1.
        model: Accelerator each asks for, by index of `models`, int32 (n,).
        queue: Its queue, by index of `queues`, int32 (n,).
        models: Names; the empty one means any.
        queues: Names; the empty one means none is told.
        left_out: Why lines of the file are not among them, and how many.
    """

    ids: tuple[str, ...]
    submit: Float64
    duration: Float64
    workers: Int64
    devices: Int64
    model: Int32
    queue: Int32
    models: tuple[str, ...]
    queues: tuple[str, ...]
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of jobs."""
        return len(self.ids)

    @property
    def accelerators(self) -> Int64:
        """Accelerators of each gang, int64 (n,)."""
        return self.workers * self.devices

    @property
    def span(self) -> float:
        """Seconds from the start of the trace to the last submission."""
        return float(self.submit[-1]) if len(self) else 0.0

    @property
    def work(self) -> float:
        """Accelerator-seconds of all jobs."""
        return float((self.accelerators * self.duration).sum())

    def only(self, rows: Int64, **left_out: int) -> Jobs:
        """Return the jobs of these rows, in this order, and count why others are left out."""
        counts = dict(self.left_out)
        for why, count in left_out.items():
            counts[why] = counts.get(why, 0) + count
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows.tolist()),
            submit=self.submit[rows],
            duration=self.duration[rows],
            workers=self.workers[rows],
            devices=self.devices[rows],
            model=self.model[rows],
            queue=self.queue[rows],
            left_out={why: count for why, count in counts.items() if count},
        )


def columns(entries: Iterable[Entry], left_out: dict[str, int]) -> Jobs:
    """Make columns of lines in any order; jobs without accelerators or duration are left out and counted."""
    kept: list[Entry] = []
    counts = dict(left_out)
    for entry in entries:
        why = "noAccelerator" if entry.devices < 1 else "noDuration" if entry.duration <= 0 else ""
        if why:
            counts[why] = counts.get(why, 0) + 1
        else:
            kept.append(entry)
    kept.sort(key=lambda entry: entry.submit)  # stable: of one second, the order of the file
    models, model = _coded([entry.model for entry in kept])
    queues, queue = _coded([entry.queue for entry in kept])
    return Jobs(
        ids=tuple(entry.id for entry in kept),
        submit=np.array([entry.submit for entry in kept], np.float64),
        duration=np.array([entry.duration for entry in kept], np.float64),
        workers=np.array([entry.workers for entry in kept], np.int64),
        devices=np.array([entry.devices for entry in kept], np.int64),
        model=model,
        queue=queue,
        models=models,
        queues=queues,
        left_out=counts,
    )


def split(accelerators: int) -> tuple[int, int]:
    """Return workers and accelerators of each for a job of which only the total is known.

    As few workers as hold it with at most `WIDEST` each, all alike: 12 is 2 x 6, and 13, which nothing divides, 13 x 1.
    """
    if accelerators < 1:
        return 1, 0
    workers = -(-accelerators // WIDEST)
    while accelerators % workers:
        workers += 1
    return workers, accelerators // workers


def _coded(names: Sequence[str]) -> tuple[tuple[str, ...], Int32]:
    """Return the distinct names in order, and the index of each name given."""
    distinct = tuple(sorted(set(names)))
    index = {name: number for number, name in enumerate(distinct)}
    return distinct, np.array([index[name] for name in names], np.int32)
