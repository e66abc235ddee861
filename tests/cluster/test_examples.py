"""Every example is taken by the API server as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.control_plane import ControlPlane
from tests.support.kubectl import Kubectl
from tools.generated import CRDS, ROOT

EXAMPLES = ROOT / "examples"
FILES = sorted(EXAMPLES.rglob("*.yaml"))


@pytest.fixture(scope="module")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    run = control_plane.kubectl
    run("apply", "--server-side", "-f", str(ROOT / CRDS))
    run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    return run


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(EXAMPLES).as_posix())
def test_an_example_is_taken_by_the_api_server(kubectl: Kubectl, path: Path) -> None:
    assert "(server dry run)" in kubectl("apply", "--dry-run=server", "-f", str(path))
