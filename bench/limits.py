"""Limits of a queue tree, summed up by hand: what a judge holds the core against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from crosstree.core.queues import ANY_MODEL, QueueSpec

SLACK = 1e-6


class Limits:
    """Limits of a queue tree, summed up by hand. A queue whose parents make a circle has none."""

    def __init__(self, queues: Iterable[QueueSpec]) -> None:
        self._specs = {queue.name: queue for queue in queues}
        self._parent = {
            name: queue.parent if queue.parent in self._specs and not self._circular(name) else ""
            for name, queue in self._specs.items()
        }

    def _circular(self, name: str) -> bool:
        seen, at = set(), self._specs[name].parent
        while at in self._specs and at not in seen:
            if at == name:
                return True
            seen.add(at)
            at = self._specs[at].parent
        return False

    def chain(self, name: str) -> list[str]:
        """The queue and those above it."""
        found = [name]
        while above := self._parent.get(found[-1], ""):
            found.append(above)
        return found

    def add(self, held: dict[tuple[str, str], int], queue: str, model: str, devices: int) -> None:
        """Count devices for a queue and all above it."""
        for name in self.chain(queue):
            held[name, model] = held.get((name, model), 0) + devices

    def broken(self, held: Mapping[tuple[str, str], int], name: str, model: str) -> str:
        """Say which limit of a queue is exceeded by what is held, or nothing."""
        spec = self._specs.get(name)
        for quota in spec.quotas if spec is not None else ():
            if quota.limit is None or quota.model not in (model, ANY_MODEL):
                continue
            parts = [
                (self._rate(name, one) if quota.model == ANY_MODEL else 1.0) * amount
                for (queue, one), amount in sorted(held.items())
                if queue == name and quota.model in (one, ANY_MODEL)
            ]
            if sum(parts) > quota.limit + SLACK:
                return f"{sum(parts)} of {quota.limit} {quota.model}"
        return ""

    def _rate(self, name: str, model: str) -> float:
        for queue in self.chain(name):
            rates = dict(self._specs[queue].rates)
            if model in rates:
                return rates[model]
        return 1.0
