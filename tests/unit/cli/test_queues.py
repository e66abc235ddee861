"""What `crosstree queues` says, from the status of the queues alone."""

from __future__ import annotations

from typing import Any

import pytest

from crosstree.cli.output import console
from crosstree.cli.queues import draw, in_tree, queue_facts


def a_queue(
    name: str, parent: str = "", usage: list[dict[str, Any]] | None = None, **status: Any
) -> dict[str, Any]:
    spec = {"parent": parent, "weight": 2} if parent else {}
    return {"metadata": {"name": name}, "spec": spec, "status": {"usage": usage or [], **status}}


def rows(*queues: dict[str, Any]) -> list[dict[str, Any]]:
    return in_tree([queue_facts(one) for one in queues])


def test_queues_stand_below_their_parents() -> None:
    found = rows(
        a_queue("b"),
        a_queue("team-b", "all"),
        a_queue("all"),
        a_queue("team-a", "all"),
        a_queue("x", "team-a"),
    )
    assert [(row["name"], row["depth"]) for row in found] == [
        ("all", 0), ("team-a", 1), ("x", 2), ("team-b", 1), ("b", 0),
    ]  # fmt: skip


def test_a_cycle_is_drawn_flat() -> None:
    assert [(row["name"], row["depth"]) for row in rows(a_queue("a", "b"), a_queue("b", "a"))] == [
        ("a", 0),
        ("b", 0),
    ]


def test_a_line_per_model_and_the_queue_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    usage = [
        {"model": "*", "allocated": 40, "guaranteed": 32, "borrowed": 8},
        {"model": "nvidia-h100-sxm", "allocated": 40, "guaranteed": 0, "borrowed": 8, "limit": 64},
    ]
    draw(
        console(), rows(a_queue("all"), a_queue("team", "all", usage, fairShare=0.0625, running=3, waiting=1))
    )
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        [
            "QUEUE",
            "MODEL",
            "GUARANTEED",
            "HELD",
            "BORROWED",
            "LIMIT",
            "WEIGHT",
            "SHARE",
            "RUNNING",
            "WAITING",
        ],
        ["all", "1", "0.000", "0", "0"],
        ["└", "team", "*", "32", "40", "8", "2", "0.062", "3", "1"],
        ["nvidia-h100-sxm", "40", "8", "64"],
    ]


def test_a_quota_for_a_model_that_does_not_exist_is_said_below(capsys: pytest.CaptureFixture[str]) -> None:
    misspelt = {
        "type": "Ready",
        "status": "True",
        "reason": "ModelUnknown",
        "message": "spec.quotas names 'h10'.",
    }
    fine = {"type": "Ready", "status": "True", "reason": "Ready", "message": "Jobs are considered."}
    draw(console(), rows(a_queue("a", conditions=[misspelt]), a_queue("b", conditions=[fine])))
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == "a: spec.quotas names 'h10'."
    assert "considered" not in said


def test_what_is_wrong_with_a_queue_is_said_below(capsys: pytest.CaptureFixture[str]) -> None:
    broken = {
        "type": "Ready",
        "status": "False",
        "message": "spec.parent is 'gone', and there is no such JobQueue.",
    }
    draw(console(), rows(a_queue("a", "gone", conditions=[broken])))
    assert (
        capsys.readouterr().out.splitlines()[-1] == "a: spec.parent is 'gone', and there is no such JobQueue."
    )


def test_what_is_booked_is_told_in_a_table_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    hour = {
        "name": "monday",
        "model": "nvidia-h100-sxm",
        "accelerators": 64,
        "start": "2026-11-23T09:00:00+01:00",
    }
    seen = {"name": "monday", "state": "Open", "start": "2026-11-23T08:00:00Z", "end": "2026-11-23T16:00:00Z"}
    short = {"type": "BookingsFit", "status": "False", "message": "64 are booked, 40 usable."}
    queue = a_queue("demo", calendar=[seen], conditions=[short])
    queue["spec"] = {"calendar": [{**hour, "duration": "8h", "every": "168h"}]}
    found = rows(a_queue("a"), queue)
    draw(console(), found)
    *_, head, line, said = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "QUEUE",
        "BOOKING",
        "MODEL",
        "ACCELERATORS",
        "STATE",
        "FROM",
        "TO",
        "EVERY",
        "UNTIL",
    ]
    assert line.split() == [
        "demo", "monday", "nvidia-h100-sxm", "64", "Open", "2026-11-23", "08:00", "2026-11-23", "16:00", "168h",
    ]  # fmt: skip
    assert said == "demo: 64 are booked, 40 usable."
    assert found[1]["calendar"] == [
        {
            "name": "monday",
            "model": "nvidia-h100-sxm",
            "accelerators": 64,
            "state": "Open",
            "start": "2026-11-23T08:00:00Z",
            "end": "2026-11-23T16:00:00Z",
            "every": "168h",
            "until": "",
        }
    ]


def test_a_booking_that_the_operator_has_not_seen_yet_is_told_as_it_was_written() -> None:
    queue = a_queue("demo")
    queue["spec"] = {
        "calendar": [
            {"name": "h", "model": "m", "accelerators": 1, "start": "2026-11-23T09:00:00Z", "duration": "1h"}
        ]
    }
    (booking,) = rows(queue)[0]["calendar"]
    assert (booking["state"], booking["start"], booking["end"]) == ("Unknown", "2026-11-23T09:00:00Z", "")


def test_budgets_are_told_below_the_tree(capsys: pytest.CaptureFixture[str]) -> None:
    period = {"periodStart": "2026-01-01T00:00:00Z", "until": "2026-01-08T12:30:05Z"}
    budgets = [
        {"model": "*", "hours": 20000, "usedHours": 21000.5, "usedSeconds": 0, **period},
        {"model": "h100", "hours": 5000, "usedHours": 1250.25, **period, "periodEnd": "2026-01-31T00:00:00Z"},
    ]
    draw(console(), rows(a_queue("plain"), a_queue("team", budgets=budgets)))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    told = lines[[line[:3] for line in lines].index(["QUEUE", "MODEL", "BUDGET"]) + 1 :]
    assert told == [
        ["team", "*", "20000", "21000.5", "0", "2026-01-01", "00:00", "none", "2026-01-08", "12:30"],
        [
            "h100",
            "5000",
            "1250.25",
            "3749.75",
            "2026-01-01",
            "00:00",
            "2026-01-31",
            "00:00",
            "2026-01-08",
            "12:30",
        ],
    ]
    assert queue_facts(a_queue("team", budgets=budgets))["budgets"] == budgets


def test_without_budgets_nothing_is_said_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    draw(console(), rows(a_queue("plain")))
    assert "BUDGET" not in capsys.readouterr().out
