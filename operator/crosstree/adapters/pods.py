"""Pods from the watch: every bound one is counted on its node, whoever made it; our own are kept as facts.

A foreign pod costs a uid and a number. A pod that has ended holds nothing; one that is being deleted holds its
devices until it is gone.
"""

from __future__ import annotations

from collections.abc import Callable

from crosstree.adapters import podfacts, requests, wire
from crosstree.core.columns import Columns
from crosstree.core.pods import PodFact

JobKey = tuple[str, str]
"""Namespace and name of a TrainingJob."""

ENDED = frozenset({"Succeeded", "Failed"})


class PodSink:
    """Counts pods into columns and keeps our own.

    Args:
        columns: Where requests are counted.
        changed: Called with the job of every pod of ours that changed.
        freed: Called when a pod, whoever made it, stopped to use its node.
    """

    def __init__(
        self,
        columns: Columns,
        changed: Callable[[JobKey], None],
        freed: Callable[[], None] = lambda: None,
    ) -> None:
        self._columns = columns
        self._changed = changed
        self._freed = freed
        self._ours: dict[JobKey, dict[str, PodFact]] = {}
        self._job_of: dict[str, JobKey] = {}
        self._unseen: set[str] = set()

    def of_job(self, namespace: str, name: str) -> tuple[PodFact, ...]:
        """Return every pod labelled with that job, by index and then uid, whatever job object owns it."""
        found = self._ours.get((namespace, name))
        return tuple(sorted(found.values(), key=lambda pod: (pod.index, pod.uid))) if found else ()

    def jobs(self) -> set[JobKey]:
        """Return every job that some pod is labelled with."""
        return set(self._ours)

    def begin_list(self) -> None:
        """A complete list follows; what it does not hold is gone."""
        self._unseen = self._seen()

    def put(self, pod: wire.Pod) -> None:
        """Take over a pod as it is now."""
        uid = pod.metadata.uid
        self._unseen.discard(uid)
        if pod.spec.node_name and pod.status.phase not in ENDED:
            self._columns.count(uid, pod.spec.node_name, requests.of_pod(pod.spec))
        else:
            self._uncount(uid)
        labels = pod.metadata.labels
        if labels is not None and labels.job:
            self._keep(uid, (pod.metadata.namespace, labels.job), podfacts.of(pod))
        elif uid in self._job_of:
            self._lose(uid)

    def drop(self, pod: wire.Pod) -> None:
        """A pod is gone."""
        self._forget(pod.metadata.uid)

    def end_list(self) -> None:
        """The list is complete."""
        for uid in self._unseen:
            self._forget(uid)
        self._unseen = set()

    def _seen(self) -> set[str]:
        return {uid for uid in self._columns.counted() if not uid.startswith(RESERVED)} | self._job_of.keys()

    def _forget(self, uid: str) -> None:
        self._uncount(uid)
        self._lose(uid)

    def _uncount(self, uid: str) -> None:
        if self._columns.uncount(uid):
            self._freed()

    def _keep(self, uid: str, key: JobKey, fact: PodFact) -> None:
        if self._job_of.get(uid, key) != key:
            self._lose(uid)
        group = self._ours.setdefault(key, {})
        if group.get(uid) != fact:
            group[uid] = fact
            self._job_of[uid] = key
            self._changed(key)

    def _lose(self, uid: str) -> None:
        key = self._job_of.pop(uid, None)
        if key is None:
            return
        group = self._ours[key]
        del group[uid]
        if not group:
            del self._ours[key]
        self._changed(key)


RESERVED = "~"
"""First character of the stand-ins that hold a promised place in the columns; no uid begins with it."""
