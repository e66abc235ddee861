"""What the options of `crosstree simulate` make of a trace and of nodes, before anything is replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstree.cli.simulate_options import Request
from crosstree.sim.traces.shape import DAY, offered

HEAD = "job_id,submit_time_s,duration_s,num_accelerators,num_nodes\n"
HUGE = "".join(f"huge{i},{i * 60},90000,640,80\n" for i in range(3))
SMALL = "".join(f"small{i},{i * 3600},1800,8,1\n" for i in range(100))
FLEET = "node,num_accelerators,leaf,accelerator_model\nn0,8,l0,V100\nn1,8,l1,V100\n"


def asking(folder: Path, trace: str = HUGE + SMALL, fleet: str = FLEET, **options: object) -> Request:
    """Ask for a replay of these lines on these nodes."""
    (folder / "jobs.csv").write_text(HEAD + trace)
    (folder / "nodes.csv").write_text(fleet)
    return Request(folder / "jobs.csv", folder / "nodes.csv", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [None, 40])
def test_the_load_is_offered_by_the_jobs_that_are_replayed(tmp_path: Path, limit: int | None) -> None:
    scenario = asking(tmp_path, load=0.9, jobs=limit).scenario()
    assert len(scenario.jobs) == (limit or 100) and scenario.jobs.left_out == {"tooLarge": 3}
    assert offered(scenario.jobs, scenario.nodes.total) == pytest.approx(0.9)


def test_days_are_those_of_the_stretched_trace(tmp_path: Path) -> None:
    whole, cut = (asking(tmp_path, load=0.05, days=days).scenario().jobs for days in (None, 2.0))
    assert whole.submit[len(cut) - 1] < 2 * DAY <= whole.submit[len(cut)]


def test_the_first_jobs_are_the_first_that_can_run(tmp_path: Path) -> None:
    assert asking(tmp_path, jobs=2).scenario().jobs.ids == ("small0", "small1")
