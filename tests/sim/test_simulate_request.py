"""What the options of `crosstree simulate` make of a trace and of nodes, before anything is replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstree.base.errors import SettingsError
from crosstree.cli.simulate_options import Request, speeds
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


@pytest.mark.parametrize("text", ["V100", "V100=", "=1", "V100=0", "V100=-1", "V100=nan", "V100=inf"])
def test_a_speed_is_a_finite_number_above_0(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"--speed .* is not MODEL=X with a finite X above 0; write V100=0.6"
    ):
        speeds([text])


def test_a_speed_of_a_model_that_no_node_has_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--speed names model 'A100', but the nodes have V100"):
        asking(tmp_path, speeds={"A100": 2.0}).scenario()
    assert asking(tmp_path, speeds={"V100": 2.0}).scenario().runtime.speeds == {"V100": 2.0}


@pytest.mark.parametrize(
    ("said", "fleet", "prefers"),
    [
        (None, FLEET, "leaf"),
        ("", FLEET, ""),
        ("leaf", FLEET, "leaf"),
        (None, "node,num_accelerators\nn0,8\n", ""),
    ],
)
def test_gangs_prefer_the_level_that_is_said_and_else_a_leaf_where_there_is_one(
    tmp_path: Path, said: str | None, fleet: str, prefers: str
) -> None:
    assert asking(tmp_path, fleet=fleet, prefer=said).scenario().prefer == prefers


def test_a_level_that_the_nodes_do_not_have_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"--prefer is 'laef', but the nodes have levels leaf. Name one of these"
    ):
        asking(tmp_path, prefer="laef").scenario()
    with pytest.raises(
        SettingsError, match=r"--prefer is 'leaf', but the nodes have no levels. Leave it out"
    ):
        asking(tmp_path, fleet="node,num_accelerators\nn0,8\n", prefer="leaf").scenario()


def test_a_trace_of_which_no_job_can_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"None of the 3 jobs of .*jobs.csv can run on the nodes of .*nodes.csv"
    ):
        asking(tmp_path, trace=HUGE).scenario()


def test_days_that_end_before_the_first_job_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--days 0.5 ends before a job comes .* after 2 days"):
        asking(tmp_path, trace=f"{HUGE}late,172800,60,8,1\n", days=0.5).scenario()


@pytest.mark.parametrize(
    ("lines", "fleet", "says"),
    [
        ("a,x,1,8,1\n", FLEET, "line 2, column submit_time_s"),
        (SMALL, "node,num_accelerators\nn0,0\n", "line 2"),
    ],
)
def test_a_bad_file_is_wrong_usage(tmp_path: Path, lines: str, fleet: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        asking(tmp_path, trace=lines, fleet=fleet).scenario()
