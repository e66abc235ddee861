"""Read the audit log: who writes how much to the API."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from localcluster.errors import LocalClusterError


def writes(log: Path) -> dict[str, int]:
    """Count the writes in an audit log, by "user-agent verb resource", most first.

    The API server writes the log in batches: the last second may be missing.

    Raises:
        LocalClusterError: there is no audit log.
    """
    if not log.exists():
        raise LocalClusterError(f"{log} does not exist: start the cluster with audit=True (--audit).")
    counts: Counter[str] = Counter()
    for line in log.read_text().splitlines():
        event = json.loads(line)
        what = event.get("objectRef", {})
        resource = "/".join(filter(None, (what.get("resource"), what.get("subresource"))))
        agent = event.get("userAgent", "").split("/")[0]
        counts[f"{agent} {event['verb']} {resource}"] += 1
    return dict(counts.most_common())
