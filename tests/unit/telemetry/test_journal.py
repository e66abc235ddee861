"""Which decisions and errors are news."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from crosstree.base.errors import Conflict, Unavailable
from crosstree.core.plan import Place, Plan, Wait, WaitReason
from crosstree.telemetry import logs
from crosstree.telemetry.journal import Journal
from crosstree.telemetry.metrics import Metrics

PLACE = Place("ml/a", "1", "east-h100", "h100", "nvidia.com/gpu", (), ())
WAIT = Wait("ml/b", "2", WaitReason.NOT_ENOUGH_FREE, "8 of 16 are free")


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict]]]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = io.StringIO()
    logs.setup(logs.Format.JSON, "INFO", out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)


def step(journal: Journal, *decisions: Place | Wait) -> None:
    journal.step(1, [Plan("east", 1, decisions)], [], seconds=0.001)


def test_a_placed_gang_is_news(lines):
    step(Journal(Metrics()), PLACE)
    (line,) = lines()
    assert (line["message"], line["job"], line["pool"]) == ("gang placed", "ml/a", "east-h100")


def test_a_gang_that_goes_on_waiting_for_others_to_end_is_not(lines):
    journal = Journal(Metrics())
    step(journal, WAIT)
    step(journal, Wait("ml/b", "2", WaitReason.NOT_ENOUGH_FREE, "9 of 16 are free"))
    step(journal, Wait("ml/b", "2", WaitReason.FRAGMENTED, "16 are free, on 4 leaves"))
    assert [line["reason"] for line in lines()] == ["NotEnoughFree"]
    step(journal, Wait("ml/b", "2", WaitReason.MODEL_UNAVAILABLE, "There is none."))
    assert [line["reason"] for line in lines()] == ["NotEnoughFree", "ModelUnavailable"]


def test_a_job_that_is_gone_is_forgotten(lines):
    journal = Journal(Metrics())
    step(journal, WAIT)
    journal.forget([])
    step(journal, WAIT)
    assert len(lines()) == 2


def test_a_quiet_step_says_nothing(lines):
    step(Journal(Metrics()))
    assert lines() == []


def test_errors_are_told_once_in_a_row_and_lost_races_never(lines):
    journal = Journal(Metrics())
    for count in (1, 2, 3):
        journal.reconcile_failed("JobQueue", "default", Unavailable("down"), count=count, delay=1.0)
    journal.reconcile_failed("JobQueue", "default", Conflict("lost"), count=1, delay=0.0)
    (line,) = lines()
    assert (line["level"], line["object"], line["why"]) == ("warning", "default", "down")
    assert "error" not in line


def test_a_bug_brings_its_traceback(lines):
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError as error:
        Journal(Metrics()).reconcile_failed("TrainingJob", "ml/a", error, count=1, delay=60.0)
    (line,) = lines()
    assert line["level"] == "error"
    assert "ZeroDivisionError: oh" in line["error"]
