"""Our own objects as they are now: fed by whoever hears of them, read by reconcilers and the scheduling loop.

Raw objects are translated once, when they come. One that can't be understood is kept apart with its error, so that
it can be told and nobody else notices. An object that is older than what is known is ignored: a write of ours is
remembered at once, and the event of the state before it may still be on its way. One that was deleted stays so:
a watch that begins at an older place tells of its life once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from crosstree.adapters.resources import Kind
from crosstree.base.errors import SpecError
from crosstree.core.cluster import Cluster, PoolObject, Queue
from crosstree.core.job import Job

Domain = Cluster | PoolObject | Queue | Job

GRAVES = 4096
"""Deleted objects that are remembered, some hundred bytes each: far more than a watch can tell of again."""

_Identity = tuple[str, str]
"""uid and resource version; empty where unknown."""


class Translate(Protocol):
    """From raw objects to the domain; every method raises SpecError for what can't be understood."""

    def cluster(self, raw: Mapping[str, Any]) -> Cluster:
        """Read an AICluster."""
        ...

    def pool(self, raw: Mapping[str, Any]) -> PoolObject:
        """Read an AcceleratorPool."""
        ...

    def queue(self, raw: Mapping[str, Any]) -> Queue:
        """Read a JobQueue."""
        ...

    def job(self, raw: Mapping[str, Any]) -> Job:
        """Read a TrainingJob."""
        ...


class ObjectStore:
    """Objects of our four kinds by key: the name, or `namespace/name`.

    Args:
        translate: Reads raw objects.
        changed: Called after every change with kind, key, what was known before and what is known now.

    Attributes:
        broken: Why an object can't be understood, by kind and key.
        broken_raw: The same objects as they came.
    """

    def __init__(
        self, translate: Translate, changed: Callable[[Kind, str, Domain | None, Domain | None], None]
    ) -> None:
        self.clusters: dict[str, Cluster] = {}
        self.pools: dict[str, PoolObject] = {}
        self.queues: dict[str, Queue] = {}
        self.jobs: dict[str, Job] = {}
        self.broken: dict[tuple[str, str], SpecError] = {}
        self.broken_raw: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._translate = translate
        self._changed = changed
        self._gone: dict[str, None] = {}
        self._tables: dict[Kind, dict[str, Any]] = {
            Kind.CLUSTER: self.clusters,
            Kind.POOL: self.pools,
            Kind.QUEUE: self.queues,
            Kind.JOB: self.jobs,
        }

    def put(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Remember an object as it is now; one that can't be understood becomes `broken`. Never fails for content."""
        which, key = Kind(kind), key_of(raw)
        table = self._tables[which]
        before: Domain | None = table.get(key)
        if _meta(raw)[0] in self._gone or not _newer(raw, self._identity(which, key)):
            return
        try:
            after = self._read(which, raw)
        except SpecError as error:
            self.broken[(which, key)] = error
            self.broken_raw[(which, key)] = raw
            table.pop(key, None)
            self._changed(which, key, before, None)
            return
        self.broken.pop((which, key), None)
        self.broken_raw.pop((which, key), None)
        table[key] = after
        self._changed(which, key, before, after)

    def update(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Remember an object as a write returned it, unless it is gone by now: a late answer revives nothing."""
        if _meta(raw)[0] == self._identity(Kind(kind), key_of(raw))[0]:
            self.put(kind, raw)

    def drop(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Forget an object that is gone, unless one of the same name has been made since."""
        which, key = Kind(kind), key_of(raw)
        known, gone = self._identity(which, key)[0], _meta(raw)[0]
        self._bury(gone)
        if known and gone and known != gone:
            return
        self.forget(which, key)

    def forget(self, kind: str, key: str) -> None:
        """Drop whatever is known under a key."""
        which = Kind(kind)
        self._bury(self._identity(which, key)[0])
        before: Domain | None = self._tables[which].pop(key, None)
        broken = self.broken.pop((which, key), None)
        self.broken_raw.pop((which, key), None)
        if before is not None or broken is not None:
            self._changed(which, key, before, None)

    def keys(self, kind: str) -> dict[str, str]:
        """Return the uid of every object of a kind by key, those that can't be understood included."""
        which = Kind(kind)
        found = {key: str(one.uid) for key, one in self._tables[which].items()}
        return found | {key: _meta(raw)[0] for (of, key), raw in self.broken_raw.items() if of == which}

    def _bury(self, uid: str) -> None:
        """Remember that an object is gone; no other will ever have its uid."""
        if uid:
            self._gone[uid] = None
        if len(self._gone) > GRAVES:
            del self._gone[next(iter(self._gone))]

    def _identity(self, kind: Kind, key: str) -> _Identity:
        broken = self.broken_raw.get((kind, key))
        return _meta(broken) if broken is not None else _known(self._tables[kind].get(key))

    def _read(self, kind: Kind, raw: Mapping[str, Any]) -> Domain:
        match kind:
            case Kind.CLUSTER:
                return self._translate.cluster(raw)
            case Kind.POOL:
                return self._translate.pool(raw)
            case Kind.QUEUE:
                return self._translate.queue(raw)
            case Kind.JOB:
                return self._translate.job(raw)


def key_of(raw: Mapping[str, Any]) -> str:
    """Return the key of a raw object: its name, or `namespace/name`."""
    meta = raw["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def _meta(raw: Mapping[str, Any]) -> _Identity:
    meta = raw.get("metadata", {})
    return str(meta.get("uid", "")), str(meta.get("resourceVersion", ""))


def _known(one: Domain | None) -> _Identity:
    return (one.uid, one.resource_version) if one is not None else ("", "")


def _newer(raw: Mapping[str, Any], known: _Identity) -> bool:
    """Say whether a raw object tells something new; resource versions of one object may be compared (KEP-5504)."""
    uid, version = _meta(raw)
    if uid != known[0] or not (version.isdigit() and known[1].isdigit()):
        return True
    return int(version) > int(known[1])
