"""How many writes an API server has answered: from its metrics, or from its audit log where there is one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from crosstree.base.errors import NotFound, SettingsError, Unavailable

if TYPE_CHECKING:
    from crosstree.adapters.client import Api

Writes = Counter[str]
"""Number of writes so far by what was written: `POST pods`, `PATCH pods/status`."""

Count = Callable[[], Awaitable[Writes | None]]
"""Says how many writes there have been so far; None where nobody can tell."""

_LINE = re.compile(r"^apiserver_request_total\{([^}]*)\} ([0-9.e+]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_WRITING = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE"})
_NOT_WORK = frozenset({"leases", "tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews"})
"""Signs of life and questions about rights: they come whether or not there are jobs."""


def counter(api: Api, audit_log: str | None) -> Count:
    """Choose where writes are counted: in the given audit log, else in the server's metrics.

    Raises:
        SettingsError: there is no such audit log.
    """
    if audit_log is None:
        return lambda: _asked(api)
    log = Path(audit_log)
    if not log.exists():
        raise SettingsError(
            f"--audit-log {log} does not exist; leave it out to count by the server's metrics."
        )

    async def read() -> Writes | None:
        return from_audit(log.read_text())  # noqa: ASYNC240 - a local file, between two measurements

    return read


async def _asked(api: Api) -> Writes | None:
    try:
        return from_metrics((await api.request("GET", "/metrics")).decode())
    except (NotFound, Unavailable):
        return None


def from_metrics(text: str) -> Writes:
    """Count `apiserver_request_total` over writes in Prometheus text, whatever their outcome."""
    found: Writes = Counter()
    for labels, value in _LINE.findall(text):
        named = dict(_LABEL.findall(labels))
        if named.get("verb") in _WRITING and named.get("resource") not in _NOT_WORK:
            found[f"{named['verb']} {_what(named)}"] += int(float(value))
    return found


def from_audit(text: str) -> Writes:
    """Count the events of an audit log, one JSON object per line, which holds writes only."""
    found: Writes = Counter()
    for line in text.splitlines():
        event = json.loads(line)
        named = event.get("objectRef", {})
        if named.get("resource") not in _NOT_WORK:
            agent = event.get("userAgent", "").split("/")[0]
            found[f"{agent} {event['verb']} {_what(named)}"] += 1
    return found


def _what(named: dict[str, str]) -> str:
    return "/".join(filter(None, (named.get("resource"), named.get("subresource"))))
