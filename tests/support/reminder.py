"""Reminds simulated kubelets of pods they have forgotten.

kwok now and then loses a pod that was deleted in the moment in which it ended, or that was made again at once under
the same name: it neither starts it nor confirms its end. A real kubelet looks again by itself. Any change of the
pod makes kwok look.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType

import localcluster
from localcluster.api import ApiError

EVERY = 2.0
"""Seconds between looks at the pods."""

STILL = 4
"""Looks in a row that find a pod unchanged on its way up or down before kwok is reminded of it."""


class Reminder:
    """Runs beside a test, in a thread of its own, until the block ends."""

    def __init__(self, cluster: localcluster.Cluster) -> None:
        self._api = cluster.api
        self._seen: dict[str, tuple[str, int]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reminder", daemon=True)

    def __enter__(self) -> Reminder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            with suppress(ApiError, OSError):  # the test may have taken the API server away
                self._look()

    def _look(self) -> None:
        before, self._seen = self._seen, {}
        for pod in self._api.get("/api/v1/pods").get("items") or ():
            meta = pod["metadata"]
            pending = pod["spec"].get("nodeName") and pod["status"].get("phase") == "Pending"
            if not pending and "deletionTimestamp" not in meta:
                continue
            version, looks = before.get(meta["uid"], ("", 0))
            looks = looks + 1 if version == meta["resourceVersion"] else 0
            self._seen[meta["uid"]] = (meta["resourceVersion"], looks)
            if looks == STILL:
                path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
                note = {"localcluster.dev/reminded": meta["resourceVersion"]}
                self._api.patch(path, {"metadata": {"annotations": note}})
