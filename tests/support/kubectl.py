"""kubectl as a user runs it, on one cluster."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]


class KubectlError(AssertionError):
    """kubectl said no. `stderr` is what the user would have read."""

    def __init__(self, command: list[str], stderr: str) -> None:
        super().__init__(f"kubectl {' '.join(command)}: {stderr.strip()}")
        self.stderr = stderr


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl against one kubeconfig.

    Attributes:
        binary: The kubectl to run.
        kubeconfig: The cluster.
        timeout: Seconds one command may take.
    """

    binary: Path
    kubeconfig: Path
    timeout: float = 60.0

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run one command and return what it printed.

        Raises:
            KubectlError: exit code other than 0.
        """
        done = subprocess.run(
            [str(self.binary), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=self.timeout,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )
        if done.returncode != 0:
            raise KubectlError(list(arguments), done.stderr)
        return done.stdout

    def apply(self, *objects: Json, namespace: str | None = None) -> None:
        """Apply objects, as `kubectl apply -f` does."""
        self(*_in(namespace), "apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def create(self, *objects: Json, namespace: str | None = None) -> None:
        """Create objects; one that is there already is an error."""
        self(*_in(namespace), "create", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def refused(self, *objects: Json, namespace: str | None = None) -> str:
        """Apply objects that the API server must refuse, and return its words.

        Raises:
            AssertionError: they were taken.
        """
        try:
            self.apply(*objects, namespace=namespace)
        except KubectlError as error:
            return error.stderr
        raise AssertionError(f"the API server took what it should refuse:\n{yaml.safe_dump_all(objects)}")

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json:
        """Return one object."""
        found: Json = json.loads(self(*_in(namespace), "get", kind, name, "-o", "json"))
        return found

    def find(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """Return one object, or None if there is none."""
        text = self(*_in(namespace), "get", kind, name, "-o", "json", "--ignore-not-found")
        found: Json | None = json.loads(text) if text else None
        return found

    def list(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Json]:
        """Return the objects of a kind, sorted by name; of all namespaces unless one is given."""
        where = _in(namespace) or ["--all-namespaces"]
        chosen = ["--selector", selector] if selector else []
        found = json.loads(self("get", kind, *where, *chosen, "-o", "json"))
        return sorted(
            found["items"], key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"])
        )

    def delete(self, kind: str, name: str, namespace: str | None = None, *, wait: bool = True) -> None:
        """Delete one object if it is there."""
        self(*_in(namespace), "delete", kind, name, "--ignore-not-found", f"--wait={str(wait).lower()}")


def _in(namespace: str | None) -> list[str]:
    return ["--namespace", namespace] if namespace else []
