"""Lengths of time as users write them: `30s`, `10m`, `1h30m`. Seconds, as float, inside."""

from __future__ import annotations

import re

from crosstree.base.errors import SpecError

PATTERN = r"^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,7}s)?$"
"""Form of a duration for schemas; the empty string fits it and must be refused besides."""

_FORM = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,7})s)?")


def parse(text: str) -> float:
    """Return the length in seconds.

    Raises:
        SpecError: the text is empty or not hours, minutes and seconds in this order.
    """
    found = _FORM.fullmatch(text)
    if not text or found is None:
        raise SpecError(f"{text!r} is not a duration; write it as 30s, 10m or 1h30m.")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def text(seconds: float) -> str:
    """Write a length as users do, in whole seconds: `36h`, `1h30m`, `45s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
