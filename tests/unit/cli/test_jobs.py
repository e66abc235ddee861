"""What `status` and `explain` say of a job, from its status alone."""

from __future__ import annotations

from typing import Any

import pytest

from crosstree.base.clock import SystemClock, to_rfc3339
from crosstree.base.moments import clock
from crosstree.cli.explain import draw, said_of
from crosstree.cli.length import length_in, sentence
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


def test_a_recovering_job_is_explained_by_where_it_ran_and_what_it_waits_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    leaving = {"reason": "Recovering", "message": "All pods of attempt 2 have to be gone."}
    said = explained(capsys, a_job("Recovering", attempt=2, waiting=leaving, placement=PLACEMENT))
    assert "It waits: Recovering\n  All pods of attempt 2 have to be gone." in said
    assert "Attempt 2 ran in pool east-h100" in said
    assert "runs" not in said


def test_an_answer_that_may_be_old_says_so_first(capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(capsys, a_job("Running", placement=PLACEMENT), "2026-01-31T12:00:00Z")
    assert said.startswith(
        "No operator has renewed its lease since 2026-01-31 12:00 UTC: what follows may be old.\n"
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


def test_status_shows_the_line_and_when_a_job_is_expected_to_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = to_rfc3339(SystemClock().now() + 7210)
    waiting = {"reason": "NotEnoughFree", "message": "5 of 8 nodes are free."}
    told = {"queuePosition": 3, "expectedStart": start, "forecast": {"confidence": 90}}
    raw = a_job("Pending", waiting=waiting, **told)
    raw["spec"]["queue"] = "team-a"
    draw_jobs(console(), [job_facts(raw)])
    row = capsys.readouterr().out.splitlines()[2]
    assert "team-a 3" in row
    assert "120m 90%" in row


def test_explain_tells_the_line_the_time_and_who_makes_room(capsys: pytest.CaptureFixture[str]) -> None:
    start = to_rfc3339(SystemClock().now() + 7210)
    plan = {
        "pool": "east-h100",
        "until": "2026-01-31T12:00:00Z",
        "since": "2026-01-31T11:00:00Z",
        "nodes": [{"name": f"n{index}", "first": index, "count": 1} for index in range(4)],
        "victims": [{"uid": "a"}, {"uid": "b", "workers": 2}],
    }
    waiting = {"reason": "WaitingForPreemption", "message": "1 job has to stop first."}
    told = {"queuePosition": 1, "expectedStart": start, "forecast": {"confidence": 0}, "plan": plan}
    said = explained(capsys, a_job("Pending", waiting=waiting, **told))
    assert "It is number 1 in the line of queue default." in said
    assert "It may start by" in said and "nobody knows how long the jobs before it take" in " ".join(
        said.split()
    )
    assert (
        "4 nodes of pool east-h100 are being cleared for it until 2026-01-31 12:00 UTC: "
        "1 job stops and 1 job goes on smaller."
    ) in " ".join(said.split())


NOON = 1_769_860_800.0  # 2026-01-31 12:00 UTC


def test_every_time_in_what_explain_says_is_told_by_one_rule_and_stays_exact_for_programs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: NOON)
    waiting = {"reason": "NotEnoughFree", "message": f"Too few; else expected by {clock(NOON + 8417, NOON)}."}
    raw = a_job(
        "Recovering",
        waiting=waiting,
        expectedStart=to_rfc3339(NOON + 8417),
        forecast={"confidence": 90},
        restarts=[{"at": "2026-01-30T15:30:29Z", "reason": "NodeFailed", "message": "Gone."}],
        recovery={"rung": "Replace", "since": "2026-01-31T11:59:31Z", "cause": "NodeFailed"},
        plan={"pool": "east-h100", "until": "2026-01-31T13:30:30Z", "nodes": [{}], "victims": [{"uid": "a"}]},
    )
    said = explained(capsys, raw, "2026-01-31T11:58:59Z")
    for one in (
        "since 11:58 UTC: what follows",
        "expected by 14:25 UTC.",
        "It is expected to start by 14:25 UTC, in 145m; confidence 90 %.",
        "being cleared for it until 13:30 UTC: 1 job stops.",
        "Recovery: Replace, since 11:59 UTC",
        "restarted at 2026-01-30 15:30 UTC: NodeFailed",
    ):
        assert one in said
    assert "Z" not in said.replace("NodeFailed", "")
    assert said_of(raw)["expectedStart"] == "2026-01-31T14:20:17Z"


def test_a_start_that_was_expected_before_now_is_told_as_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: NOON + 20)
    waiting = {"reason": "NotEnoughFree", "message": "Too few."}
    raw = a_job("Pending", waiting=waiting, expectedStart=to_rfc3339(NOON + 10), forecast={"confidence": 90})
    assert "It is expected to start by 12:00 UTC, any moment; confidence 90 %." in explained(capsys, raw)


def test_explain_says_for_whom_a_job_was_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    raw = a_job("Pending", waiting={"reason": "NotEnoughFree", "message": "Too few."})
    stopped = {
        "type": "Preempted",
        "status": "True",
        "reason": "Reclaimed",
        "message": "Queue team-b is owed it.",
    }
    raw["status"]["conditions"].append(stopped)
    assert "It was stopped (Reclaimed): Queue team-b is owed it." in explained(capsys, raw)


def test_a_range_of_workers_is_shown_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    raw = a_job("Pending")
    raw["spec"]["workers"] = {"min": 8, "max": 32}
    assert job_facts(raw)["workers"] == "8..32"


def test_every_job_is_counted_whatever_its_phase(capsys: pytest.CaptureFixture[str]) -> None:
    draw_jobs(console(), [job_facts(a_job(phase)) for phase in ("Running", "Preempted", "Pending")])
    assert "3 jobs: 1 Preempted, 1 Pending, 1 Running" in capsys.readouterr().out


