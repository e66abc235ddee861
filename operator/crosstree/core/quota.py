"""What each queue holds, and what it may: the accounts of the queue tree during one cycle.

Every placement, eviction and resize of a cycle is booked here as well as on the `Trial`, and undone with it, so that
no accelerator is ever counted twice or lost between two queues.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crosstree.core.queues import QueueSpec
from crosstree.core.running import Running


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a gang would break.

    Attributes:
        queue: Whose limit; the gang's own queue or one above it.
        model: Of the quota, `queues.ANY_MODEL` for the one over all.
        limit: Accelerators it allows, normalised for the one over all.
        held: What is held under it now.
        asked: What the gang would add.
    """

    queue: str
    model: str
    limit: float
    held: float
    asked: float


class Accounts:
    """The books of all queues. Mutable, with checkpoint and rollback like `capacity.Trial`.

    Args:
        queues: The tree.
        running: Who holds what now, those that are leaving included.
        capacity: Usable accelerators of the cluster by model: what fair shares are shares of.
    """

    def __init__(
        self, queues: Iterable[QueueSpec], running: Iterable[Running], capacity: Mapping[str, int]
    ) -> None:
        self._queues = {queue.name: queue for queue in queues}
        self._capacity = capacity
        self._held: dict[tuple[str, str], int] = {}
        self._undo: list[tuple[str, str, int]] = []
        for one in running:
            self.take(one.gang.queue, one.model, one.devices)
        self._undo.clear()

    def excess(self, queue: str, model: str, devices: int) -> Excess | None:
        """Return the first limit, from the queue upwards, that `devices` more of a model would break; None if none."""
        return None

    def within_guarantee(self, queue: str, model: str, devices: int) -> bool:
        """Say whether `devices` more of a model are still guaranteed to the queue, by itself or by those above it."""
        return False

    def rank(self, queue: str) -> tuple[float, ...]:
        """Return what orders queues: the smaller comes first. Changes with every `take` and `give`."""
        return ()

    def take(self, queue: str, model: str, devices: int) -> None:
        """Book `devices` of a model to a queue; a negative number gives back."""
        self._held[queue, model] = self._held.get((queue, model), 0) + devices
        self._undo.append((queue, model, devices))

    def held(self, queue: str, model: str) -> int:
        """Return what a queue itself, without those below it, holds of a model."""
        return self._held.get((queue, model), 0)

    def checkpoint(self) -> int:
        """Return a mark to roll back to."""
        return len(self._undo)

    def rollback(self, mark: int) -> None:
        """Undo every booking since `mark`."""
        while len(self._undo) > mark:
            queue, model, devices = self._undo.pop()
            self._held[queue, model] -= devices
