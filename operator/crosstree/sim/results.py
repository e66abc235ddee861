"""Files that a replay leaves: a row per job, the summary, and a picture."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crosstree.base.errors import SpecError
from crosstree.sim.replay import Outcome


def write(folder: Path, outcome: Outcome, summary: Mapping[str, Any], *, name: str) -> tuple[Path, ...]:
    """Write `NAME-jobs.parquet` (CSV without pyarrow), `NAME-summary.json` and `NAME.png` (if matplotlib is there).

    Returns:
        What was written.

    Raises:
        SpecError: the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = [_jobs(folder, outcome, name)]
        told = folder / f"{name}-summary.json"
        told.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        found.append(told)
        if importlib.util.find_spec("matplotlib") is not None:
            from crosstree.sim.picture import draw

            found.append(draw(folder / f"{name}.png", outcome, title=name))
    except OSError as error:
        raise SpecError(f"--out {folder} can't be written: {error}. Name a folder that can.") from error
    return tuple(found)


def table(outcome: Outcome) -> dict[str, list[Any]]:
    """Return the columns of the job table: seconds from the start of the trace, None for what never was."""
    jobs, books = outcome.scenario.jobs, outcome.books
    return {
        "job": list(jobs.ids),
        "queue": [jobs.queues[index] for index in jobs.queue.tolist()],
        "model": [jobs.models[index] for index in jobs.model.tolist()],
        "workers": jobs.workers.tolist(),
        "accelerators": jobs.accelerators.tolist(),
        "submitted": jobs.submit.tolist(),
        "duration": jobs.duration.tolist(),
        "expected_start": _known(books.told),
        "started": _known(books.began),
        "ended": _known(books.ended),
        "waited": books.waited.tolist(),
        "attempts": books.attempts.tolist(),
        "preempted": books.preempted.tolist(),
        "resized": books.resized.tolist(),
        "failed": books.failed.tolist(),
        "exceeded": books.exceeded.tolist(),
        "lost_accelerator_seconds": books.lost.tolist(),
    }


def _jobs(folder: Path, outcome: Outcome, name: str) -> Path:
    columns = table(outcome)
    if importlib.util.find_spec("pyarrow") is not None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = folder / f"{name}-jobs.parquet"
        pq.write_table(pa.table(columns), path, compression="zstd")
        return path
    path = folder / f"{name}-jobs.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def _known(values: np.ndarray[Any, Any]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
