"""Who this process is among its replicas, and where their lease lives: what Kubernetes tells a pod about itself."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from crosstree.base.errors import SettingsError

NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod finds the namespace of its service account."""


def identity(chosen: str | None, unique: str) -> str:
    """Return the name given, else the pod's, else one of this host made of what no other process has."""
    return chosen or os.environ.get("POD_NAME") or f"{socket.gethostname()}-{unique}"


def namespace(chosen: str | None) -> str:
    """Return the namespace given, else the one we run in.

    Raises:
        SettingsError: none was given, and this is not a pod.
    """
    found = chosen or os.environ.get("POD_NAMESPACE")
    if found:
        return found
    try:
        return NAMESPACE.read_text().strip()
    except OSError as error:
        raise SettingsError(
            "Leader election needs a namespace for its lease, and this is not a pod. Name one with "
            "CROSSTREE_LEASE_NAMESPACE."
        ) from error
