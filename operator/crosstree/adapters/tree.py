"""The queue tree of every AICluster, made anew only when the spec of a JobQueue changes."""

from __future__ import annotations

from crosstree.adapters.store import ObjectStore
from crosstree.core.cluster import Cluster, Queue
from crosstree.core.cutter import MANNERS
from crosstree.core.manners import Manners
from crosstree.core.queues import QueueSpec


class Tree:
    """Specs of the JobQueues that serve an AICluster.

    Args:
        store: Our objects.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[str, tuple[QueueSpec, ...]] = {}

    def invalidate(self) -> None:
        """A JobQueue came, went, or has another spec."""
        self._known.clear()

    def of(self, cluster: str) -> tuple[QueueSpec, ...]:
        """Return the queues that serve an AICluster, by name: its own and those that serve any."""
        known = self._known.get(cluster)
        if known is None:
            queues = sorted(self._store.queues.items())
            serving = [queue for _, queue in queues if queue.cluster in ("", cluster) and not queue.deleting]
            known = self._known[cluster] = tuple(_spec(queue) for queue in serving)
        return known


def manners_of(cluster: Cluster | None) -> Manners:
    """Return how an AICluster schedules; the usual way where nobody said."""
    manners: Manners = getattr(cluster, "manners", MANNERS)
    return manners


def _spec(queue: Queue) -> QueueSpec:
    spec: QueueSpec = getattr(queue, "spec", None) or QueueSpec(queue.name)
    return spec
