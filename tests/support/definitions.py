"""Remove our CustomResourceDefinitions from a cluster, for a test that needs it without them."""

from __future__ import annotations

import time
from contextlib import suppress

from tests.support.kubectl import Kubectl, KubectlError
from tests.support.waiting import eventually

KINDS = ("trainingjobs", "aiclusters", "jobqueues", "acceleratorpools")
PATIENCE = 2.0
"""Seconds between two looks at definitions that do not go away."""


def remove_definitions(kubectl: Kubectl) -> None:
    """Delete what there is of them, and wait until it is gone."""
    names = [f"{kind}.crosstree.dev" for kind in KINDS]
    kubectl("delete", "crd", *names, "--ignore-not-found", "--wait=false")
    definitions_gone(kubectl)


def definitions_gone(kubectl: Kubectl) -> None:
    """Wait until none is left of definitions that are being deleted.

    The API server can't finish while the storage of a kind starts anew ("storage is (re)initializing"), as it does
    after each change of its definition. It tries again in minutes, or as soon as the definition is touched.
    """

    def left() -> list[str]:
        found = [one["metadata"]["name"] for one in kubectl.list("crd")]
        ours = [name for name in found if name.endswith(".crosstree.dev")]
        for name in ours:
            with suppress(KubectlError):  # it went meanwhile
                kubectl("annotate", "crd", name, f"touched={time.monotonic()}", "--overwrite")
        return ours

    eventually(left, until=lambda names: not names, within=60, every=PATIENCE, what="no definition was left")
