"""What the operator's ServiceAccount is granted by the chart, and what it uses by the API server's audit log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import localcluster
from localcluster import kubeconfig
from tests.support.helm import NAMESPACE, RELEASE
from tests.support.kubectl import Kubectl

Json = dict[str, Any]
USER = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
_ALLOWED = re.compile(r'of (?P<kind>ClusterRole|Role) "(?P<role>[^"]+)" to ServiceAccount')


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource, as one role grants it.

    Attributes:
        role: "ClusterRole crosstree": rights in all namespaces, or "Role crosstree": in its own.
        group: API group; empty for the core.
        resource: Plural, with its subresource: `trainingjobs/status`.
        verb: As in a rule.
    """

    role: str
    group: str
    resource: str
    verb: str


def granted(roles: Iterable[Json]) -> set[Right]:
    """Return every right that these ClusterRoles and Roles give."""
    return {
        Right(f"{role['kind']} {role['metadata']['name']}", group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def audit_options(folder: Path, *admission: str) -> Json:
    """Return options of `localcluster.Cluster` that log every request of the operator, reads too, at once."""
    policy = folder / "audit-policy.json"
    rules = [{"level": "Metadata", "users": [USER]}, {"level": "None"}]
    head = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"]}
    policy.write_text(json.dumps({**head, "rules": rules}))
    arguments = [f"--audit-policy-file={policy}", "--audit-log-mode=blocking"]
    if admission:
        arguments.append(f"--enable-admission-plugins={','.join(admission)}")
    return {"component_args": {"kube-apiserver": arguments}}


def login(local: localcluster.Cluster, kubectl: Kubectl, folder: Path, account: str = RELEASE) -> Path:
    """Write a kubeconfig that is nothing but a ServiceAccount of the release's namespace, and return it."""
    token = kubectl("-n", NAMESPACE, "create", "token", account, "--duration=1h").strip()
    file = folder / f"kubeconfig-{account}"
    kubeconfig.write(file, local.server, token, local.ca)
    return file


def requests(local: localcluster.Cluster) -> Iterator[Json]:
    """Yield what the audit log knows about the operator's requests."""
    for line in (local.state / "audit.log").read_text().splitlines():
        event = json.loads(line)
        if event["user"]["username"] == USER:
            yield event


def used(local: localcluster.Cluster) -> set[Right]:
    """Return the rights of our roles that a request was allowed by; not what every user may do anyway."""
    found = set()
    for event in requests(local):
        reason = event.get("annotations", {}).get("authorization.k8s.io/reason", "")
        if (by := _ALLOWED.search(reason)) and by["role"].startswith(RELEASE):
            what = event["objectRef"]
            resource = "/".join(filter(None, (what["resource"], what.get("subresource"))))
            role = f"{by['kind']} {by['role']}"
            found.add(Right(role, what.get("apiGroup", ""), resource, event["verb"]))
    return found


def refusals(local: localcluster.Cluster) -> list[str]:
    """Return every request that was answered 403, as "verb resource: what the server said"."""
    found = []
    for event in requests(local):
        status = event.get("responseStatus", {})
        if status.get("code") == 403:
            what = event.get("objectRef", {})
            resource = "/".join(filter(None, (what.get("resource"), what.get("subresource"))))
            found.append(f"{event['verb']} {resource}: {status.get('message', '')}")
    return found
