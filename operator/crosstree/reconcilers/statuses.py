"""Writing a status: only when it differs from what is stored, and not too often for one object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crosstree.adapters.store import ObjectStore
from crosstree.adapters.writer import Writer
from crosstree.base.errors import NotFound
from crosstree.engine.work import Again, Done, Outcome

INTERVAL = 1.0
"""Seconds between two status writes of one object: numbers that change all the time are read by people."""


@dataclass(frozen=True, slots=True)
class Target:
    """The object whose status is written, as it was read."""

    kind: str
    plural: str
    name: str
    resource_version: str
    observed: Mapping[str, Any]


class StatusWriter:
    """Writes statuses of cluster-scoped objects."""

    def __init__(self, writer: Writer, store: ObjectStore) -> None:
        self._writer = writer
        self._store = store
        self._written: dict[tuple[str, str], float] = {}

    def early(self, kind: str, name: str, now: float) -> Again | None:
        """Return when to look again if this object was written less than `INTERVAL` ago, else None."""
        left = self._written.get((kind, name), 0.0) + INTERVAL - now
        return Again(min(left, INTERVAL)) if left > 0 else None

    async def write(self, target: Target, status: Mapping[str, Any], now: float) -> Outcome:
        """Store `status` if it differs from what the object has.

        Raises:
            Conflict: somebody wrote the object since it was read.
            ApiError: the API server did not take it.
        """
        if all(target.observed.get(field) == value for field, value in status.items()):
            return Done()
        try:
            stored = await self._writer.patch_status(
                target.plural, None, target.name, target.resource_version, status
            )
        except NotFound:  # deleted meanwhile; its event is on the way
            return Done()
        self._written[(target.kind, target.name)] = now
        self._store.update(target.kind, stored)
        return Done()

    def forget(self, kind: str, name: str) -> None:
        """Drop what is remembered of an object that is gone."""
        self._written.pop((kind, name), None)
