"""Microsoft Philly as published: `cluster_job_log`, a JSON list of jobs (msr-fiddle/philly-traces).

A job's duration is the sum of its attempts; its size is that of its largest attempt. The nodes it happened to get are
not what it asked for, so the workers are made by `jobs.split`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crosstree.base.errors import SpecError
from crosstree.sim.traces.jobs import Entry, split
from crosstree.sim.traces.table import opened


def entries(path: Path) -> Iterator[Entry]:
    """Yield the jobs of a file that got accelerators at all; times count from the first submission.

    Raises:
        SpecError: the file or a job of it is not as published.
    """
    with opened(path) as stream:
        try:
            found: list[dict[str, Any]] = json.load(stream)
        except ValueError as error:
            raise SpecError(f"{path} is no JSON: {error}. Give Philly's cluster_job_log.") from error
    read = [entry for number, job in enumerate(found, 1) if (entry := _entry(path, number, job)) is not None]
    start = min((entry.submit for entry in read), default=0.0)
    for entry in read:
        yield Entry(
            entry.id, entry.submit - start, entry.duration, entry.workers, entry.devices, queue=entry.queue
        )


def _entry(path: Path, number: int, job: dict[str, Any]) -> Entry | None:
    try:
        spans = [(_time(one["start_time"]), _time(one["end_time"])) for one in job["attempts"]]
        sizes = [sum(len(place["gpus"]) for place in one["detail"]) for one in job["attempts"]]
        submit = _time(job["submitted_time"])
        duration = sum(end - start for start, end in spans if start is not None and end is not None)
        if submit is None or not duration:
            return None
        workers, devices = split(max(sizes, default=0))
        return Entry(str(job["jobid"]), submit, duration, workers, devices, queue=str(job["vc"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpecError(
            f"{path}, job {number}: {type(error).__name__} {error}. A job of Philly's cluster_job_log has jobid, vc, "
            "submitted_time and attempts with start_time, end_time and detail."
        ) from error


def _time(text: str | None) -> float | None:
    if not text or text == "None":
        return None
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
