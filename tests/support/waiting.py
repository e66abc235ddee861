"""Wait for a condition with a deadline, and say what was seen last when it never came."""

from __future__ import annotations

import pprint
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SHOWN = 4000
"""Characters of the last state that a failure prints."""


def eventually(
    look: Callable[[], T],
    *,
    within: float,
    until: Callable[[T], bool] = bool,
    every: float = 0.1,
    what: str = "",
) -> T:
    """Look again and again until what is seen will do, and return it.

    Args:
        look: Reads the state. An exception counts as "not yet" and is shown if it is the last thing seen.
        within: Seconds until the test gives up.
        until: Says whether a state will do; by default anything that is true.
        every: Seconds between looks.
        what: What the test waits for, for the failure.

    Raises:
        AssertionError: the time is up; the text holds the last state seen.
    """
    deadline = time.monotonic() + within
    last: object = None
    looks = 0
    while True:
        looks += 1
        try:
            seen = look()
        except Exception as error:  # the API server may be on its way up, the object not there yet
            last = error
        else:
            if until(seen):
                return seen
            last = seen
        if time.monotonic() >= deadline:
            raise AssertionError(_late(what, within, looks, last))
        time.sleep(every)


def always(look: Callable[[], T], *, during: float, holds: Callable[[T], bool], every: float = 0.1) -> None:
    """Look again and again and fail at the first state that breaks the rule.

    For promises of absence: no second pod appears, nothing is written. Keep `during` short.

    Raises:
        AssertionError: with the state that broke the rule.
    """
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        seen = look()
        assert holds(seen), f"it did not hold {during:g} s long; seen:\n{pprint.pformat(seen)[:SHOWN]}"
        time.sleep(every)


def _late(what: str, within: float, looks: int, last: object) -> str:
    seen = (
        f"{type(last).__name__}: {last}" if isinstance(last, Exception) else pprint.pformat(last, width=110)
    )
    return f"{what or 'it'} did not happen within {within:g} s ({looks} looks). The last state seen:\n{seen[:SHOWN]}"
