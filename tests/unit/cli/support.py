"""Run the command line in this process, as a user would see it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from crosstree.cli.main import main


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Answer:
    """Run one command line."""
    code = main(arguments)
    said = capsys.readouterr()
    return Answer(code, said.out, said.err)
