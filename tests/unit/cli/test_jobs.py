"""What `status` and `explain` say of a job, from its status alone."""

from __future__ import annotations

from typing import Any

import pytest

from crosstree.cli.explain import draw, said_of
from crosstree.cli.output import console
from crosstree.cli.status import draw_jobs, job_facts

PLACEMENT = {
    "pool": "east-h100", "model": "nvidia-h100-sxm", "spans": [],
    "nodes": [{"name": "h100-001", "first": 0, "count": 2}],
}  # fmt: skip


def a_job(phase: str, reason: str = "", message: str = "", **status: Any) -> dict[str, Any]:
    """Build a TrainingJob as the API server has it; a reason is that of its end."""
    end = {"type": "Finished", "status": "True" if reason else "False", "reason": reason, "message": message}
    return {
        "metadata": {"namespace": "team-a", "name": "llm", "creationTimestamp": "2026-01-31T12:00:00Z"},
        "spec": {"workers": 2},
        "status": {"phase": phase, "attempt": 1, "conditions": [end], **status},
    }


def explained(capsys: pytest.CaptureFixture[str], raw: dict[str, Any], silent: str | None = None) -> str:
    draw(console(), {**said_of(raw), "operatorSilentSince": silent})
    return capsys.readouterr().out


def test_a_failed_job_is_explained_by_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    raw = a_job("Failed", "WorkerFailed", "Worker 1 exited with 3.", placement=PLACEMENT)
    said = explained(capsys, raw)
    assert "\nIt failed: WorkerFailed\n  Worker 1 exited with 3.\n" in said
    assert "Attempt 1 ran in pool east-h100" in said
    assert "runs in" not in said


def test_a_job_that_failed_without_a_place_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(capsys, a_job("Failed", "WorkerFailed", "Worker 1 exited with 3."))
    assert said == "team-a/llm Failed\n\nIt failed: WorkerFailed\n  Worker 1 exited with 3.\n"


def test_a_job_that_succeeded_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\nIt succeeded.\n  All 2 workers succeeded.\n" in explained(
        capsys, a_job("Succeeded", "Succeeded", "All 2 workers succeeded.")
    )


def test_a_running_job_is_explained_by_where_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Attempt 1 runs in pool east-h100" in explained(capsys, a_job("Running", placement=PLACEMENT))


def test_an_answer_that_may_be_old_says_so_first(capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(capsys, a_job("Running", placement=PLACEMENT), "2026-01-31T12:00:00Z")
    assert said.startswith(
        "No operator has renewed its lease since 2026-01-31T12:00:00Z: what follows may be old.\n"
    )


def test_status_shows_why_a_job_failed_and_why_one_waits(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [
        a_job("Failed", "WorkerFailed", "Worker 1 exited with 3."),
        a_job("Pending", waiting={"reason": "NotEnoughFree", "message": "5 of 8 nodes are free."}),
        a_job("Succeeded", "Succeeded", "All 2 workers succeeded."),
    ]
    draw_jobs(console(), [job_facts(job) for job in jobs])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows[0].endswith("  WorkerFailed: Worker 1 exited with 3.")
    assert rows[1].endswith("  NotEnoughFree: 5 of 8 nodes are free.")
    assert "All 2 workers" not in rows[2]
