"""Helm as an admin runs it, on one cluster or on none, with our chart."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.build import built
from tests.support.operator_process import ROOT

Json = dict[str, Any]
CHART = ROOT / "charts" / "crosstree"
RELEASE, NAMESPACE = "crosstree", "crosstree-system"


class HelmError(AssertionError):
    """Helm said no. `stderr` is what the admin would have read."""

    def __init__(self, command: list[str], stderr: str) -> None:
        super().__init__(f"helm {' '.join(command)}: {stderr.strip()}")
        self.stderr = stderr


@dataclass(frozen=True)
class Helm:
    """Runs helm with a home of its own.

    Attributes:
        binary: The helm to run.
        home: Folder for its cache.
        kubeconfig: The cluster; None for what needs none.
    """

    binary: Path
    home: Path
    kubeconfig: Path | None = None

    def __call__(self, *arguments: str) -> str:
        """Run one command and return what it printed.

        Raises:
            HelmError: exit code other than 0.
        """
        homes = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        cluster = {"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {}
        done = subprocess.run(
            [str(self.binary), *arguments],
            capture_output=True,
            text=True,
            timeout=110,
            env={**os.environ, **homes, **cluster},
        )
        if done.returncode != 0:
            raise HelmError(list(arguments), done.stdout + done.stderr)
        return done.stdout

    def template(self, values: Json | None = None, *more: str, chart: Path = CHART) -> list[Json]:
        """Return the objects that the chart makes of these values, hooks included."""
        text = self("template", RELEASE, str(chart), "-n", NAMESPACE, *_said(values), *more)
        return [found for found in yaml.safe_load_all(text) if found]

    def install(self, values: Json | None = None, *more: str, chart: Path = CHART) -> str:
        """Install the release and wait until its pods are ready."""
        where = ("-n", NAMESPACE, "--create-namespace", "--wait", "--timeout=90s")
        return self("install", RELEASE, str(chart), *where, *_said(values), *more)

    def upgrade(self, values: Json | None = None, *more: str, chart: Path = CHART) -> str:
        """Upgrade the release and wait until its pods are ready."""
        where = ("-n", NAMESPACE, "--wait", "--timeout=90s")
        return self("upgrade", RELEASE, str(chart), *where, *_said(values), *more)

    def uninstall(self) -> str:
        """Uninstall the release."""
        return self("uninstall", RELEASE, "-n", NAMESPACE, "--wait", "--timeout=90s")

    def refused(self, values: Json) -> str:
        """Template with values that the chart must refuse, and return helm's words.

        Raises:
            AssertionError: they were taken.
        """
        try:
            self.template(values)
        except HelmError as error:
            return error.stderr
        raise AssertionError(f"the chart took what it should refuse: {values}")


def helm(home: Path, kubeconfig: Path | None = None) -> Helm:
    """Return the helm of the local control plane; skip where there is none."""
    folder = built()
    if folder is None or not (folder / "helm").exists():
        pytest.skip("no helm beside the local control plane: make binaries builds one")
    return Helm(folder / "helm", home, kubeconfig)


def _said(values: Json | None) -> list[str]:
    return [
        word for key, value in (values or {}).items() for word in ("--set-json", f"{key}={json.dumps(value)}")
    ]
