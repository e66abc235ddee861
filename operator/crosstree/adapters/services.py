"""Services of our jobs from the watch: which job object each of them serves."""

from __future__ import annotations

from collections.abc import Callable

from crosstree.adapters import podfacts, wire
from crosstree.adapters.pods import JobKey


class ServiceSink:
    """Keeps the owner of every Service that carries our label.

    Args:
        changed: Called with the job of every Service that came, went or changed hands.
    """

    def __init__(self, changed: Callable[[JobKey], None]) -> None:
        self._changed = changed
        self._owner: dict[JobKey, str] = {}
        self._unseen: set[JobKey] = set()

    def owner(self, namespace: str, name: str) -> str:
        """Return the uid of the TrainingJob that a Service belongs to; empty if there is no such Service."""
        return self._owner.get((namespace, name), "")

    def begin_list(self) -> None:
        """A complete list follows; what it does not hold is gone."""
        self._unseen = set(self._owner)

    def put(self, item: wire.Service) -> None:
        """A Service as it is now; one on its way out serves nobody."""
        meta = item.metadata
        key = (meta.namespace, meta.name)
        self._unseen.discard(key)
        self._set(key, "" if meta.deletion_timestamp else podfacts.controller(meta.owner_references))

    def drop(self, item: wire.Service) -> None:
        """A Service is gone."""
        self._set((item.metadata.namespace, item.metadata.name), "")

    def end_list(self) -> None:
        """The list is complete."""
        for key in self._unseen:
            self._set(key, "")
        self._unseen = set()

    def _set(self, key: JobKey, owner: str) -> None:
        if self._owner.get(key, "") == owner:
            return
        if owner:
            self._owner[key] = owner
        else:
            del self._owner[key]
        self._changed(key)
