"""How the answer to a what-if reads, for people and for programs."""

from __future__ import annotations

import io

from rich.console import Console

from crosstree.cli.what_if_told import draw, told
from crosstree.sim.course import Pause
from crosstree.sim.what_if import Answer, Fate, Shift

NOW = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""

HOUR = 3600.0


def read(answer: Answer) -> str:
    """Return what a person reads, with every run of blanks as one."""
    said = io.StringIO()
    draw(Console(file=said, width=160), answer)
    return " ".join(said.getvalue().split())


def a_fate(*later: Pause) -> Fate:
    return Fate("ml/mine", NOW, 1.0, None, None, "", 0, (), (), later)


def an_answer(*fates: Fate) -> Answer:
    return Answer(NOW, 24 * HOUR, fates, (), ())


def test_a_job_that_is_stopped_after_its_start_says_when_for_whom_and_when_it_goes_on() -> None:
    answer = an_answer(
        a_fate(Pause(NOW + 400, NOW + 1000, 0, "ml/urgent"), Pause(NOW + 1600, None, 0, "x/y"))
    )
    assert "ml/mine starts now. It is stopped at 22:20 UTC for ml/urgent, and goes on at 22:30 UTC." in read(
        answer
    )
    assert "It is stopped at 22:40 UTC for x/y, and does not go on within 24h." in read(answer)
    first, second = told(answer)["jobs"][0]["later"]
    assert first == {
        "at": "2023-11-14T22:20:00Z",
        "until": "2023-11-14T22:30:00Z",
        "workers": 0,
        "grows": False,
        "beneficiary": "ml/urgent",
    }
    assert second["until"] is None


def test_a_job_that_changes_its_size_after_its_start_says_so() -> None:
    answer = an_answer(
        a_fate(Pause(NOW + 400, NOW + 430, 8, ""), Pause(NOW + 1000, NOW + 1030, 4, "ml/urgent"))
    )
    assert "It grows to 8 workers at 22:20 UTC. It shrinks to 4 workers at 22:30 UTC for ml/urgent." in read(
        answer
    )
    assert [one["grows"] for one in told(answer)["jobs"][0]["later"]] == [True, False]


def test_who_is_spared_stopped_or_grows_is_told_apart_from_who_only_starts_at_another_time() -> None:
    shifts = (Shift("ml/hit", NOW + 400, NOW + 4000), Shift("ml/spared", NOW + 4000, NOW + 400))
    answer = Answer(NOW, 24 * HOUR, (), shifts, ("ml/hit",), ("ml/spared",), ("ml/more",))
    assert (
        "Stopped on the way: ml/hit. Would have been stopped and is not: ml/spared. Grows and would not"
        in read(answer)
    )
    assert "ml/hit runs on 23:20 UTC 60m" in read(answer)
    assert "ml/spared 23:20 UTC runs on 60m" in read(answer)
    assert (told(answer)["stopped"], told(answer)["spared"]) == (["ml/hit"], ["ml/spared"])
    assert told(answer)["grown"] == ["ml/more"]


def test_the_two_times_of_a_row_are_told_to_the_same_step_and_differ_as_it_says() -> None:
    far = NOW + 12 * HOUR
    shifts = (Shift("ml/a", far - 200, far + 200), Shift("ml/b", far, far + 30), Shift("ml/c", NOW, far))
    said = read(Answer(NOW, 24 * HOUR, (), shifts, ()))
    assert "ml/a 2023-11-15 10:10 UTC 2023-11-15 10:16 UTC 6m" in said
    assert "ml/b 2023-11-15 10:13:20 UTC 2023-11-15 10:13:50 UTC 30s" in said
    assert "ml/c now 2023-11-15 10:13 UTC 12h" in said
