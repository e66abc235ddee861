"""An independent count: what pods on a node ask for, against what the node offers. Uses nothing of Crosstree."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from localcluster import Api, ApiError

EVERY = 1.0
"""Seconds between counts."""


class Audit:
    """Counts all pods on all nodes again and again while jobs run; use as a context manager."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self.counts = 0
        """Counts taken so far."""
        self.most = 0
        """Most accelerators in use at one time."""
        self.violations: list[str] = []
        """Nodes that held more than they offer, in words."""

    def __enter__(self) -> Audit:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self.count()
            except ApiError:
                continue  # the next count will tell

    def count(self) -> None:
        """Take one count."""
        nodes = {node["metadata"]["name"]: node for node in self._api.get("/api/v1/nodes")["items"]}
        held: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for pod in self._api.get("/api/v1/pods")["items"]:
            node = pod["spec"].get("nodeName")
            if node and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                for container in pod["spec"]["containers"]:
                    for resource, amount in container.get("resources", {}).get("requests", {}).items():
                        if "/" in resource:
                            held[node][resource] += int(amount)
        for node, amounts in held.items():
            offered: dict[str, Any] = nodes.get(node, {}).get("status", {}).get("allocatable", {})
            for resource, amount in amounts.items():
                if node in nodes and amount > int(offered.get(resource, 0)):
                    self.violations.append(
                        f"{node}: {amount} {resource} asked for, {offered.get(resource, 0)} there"
                    )
        self.counts += 1
        self.most = max(self.most, sum(sum(amounts.values()) for amounts in held.values()))
