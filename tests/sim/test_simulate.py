"""`crosstree simulate` as its user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crosstree.cli.main import main
from tests.sim.conftest import TRACES

JOBS = str(TRACES / "helios_venus_2020_15k.csv.gz")
NODES = str(TRACES / "helios_venus_2020_nodes.csv.gz")


def test_a_replay_answers_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--trace", JOBS, "--nodes", NODES, "--jobs", "60", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["finished"] == told["jobs"] == 60 and told["accelerators"] == 1064
    assert told["leftOut"] == {"noAccelerator": 4204}
    assert 0 < told["utilisation"] < 1 and told["wallSeconds"] > 0


def test_several_policies_are_compared_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--trace", JOBS, "--nodes", NODES, "--jobs", "60"]
    assert main([*arguments, "--policy", "production", "--policy", "fifo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("60 jobs (left out: 4,204 noAccelerator) on 133 nodes with 1,064 accelerators")
    assert [line.split()[0] for line in lines[1:] if line] == ["POLICY", "production", "fifo"]


def test_jobs_that_all_come_at_once_are_no_load(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--trace", JOBS, "--nodes", NODES, "--jobs", "1"]
    assert main(arguments) == 0
    assert "no load: all submitted at once" in capsys.readouterr().out.splitlines()[0]
    assert main([*arguments, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["load"] is None


def test_runs_that_end_at_the_bound_of_their_queue_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "trace": "job_id,submit_time_s,duration_s,num_accelerators,queue\na,0,9000,8,vcA\nb,0,9000,8,vcB\n",
        "nodes": "node,num_accelerators\nn0,8\nn1,8\n",
        "queues": "queue,num_nodes,max_run_time\nvcA,1,1h\nvcB,1,\n",
    }
    arguments = ["simulate"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        arguments += [f"--{name}", str(tmp_path / name)]
    assert main(arguments) == 0
    assert "production: 1 run ended at the max_run_time of the queue." in capsys.readouterr().out
    assert main([*arguments, "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["exceeded"], told["finished"]) == (1, 1)


def test_files_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    arguments = [
        "simulate",
        "--trace",
        JOBS,
        "--nodes",
        NODES,
        "--jobs",
        "40",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(arguments) == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"production-jobs.parquet", "production-summary.json", "production.png"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--trace", "none.csv", "--nodes", NODES], 2, "none.csv can't be read: No such file"),
        (["--trace", JOBS], 2, "give --trace FILE and --nodes FILE"),
        (
            ["--trace", NODES, "--nodes", NODES],
            2,
            "line 1: columns job_id, submit_time_s, duration_s are missing",
        ),
        (["--trace", JOBS, "--nodes", JOBS], 2, "line 1: column node is missing"),
        (["--trace", JOBS, "--nodes", NODES, "--speed", "V100"], 2, "write V100=0.6"),
        (
            ["--trace", JOBS, "--nodes", NODES, "--queues", NODES],
            2,
            "line 1: columns queue, num_nodes are missing",
        ),
        (["--trace", JOBS, "--nodes", NODES, "--policy", "magic"], 2, "magic"),
        (
            ["--trace", JOBS, "--nodes", NODES, "--window", "inf"],
            2,
            "--window inf is not a finite number of seconds; write 60",
        ),
        (
            ["--trace", JOBS, "--nodes", NODES, "--drain", "n1"],
            2,
            "--drain means something only with --what-if",
        ),
        (["--trace", JOBS, "--nodes", NODES, "--what-if"], 2, "--trace and --what-if exclude each other"),
        (["--what-if", "--replay", "--job", "a.yaml"], 2, "--job and --replay exclude each other"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_and_by_the_exit_code(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == code
    assert says in " ".join(capsys.readouterr().err.replace("│", " ").split())
