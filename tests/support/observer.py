"""An observer that reads only the API server, on a connection of its own: every change of pods, nodes and jobs.

Its watches miss nothing; where the API server itself was down for a time, a new list tells what changed. What it
sees is judged in the order of the API server, see `judge`.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import localcluster
from localcluster import ApiError
from tests.support import sightings
from tests.support.judge import Judge
from tests.support.sightings import Sighting, Thing
from tests.support.waiting import eventually

JOBS = "/apis/crosstree.dev/v1alpha1/trainingjobs"
WATCHED: Mapping[str, Callable[[Mapping[str, Any]], Thing]] = {
    "/api/v1/nodes": sightings.node,
    "/api/v1/pods": sightings.pod,
    JOBS: sightings.job,
}


class Record:
    """All changes of one resource from now on, in order."""

    def __init__(self, cluster: localcluster.Cluster, path: str) -> None:
        self.versions: dict[str, str] = {}
        """The version of every object as it was seen last, by uid."""
        self._cluster = cluster
        self._path = path
        self._read = WATCHED[path]
        self._raw: dict[str, Thing] = {}
        self._version = "0"
        self._seen: list[Sighting] = []
        self._lock = threading.Lock()
        self._closing = False
        self._connection: http.client.HTTPSConnection | None = None
        self._thread = threading.Thread(target=self._run, name=f"record-{path}", daemon=True)

    def start(self) -> None:
        """Take the present state over and begin to watch."""
        self._version = self._list()
        self._thread.start()

    def close(self) -> None:
        """End the watch."""
        self._closing = True
        if self._connection is not None and self._connection.sock is not None:
            with suppress(OSError):
                self._connection.sock.shutdown(2)
        self._thread.join(10)

    def taken(self) -> list[Sighting]:
        """Return what was seen since the last call."""
        with self._lock:
            taken, self._seen = self._seen, []
        return taken

    def up_to_date(self) -> bool:
        """Whether everything that the API server holds now has been seen."""
        held = self._cluster.api.get(self._path)["items"]
        return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in held} == dict(
            self.versions
        )

    def _run(self) -> None:
        while not self._closing:
            try:
                self._watch()
            except (OSError, http.client.HTTPException, ApiError, ValueError):
                if self._closing:
                    return
                time.sleep(0.2)

    def _watch(self) -> None:
        url = urlsplit(self._cluster.server)
        tls = ssl.create_default_context(cafile=str(self._cluster.ca))
        self._connection = http.client.HTTPSConnection(str(url.hostname), url.port, context=tls)
        query = f"watch=1&resourceVersion={self._version}&allowWatchBookmarks=true&timeoutSeconds=3600"
        headers = {"Authorization": f"Bearer {self._cluster.token}"}
        try:
            self._connection.request("GET", f"{self._path}?{query}", headers=headers)
            answer = self._connection.getresponse()
            if answer.status == 410:
                self._version = self._list()
                return
            if answer.status != 200:
                raise http.client.HTTPException(f"status {answer.status}")
            for line in answer:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self._version = self._list()
                    return
                self._version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._note(event["object"], gone=event["type"] == "DELETED")
        finally:
            self._connection.close()

    def _list(self) -> str:
        """Learn from a list what has changed; what is gone was gone before anything new was made."""
        found = self._cluster.api.get(self._path)
        present = {one["metadata"]["uid"] for one in found["items"]}
        version: str = found["metadata"]["resourceVersion"]
        for uid in set(self.versions) - present:
            self._add(int(self._version), uid, self._raw[uid], gone=True, gap=True)
        for one in sorted(found["items"], key=lambda one: int(one["metadata"]["resourceVersion"])):
            if self.versions.get(one["metadata"]["uid"]) != one["metadata"]["resourceVersion"]:
                self._note(one, gone=False, gap=True)
        return version

    def _note(self, raw: Mapping[str, Any], *, gone: bool, gap: bool = False) -> None:
        meta = raw["metadata"]
        self._add(int(meta["resourceVersion"]), meta["uid"], self._read(raw), gone=gone, gap=gap)

    def _add(self, version: int, uid: str, thing: Thing, *, gone: bool, gap: bool) -> None:
        with self._lock:
            self._seen.append(Sighting(version, time.monotonic(), thing, gone, gap))
        if gone:
            self.versions.pop(uid, None)
            self._raw.pop(uid, None)
        else:
            self.versions[uid] = str(version)
            self._raw[uid] = thing


class Observer:
    """Watches a local cluster and judges what it sees; as a context manager.

    Args:
        cluster: Which.
        levels: Node label of each level that jobs require.
    """

    def __init__(self, cluster: localcluster.Cluster, levels: Mapping[str, str]) -> None:
        self.judge = Judge(levels)
        self._records = [Record(cluster, path) for path in WATCHED]

    def settle(self, within: float = 30.0) -> list[str]:
        """Wait until everything has been seen, judge it, and return the breaches that were not returned before.

        Raises:
            AssertionError: the watches did not catch up.
        """
        for record in self._records:
            eventually(record.up_to_date, within=within, what="the observer had seen everything")
        self.look()
        self.judge.settle(time.monotonic())
        breaches, self.judge.breaches = self.judge.breaches, []
        return breaches

    def look(self) -> None:
        """Judge what was seen so far; only while the cluster is quiet is the order of all of it known."""
        seen = [one for record in self._records for one in record.taken()]
        for one in sorted(seen, key=lambda one: one.version):
            self.judge.see(one)

    @contextmanager
    def fault(self, *, blinds: bool = True) -> Iterator[None]:
        """A fault is on: deadlines stand still. It may keep changes from being heard of, if it `blinds`."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.judge.fault(began, time.monotonic(), blinds=blinds)

    def __enter__(self) -> Observer:
        for record in self._records:
            record.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for record in self._records:
            record.close()