def test_a_job_that_its_queue_refuses_is_told_why_once(capsys: pytest.CaptureFixture[str]) -> None:
    why = "spec.queue is 'biologie', and there is no such JobQueue."
    raw = a_job("Pending", waiting={"reason": "QueueNotFound", "message": why})
    draw(console(), {**said_of(raw), "decision": why})
    assert capsys.readouterr().out.count(why) == 1


def a_queue(**lesson: Any) -> dict[str, Any]:
    """Build the queue `default`, which has learned this of jobs of the job's name and size."""
    learned = {"pattern": "llm", "accelerators": 16, "count": 3, "lastAt": "2026-01-31T12:00:00Z", **lesson}
    return {"metadata": {"name": "default"}, "spec": {}, "status": {"durations": [learned]}}


@pytest.mark.parametrize(
    ("declared", "queues", "says"),
    [
        ("4h", [], "It is expected to run 4h, as it declares."),
        ("4h", [a_queue(recentSeconds=[60, 60, 60])], "It is expected to run 4h, as it declares."),
        (
            "4h",
            [{"spec": 1}, a_queue(recentSeconds=[60, 60, 60], percentOfDeclared=[50, 50, 50])],
            "It declares 4h, and jobs like it run 50 % of what they declare: it is expected to run 2h.",
        ),
        (None, [a_queue(recentSeconds=[90, 90])], "It is expected to run 1m30s, as jobs like it did."),
        (None, [a_queue(recentSeconds=[4997, 4997])], "It is expected to run 1h25m, as jobs like it did."),
        ("1h23m17s", [], "It is expected to run 1h23m17s, as it declares."),
        (
            "1h23m17s",
            [a_queue(recentSeconds=[60, 60, 60], percentOfDeclared=[200, 200, 200])],
            "It declares 1h23m17s, and jobs like it run 200 % of what they declare: it is expected to run 2h50m.",
        ),
        (
            None,
            [],
            "Nothing is known of how long it runs: it has no spec.expectedDuration, and no job like it has ended.",
        ),
        (
            None,
            [{"metadata": {"name": "default"}, "spec": {"maxRunTime": "3h"}}],
            "Nothing is known of how long it runs, but that its queue ends it after 3h.",
        ),
    ],
)
def test_a_job_is_told_how_long_it_is_expected_to_run_and_why(
    declared: str | None, queues: list[dict[str, Any]], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = complete_job(declared)
    draw(console(), {**said_of(raw), "length": length_in(queues, raw)})
    assert f"\n{says}\n" in capsys.readouterr().out


def complete_job(declared: str | None) -> dict[str, Any]:
    """Build a job as the operator reads it, of two workers of eight accelerators."""
    spec = {
        "workers": 2,
        "accelerators": {"perWorker": 8},
        "template": {"spec": {"containers": [{"name": "trainer", "image": "train:1"}]}},
        **({} if declared is None else {"expectedDuration": declared}),
    }
    return {**a_job("Running", placement=PLACEMENT), "spec": spec}


def half_done(declared: str | None) -> dict[str, Any]:
    """Build a job that was started again with three hours of its work safe."""
    raw = complete_job(declared)
    restart = {"at": "2026-01-31T15:30:00Z", "reason": "Preempted", "charged": False, "message": "x"}
    raw["status"] |= {"attempt": 2, "startedAt": "2026-01-31T12:00:00Z", "restarts": [restart]}
    raw["metadata"]["annotations"] = {"crosstree.dev/checkpointed-at": "2026-01-31T15:00:00Z"}
    return raw


def bounded_queue(**lesson: Any) -> dict[str, Any]:
    """Build a queue that ends whatever runs for six hours."""
    return {**a_queue(**lesson), "spec": {"maxRunTime": "6h"}}


OFF_BY_HALF = {"recentSeconds": [60, 60, 60], "percentOfDeclared": [50, 50, 50]}
TWICE = {"recentSeconds": [60, 60, 60], "percentOfDeclared": [200, 200, 200]}
HARDLY = {"recentSeconds": [60, 60, 60], "percentOfDeclared": [1, 1, 1]}
LONG = {"recentSeconds": [36_000, 36_000]}


@pytest.mark.parametrize(
    ("raw", "queue", "says"),
    [
        (
            complete_job("4h"),
            bounded_queue(**TWICE),
            "It declares 4h, and jobs like it run 200 % of what they declare: it is expected to run 6h, for its queue "
            "ends it then.",
        ),
        (
            complete_job("10h"),
            bounded_queue(recentSeconds=[60]),
            "It declares 10h: it is expected to run 6h, for its queue ends it then.",
        ),
        (
            complete_job(None),
            bounded_queue(**LONG),
            "Jobs like it ran longer: it is expected to run 6h, for its queue ends it then.",
        ),
        (
            half_done("4h"),
            a_queue(**OFF_BY_HALF),
            "It declares 4h, and 3h of its work is safe: it is expected to run 1h for what is left.",
        ),
        (
            half_done(None),
            a_queue(**LONG),
            "Jobs like it tell how long it runs, and 3h of its work is safe: it is expected to run 7h for what is "
            "left.",
        ),
        (
            complete_job("4h"),
            a_queue(**HARDLY),
            "It declares 4h, and jobs like it run 10 % or less of what they declare: it is expected to run 24m.",
        ),
    ],
)
def test_what_cuts_short_a_run_or_is_done_of_it_is_said(
    raw: dict[str, Any], queue: dict[str, Any], says: str
) -> None:
    assert sentence(length_in([queue], raw)) == says
