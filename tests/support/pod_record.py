"""Every change of every pod, in the order of the API server: what existed when, and what was made twice.

A test that looks now and then misses what lasted a moment. This one watch misses nothing.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import urlsplit

import localcluster
from crosstree.base.names import LABEL_ATTEMPT, LABEL_INDEX, LABEL_JOB


@dataclass(frozen=True)
class Change:
    """One event of the watch. `kind` is ADDED, MODIFIED or DELETED; `at` is when it arrived, UTC."""

    at: str
    kind: str
    key: str
    uid: str
    owner: str
    attempt: int
    index: int
    node: str
    phase: str


class PodRecord:
    """Watches all pods that belong to TrainingJobs, from now on, until the block ends."""

    def __init__(self, cluster: localcluster.Cluster) -> None:
        self._cluster = cluster
        self._changes: list[Change] = []
        self._broken: BaseException | None = None
        url = urlsplit(cluster.server)
        tls = ssl.create_default_context(cafile=str(cluster.ca))
        self._connection = http.client.HTTPSConnection(str(url.hostname), url.port, context=tls)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="pod-record", daemon=True)

    def changes(self, job: str, namespace: str) -> list[Change]:
        """Return what happened to the pods of a job so far, in order.

        Raises:
            AssertionError: the watch broke, so that the record has a hole.
        """
        assert self._broken is None, f"the watch of pods broke: {self._broken!r}"
        return [change for change in list(self._changes) if change.key == f"{namespace}/{job}"]

    def everything(self) -> list[Change]:
        """Return what happened to the pods of all jobs so far, in order: to be read by people."""
        return list(self._changes)

    def attempts(self, job: str, namespace: str) -> Mapping[int, list[int]]:
        """Return the indices made in each attempt, in order of creation, repeats included."""
        made: dict[int, list[int]] = {}
        for change in self.changes(job, namespace):
            if change.kind == "ADDED":
                made.setdefault(change.attempt, []).append(change.index)
        return made

    def violations(self, job: str, namespace: str, *, remade: bool = False) -> list[str]:
        """Return what must never have happened: two attempts at once, or a worker made twice in one attempt.

        With `remade`, a worker may be made again in its attempt, but never while it is still there.
        """
        found: list[str] = []
        alive: dict[str, Change] = {}
        made: set[tuple[str, int, int]] = set()
        for change in self.changes(job, namespace):
            if change.kind == "DELETED":
                alive.pop(change.uid, None)
                continue
            if change.kind != "ADDED":
                continue
            others = {(one.owner, one.attempt) for one in alive.values()} - {(change.owner, change.attempt)}
            if others:
                found.append(f"attempt {change.attempt} got worker {change.index} beside pods of {others}")
            if (change.owner, change.attempt, change.index) in made:
                there = any(one.index == change.index for one in alive.values())
                if there or not remade:
                    found.append(f"worker {change.index} of attempt {change.attempt} was made twice")
            made.add((change.owner, change.attempt, change.index))
            alive[change.uid] = change
        return found

    def __enter__(self) -> PodRecord:
        version = self._cluster.api.get("/api/v1/pods?limit=1")["metadata"]["resourceVersion"]
        query = f"watch=1&labelSelector={LABEL_JOB}&resourceVersion={version}&timeoutSeconds=3600"
        self._connection.request(
            "GET", f"/api/v1/pods?{query}", headers={"Authorization": f"Bearer {self._cluster.token}"}
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._connection.sock is not None:
            self._connection.sock.close()

    def _run(self) -> None:
        try:
            for line in self._connection.getresponse():
                self._note(json.loads(line))
        except BaseException as error:
            self._broken = None if self._closing else error
        else:
            self._broken = None if self._closing else EOFError("the API server ended the watch")

    def _note(self, event: Mapping[str, object]) -> None:
        pod = event["object"]
        assert isinstance(pod, dict)
        meta = pod["metadata"]
        labels = meta["labels"]
        self._changes.append(
            Change(
                at=f"{datetime.now(UTC):%H:%M:%S.%f}",
                kind=str(event["type"]),
                key=f"{meta['namespace']}/{labels[LABEL_JOB]}",
                uid=meta["uid"],
                owner=(meta.get("ownerReferences") or [{"uid": ""}])[0]["uid"],
                attempt=int(labels[LABEL_ATTEMPT]),
                index=int(labels[LABEL_INDEX]),
                node=pod["spec"].get("nodeName", ""),
                phase=pod.get("status", {}).get("phase", ""),
            )
        )
