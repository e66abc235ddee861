"""Several replicas of the operator on one cluster, and what the API server knows about who of them wrote what."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import localcluster
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.waiting import eventually

NAMESPACE = "default"
LEASE = "crosstree"
_AGENT = re.compile(r"crosstree/\S+ \((.+)\)")


@dataclass(frozen=True)
class Wrote:
    """One write in the audit log: by which replica, what, and when the API server had it."""

    who: str
    verb: str
    resource: str
    at: float


def replica(kubeconfig: Path, folder: Path, name: str, **settings: str) -> OperatorProcess:
    """Start one replica that campaigns under this name."""
    campaign = {"leader_election": "true", "lease_namespace": NAMESPACE, "identity": name}
    return OperatorProcess(kubeconfig, folder, **{**campaign, **settings})


def lease(kubectl: Kubectl, namespace: str = NAMESPACE) -> dict[str, Any]:
    """Return the lease."""
    return kubectl.get("lease", LEASE, namespace)


def holder(kubectl: Kubectl, namespace: str = NAMESPACE) -> str:
    """Return who holds the lease; nothing while nobody does or there is none."""
    found = kubectl.find("lease", LEASE, namespace)
    return str(found["spec"].get("holderIdentity") or "") if found else ""


def leader(kubectl: Kubectl, *names: str, within: float = 30.0, namespace: str = NAMESPACE) -> str:
    """Wait until one of these replicas holds the lease, and return which."""
    return eventually(
        lambda: holder(kubectl, namespace),
        until=lambda name: name in names,
        within=within,
        what=f"one of {', '.join(names)} led",
    )


def written(cluster: localcluster.Cluster, *, leases: bool = False) -> list[Wrote]:
    """Return every write of a replica, in order; claims of the lease only if asked for."""
    found = []
    for line in (cluster.state / "audit.log").read_text().splitlines():
        event = json.loads(line)
        named = _AGENT.match(event.get("userAgent", ""))
        resource = event.get("objectRef", {}).get("resource", "")
        if named and (leases or resource != "leases"):
            found.append(Wrote(named[1], event["verb"], resource, _time(event["requestReceivedTimestamp"])))
    return sorted(found, key=lambda one: one.at)


def _time(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
