"""What a log line looks like, and which lines there are."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from crosstree.telemetry import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Put the process's loggers back as they were."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], level = before
    root.setLevel(level)


def test_a_json_line_carries_its_fields():
    out = io.StringIO()
    logs.setup(logs.Format.JSON, "INFO", out)
    logs.say("gang placed", job="ml/a", cycle=7, pool=None)
    line = json.loads(out.getvalue())
    assert (line["message"], line["job"], line["cycle"], line["level"]) == ("gang placed", "ml/a", 7, "info")
    assert "pool" not in line


def test_a_console_line_quotes_what_would_not_read_back():
    out = io.StringIO()
    logs.setup(logs.Format.CONSOLE, "INFO", out)
    logs.say("gang waits", job="ml/a", why="no room")
    assert out.getvalue().endswith('INFO    gang waits job=ml/a why="no room"\n')


def test_an_error_brings_its_traceback():
    out = io.StringIO()
    logs.setup(logs.Format.JSON, "INFO", out)
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError as error:
        logs.say("reconcile failed", level=logging.ERROR, error=error)
    assert "ZeroDivisionError: oh" in json.loads(out.getvalue())["error"]


@pytest.mark.parametrize("name", ["kopf.objects", "aiohttp.access", "some.library"])
def test_libraries_are_heard_from_warnings_on(name):
    out = io.StringIO()
    logs.setup(logs.Format.CONSOLE, "DEBUG", out)
    logging.getLogger(name).info("progress")
    assert out.getvalue() == ""
    logging.getLogger(name).warning("trouble")
    assert f"{name}: trouble" in out.getvalue()


def test_the_level_is_kept():
    out = io.StringIO()
    logs.setup(logs.Format.CONSOLE, "WARNING", out)
    logs.say("gang placed")
    assert out.getvalue() == ""
