"""The helpers that every cluster test stands on."""

from __future__ import annotations

import pytest

from tests.support.waiting import always, eventually


def test_eventually_returns_the_first_state_that_will_do() -> None:
    states = iter(["Pending", "Starting", "Running"])
    assert eventually(lambda: next(states), within=5, until=lambda s: s == "Running", every=0) == "Running"


def test_eventually_survives_errors_on_the_way() -> None:
    states = iter([ConnectionError("not up yet"), "up"])

    def look() -> str:
        state = next(states)
        if isinstance(state, Exception):
            raise state
        return state

    assert eventually(look, within=5, every=0) == "up"


def test_eventually_shows_the_last_state_it_saw() -> None:
    with pytest.raises(AssertionError, match=r"the gang did not happen within 0 s.*\n.*'ready': 3"):
        eventually(lambda: {"ready": 3}, within=0, until=lambda s: s["ready"] == 4, what="the gang")


def test_eventually_shows_the_last_error_if_there_was_nothing_else() -> None:
    with pytest.raises(AssertionError, match="KeyError: 'placement'"):
        eventually(lambda: {}["placement"], within=0)


def test_always_fails_at_the_state_that_breaks_the_rule() -> None:
    counts = iter([1, 1, 2])
    with pytest.raises(AssertionError, match=r"seen:\n2"):
        always(lambda: next(counts), during=5, holds=lambda n: n == 1, every=0)
