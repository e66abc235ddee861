"""The Lease object: read, created, replaced; three requests and no opinion.

A replacement carries the resourceVersion that was read, so that it fails if anybody wrote in between. Labels and
annotations of the object are kept; what its managers said about fields is not sent back.
"""

from __future__ import annotations

from typing import Any

import msgspec

from crosstree.adapters.client import Api
from crosstree.adapters.resources import LEASES
from crosstree.base.errors import NotFound, Unavailable
from crosstree.base.names import FIELD_MANAGER
from crosstree.engine.leadership import RELEASED_SECONDS, Record

KEPT = ("labels", "annotations", "ownerReferences", "finalizers")
"""Metadata that belongs to whoever set it."""


class Lease:
    """One Lease on the API server.

    Args:
        api: Where it is.
        namespace: Its namespace.
        name: Its name.
        seconds: What our claims say about how long others are to be patient.
    """

    def __init__(self, api: Api, namespace: str, name: str, seconds: int) -> None:
        self.where = f"{namespace}/{name}"
        self._api = api
        self._namespace = namespace
        self._name = name
        self._seconds = seconds
        self._raw: dict[str, Any] = {}

    async def read(self, timeout: float) -> Record | None:  # noqa: ASYNC109
        """Return the lease as it is now, None if there is none.

        Raises:
            ApiError: the API server did not say, within `timeout` seconds.
        """
        path = LEASES.path(self._namespace, self._name)
        try:
            return self._take(await self._api.request("GET", path, timeout=timeout))
        except NotFound:
            return None

    async def claim(self, over: Record | None, holder: str, stamp: str, timeout: float) -> Record | None:  # noqa: ASYNC109
        """Name `holder` in the lease, provided it still is as `over` says; return it as stored.

        Raises:
            Conflict: somebody wrote first. AlreadyExists, if there was none.
            NotFound: it is gone.
            ApiError: no answer came in time. The claim may be stored all the same, now or later.
        """
        spec: dict[str, Any] = {
            "holderIdentity": holder,
            "leaseDurationSeconds": self._seconds,
            "acquireTime": stamp,
            "renewTime": stamp,
            "leaseTransitions": 0,
        }
        if over is None:
            body = {"metadata": {"name": self._name, "namespace": self._namespace}, "spec": spec}
            return await self._write("POST", LEASES.path(self._namespace), body, timeout)
        spec["leaseTransitions"] = over.transitions
        if over.holder == holder:
            spec["acquireTime"] = self._spec().get("acquireTime") or stamp
        else:
            spec["leaseTransitions"] += 1
        return await self._replace(over, spec, timeout)

    async def release(self, over: Record, stamp: str, timeout: float) -> None:  # noqa: ASYNC109
        """Say that nobody holds the lease, so that another may take it at once. Errors as `claim`."""
        spec = {
            "holderIdentity": "",
            "leaseDurationSeconds": RELEASED_SECONDS,
            "acquireTime": stamp,
            "renewTime": stamp,
            "leaseTransitions": over.transitions,
        }
        await self._replace(over, spec, timeout)

    async def _replace(self, over: Record, spec: dict[str, Any], timeout: float) -> Record | None:  # noqa: ASYNC109
        metadata = {
            "name": self._name,
            "namespace": self._namespace,
            "resourceVersion": over.version,
            **{key: value for key, value in self._raw.get("metadata", {}).items() if key in KEPT},
        }
        path = LEASES.path(self._namespace, self._name)
        return await self._write("PUT", path, {"metadata": metadata, "spec": spec}, timeout)

    async def _write(self, method: str, path: str, body: dict[str, Any], timeout: float) -> Record | None:  # noqa: ASYNC109
        whole = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, **body}
        query = {"fieldManager": FIELD_MANAGER}
        sent = msgspec.json.encode(whole)
        return self._take(await self._api.request(method, path, query=query, body=sent, timeout=timeout))

    def _take(self, body: bytes) -> Record:
        try:
            found = msgspec.json.decode(body)
            version = found["metadata"]["resourceVersion"]
        except (msgspec.MsgspecError, LookupError, TypeError) as error:
            raise Unavailable(f"Lease {self.where}: what was answered is no Lease") from error
        self._raw = found
        spec = self._spec()
        seconds = spec.get("leaseDurationSeconds")
        return Record(
            version=str(version),
            holder=str(spec.get("holderIdentity") or ""),
            stamp=str(spec.get("renewTime") or ""),
            seconds=float(seconds) if isinstance(seconds, int) else None,
            transitions=int(spec.get("leaseTransitions") or 0),
        )

    def _spec(self) -> dict[str, Any]:
        """Return its spec; empty where somebody made a Lease without one."""
        found: dict[str, Any] = self._raw.get("spec") or {}
        return found
