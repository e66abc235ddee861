"""Exit codes, errors and help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.support import run

VERBS = ("run", "status", "explain", "topology", "validate", "crds", "bench")


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "--help")
    assert answer.code == 0
    assert all(verb in answer.out for verb in VERBS)


@pytest.mark.parametrize(
    "verb", [("status",), ("explain",), ("topology",), ("bench", "cluster"), ("bench", "placement")]
)
def test_every_reading_verb_answers_in_three_formats(
    capsys: pytest.CaptureFixture[str], verb: tuple[str, ...]
) -> None:
    answer = run(capsys, *verb, "--help")
    assert answer.code == 0
    assert "--output" in answer.out
    assert "yaml" in answer.out


@pytest.mark.parametrize("arguments", [("explain",), ("nonsense",), ("status", "--nonsense"), ("validate",)])
def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert run(capsys, *arguments).code == 2


def test_a_missing_kubeconfig_is_one_sentence_and_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = run(capsys, "status", "--kubeconfig", str(tmp_path / "none"))
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("crosstree: ")
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("status", "-o", "xml"), "'-o' / '--output': 'xml' is not one of 'table', 'json', 'yaml'."),
        (("run", "--log-format", "xml"), "--log-format is 'xml': it should be 'console' or 'json'."),
        (
            ("run", "--listen", "localhost:http"),
            "the port of --listen is 'http': it should be a valid integer",
        ),
        (("run", "--workers", "0"), "--workers is 0: it should be greater than or equal to 1."),
        (("explain",), "Missing argument 'JOB | NAMESPACE/JOB'."),
        (("nonsense",), "No such command 'nonsense'."),
    ],
)
def test_wrong_usage_is_told_in_one_line_that_names_the_option_and_what_would_do(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    answer = run(capsys, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err
    assert answer.err.endswith("--help.\n") and len(answer.err.splitlines()) == 1


def test_a_variable_that_can_not_work_is_named_as_it_was_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTREE_LOG_FORMAT", "xml")
    assert "CROSSTREE_LOG_FORMAT is 'xml'" in run(capsys, "run").err
    assert "--log-format is 'yaml'" in run(capsys, "run", "--log-format", "yaml").err


@pytest.mark.parametrize(
    "arguments", [("validate", "-f"), ("simulate", "--trace", "traces/none.csv", "--nodes")]
)
def test_a_file_that_is_not_there_is_named_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    missing = str(tmp_path / "none.csv")
    answer = run(capsys, *arguments, missing)
    assert answer.code in (1, 2)
    assert "none.csv can't be read: No such file or directory. " in answer.err
    assert "Errno" not in answer.err


def test_asked_for_nothing_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys)
    assert answer.code == 2
    assert all(verb in answer.out for verb in VERBS)
    assert answer.err == ""


def test_debug_shows_where_an_error_came_from(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTREE_DEBUG", "1")
    assert "Traceback" in run(capsys, "status", "--kubeconfig", str(tmp_path / "none")).err


def test_contradicting_namespaces_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "explain", "a/job", "-n", "b")
    assert answer.code == 2
    assert "give one of them" in answer.err


def test_run_names_the_setting_that_can_not_work(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "run", "--log-level", "loud")
    assert answer.code == 2
    assert "--log-level is 'LOUD'" in answer.err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m crosstree crds | head -n 1",
        shell=True, capture_output=True, text=True, timeout=60, env=dict(os.environ),
    )  # fmt: skip
    assert done.stderr == ""


def test_help_loads_nothing_heavy() -> None:
    """Start-up time is a promise; what is imported is what can be tested without a stopwatch."""
    code = (
        "import sys; import crosstree.cli.main; "
        "print(sorted({'numpy', 'pydantic', 'aiohttp', 'kubernetes', 'kopf', 'msgspec', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
