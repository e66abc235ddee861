"""The queue tree of every AICluster and what is booked in it, made anew only when the spec of a JobQueue changes."""

from __future__ import annotations

from crosstree.adapters.store import ObjectStore
from crosstree.core.diary import Diary
from crosstree.core.queues import QueueSpec
from crosstree.core.queuetree import serving


class Tree:
    """Specs of the JobQueues that serve an AICluster.

    Args:
        store: Our objects.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[str, tuple[QueueSpec, ...]] = {}
        self._diaries: dict[str, Diary] = {}

    def invalidate(self) -> None:
        """A JobQueue came, went, or has another spec."""
        self._known.clear()
        self._diaries.clear()

    def of(self, cluster: str) -> tuple[QueueSpec, ...]:
        """Return the queues that serve an AICluster, by name: its own and those that serve any."""
        known = self._known.get(cluster)
        if known is None:
            known = self._known[cluster] = serving(self._store.queues, cluster)
        return known

    def diary(self, cluster: str) -> Diary:
        """Return what those queues have booked."""
        known = self._diaries.get(cluster)
        if known is None:
            known = self._diaries[cluster] = Diary(self.of(cluster))
        return known
