"""The Dockerfile can't be built without a container engine; what it says can be compared with what we build."""

from __future__ import annotations

import json
import re

import pytest

from tools.image import __main__ as command
from tools.image import tree
from tools.image.facts import ROOT

TEXT = (ROOT / "operator" / "Dockerfile").read_text()
LINES = re.sub(r"\\\n\s*", " ", TEXT).splitlines()
LAST_STAGE = LINES[max(index for index, line in enumerate(LINES) if line.startswith("FROM ")) :]


def instruction(name: str) -> str:
    (line,) = (line for line in LAST_STAGE if line.startswith(f"{name} "))
    return line.removeprefix(f"{name} ")


@pytest.mark.parametrize(
    "source",
    [
        word
        for line in LINES
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ],
)
def test_the_dockerfile_copies_only_what_there_is(source: str) -> None:
    assert (ROOT / source).exists()
    tops = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert source.split("/", maxsplit=1)[0] in tops, "the .dockerignore hides it"


def test_the_dockerfile_lays_the_same_folders_over_each_other_in_the_same_order() -> None:
    copied = [line.split()[2] for line in LAST_STAGE if line.startswith("COPY --from=build")]
    assert copied == [f"/out/image/{name}" for name in tree.LAYERS]
    assert "RUN python3 -m tools.image rootfs --out /out" in LINES


def test_the_dockerfile_starts_the_same_container_as_the_archive() -> None:
    assert instruction("USER") == command.CONFIG["User"]
    assert instruction("WORKDIR") == command.CONFIG["WorkingDir"]
    assert json.loads(instruction("ENTRYPOINT")) == command.CONFIG["Entrypoint"]
    assert json.loads(instruction("CMD")) == command.CONFIG["Cmd"]
    assert instruction("ENV").split() == command.CONFIG["Env"]


def test_the_image_holds_nothing_but_the_root_file_system() -> None:
    assert LAST_STAGE[0] == "FROM scratch"
    assert not [line for line in LAST_STAGE if line.startswith(("RUN", "ADD", "VOLUME"))]
