"""Structured logs: one line per change of state, with fields that can be searched (`job=`, `pool=`, `cycle=`).

A quiet cycle logs nothing. `say` is the only way in which the operator writes a log line.
"""

from __future__ import annotations

import json
import logging
import sys
from enum import Enum
from typing import TextIO

from crosstree.base.clock import to_rfc3339

ROOT = "crosstree"
"""Name of our logger; every logger of ours is its child."""

_QUIET = ("kopf", "aiohttp", "asyncio", "kubernetes", "urllib3")
"""Libraries whose progress nobody reads; their warnings are kept."""

Field = str | int | float | bool | None


class Format(Enum):
    """How a line looks."""

    CONSOLE = "console"
    """For people: time, level, message, key=value."""
    JSON = "json"
    """For log stores: one object per line."""


def setup(format: Format, level: str, stream: TextIO | None = None) -> None:
    """Send every log line of the process to `stream` (standard error by default) in one format.

    Args:
        format: How a line looks.
        level: Least level of our own lines: DEBUG, INFO, WARNING or ERROR. Libraries log from WARNING on.
        stream: Where to.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if format is Format.JSON else _Console())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def say(
    message: str, *, level: int = logging.INFO, error: BaseException | None = None, **fields: Field
) -> None:
    """Log one line.

    Args:
        message: What happened, a few words, the same for every object, so that it can be counted.
        level: A level of `logging`.
        error: Logged with its traceback.
        fields: What it happened to. Those that are None are left out.
    """
    kept = {name: value for name, value in fields.items() if value is not None}
    logging.getLogger(ROOT).log(level, message, exc_info=error, extra={"fields": kept})


def _fields(record: logging.LogRecord) -> dict[str, Field]:
    found = getattr(record, "fields", {})
    return found if isinstance(found, dict) else {}


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Field] = {
            "time": to_rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _Console(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        pairs = " ".join(f"{name}={_shown(value)}" for name, value in _fields(record).items())
        origin = "" if record.name == ROOT else f"{record.name}: "
        line = f"{to_rfc3339(record.created)} {record.levelname:<7} {origin}{record.getMessage()} {pairs}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _shown(value: Field) -> str:
    text = str(value)
    return json.dumps(text) if " " in text or "=" in text or not text else text
