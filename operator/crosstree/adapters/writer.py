"""Every write of ours: pods and services, statuses, objects, events.

A write that may succeed later without anybody changing anything is repeated a few times, with growing pauses; what
needs a fresh look (a lost race, a refusal, an object that exists) goes to the caller at once, who reads again and
decides again. All writes carry our field manager, and none is sent while this process may not act.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from crosstree.adapters import wire
from crosstree.adapters.client import JSON, MERGE_PATCH, Api
from crosstree.adapters.failures import decoded, read
from crosstree.adapters.lanes import Lane, Lanes
from crosstree.adapters.resources import BY_PLURAL, EVENTS, PODS, SERVICES, Resource
from crosstree.base.clock import Clock, to_rfc3339
from crosstree.base.errors import ApiError, Conflict, NotFound, NotLeading, Throttled
from crosstree.base.names import FIELD_MANAGER, LABEL_JOB

IN_FLIGHT = 128
"""Writes at once: keeps a local API server busy (measured against 32 and 64), and stays well below the 200
mutating requests that a server takes by default."""

TRIES = 5
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
"""Seconds between tries: the first, doubling to the last. A server's Retry-After may be longer."""

EVENT_MESSAGE = 1024
"""Characters; the API server refuses longer ones."""


PAGE = 500
"""Pods per page of a list: less than a gang needs only for the largest."""


class _Owned(wire.Wire):
    name: str = ""
    owner_references: list[wire.Owner] | None = None


class _Item(wire.Wire):
    metadata: _Owned = msgspec.field(default_factory=_Owned)


class _Meta(wire.Wire):
    next: str = msgspec.field(default="", name="continue")


class _Page(wire.Wire):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    items: list[_Item] | None = None


_pods = msgspec.json.Decoder(_Page)


class Writer:
    """Writes through one API.

    Args:
        api: Where to.
        clock: Time of events.
        gate: Asked before each request whether this process may act at this instant.
    """

    def __init__(self, api: Api, clock: Clock, gate: Callable[[], bool] = lambda: True) -> None:
        self._api = api
        self._gate = gate
        self._clock = clock
        self._lanes = Lanes(IN_FLIGHT)

    async def pods_now(self, namespace: str, job_name: str, job_uid: str) -> frozenset[str]:
        """Return the names of the pods of this very job, by a list that no watch lags behind.

        Raises:
            ApiError: the API server did not say.
        """
        query = {"labelSelector": f"{LABEL_JOB}={job_name}", "limit": str(PAGE)}
        names: set[str] = set()
        while True:
            path = PODS.path(namespace)
            page = read(_pods, "GET", path, await self._api.request("GET", path, query=query))
            for item in page.items or ():
                owners = item.metadata.owner_references or ()
                if any(owner.uid == job_uid and owner.controller for owner in owners):
                    names.add(item.metadata.name)
            if not page.metadata.next:
                return frozenset(names)
            query["continue"] = page.metadata.next

    async def create_pod(self, namespace: str, body: bytes) -> None:
        """Create a pod from its JSON.

        Raises:
            AlreadyExists: a pod of that name is there, maybe from a try of ours whose answer was lost.
            Refused: admission, quota or rights said no.
            ApiError: the tries are used up.
        """
        await self._create(PODS, namespace, body, Lane.LAUNCH)

    async def create_service(self, namespace: str, body: bytes) -> None:
        """Create a Service from its JSON. Errors as `create_pod`."""
        await self._create(SERVICES, namespace, body, Lane.SUPPORT)

    async def delete_pod(self, namespace: str, name: str, uid: str, grace: int | None = None) -> None:
        """Delete exactly this pod; one that is gone, or another of the same name, is left alone.

        Args:
            namespace: Of the pod.
            name: Of the pod.
            uid: Of the pod.
            grace: Seconds to end in; None leaves it to the pod, 0 removes it without asking its node.
        """
        options: dict[str, Any] = {"preconditions": {"uid": uid}}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            await self._send("DELETE", PODS.path(namespace, name), _json(options), lane=Lane.LAUNCH)
        except (NotFound, Conflict):
            return

    async def patch_status(
        self,
        plural: str,
        namespace: str | None,
        name: str,
        resource_version: str,
        status: Mapping[str, Any],
        *,
        urgent: bool = False,
    ) -> dict[str, Any]:
        """Merge `status` into the stored one, provided the object is still at `resource_version`.

        A merge leaves fields that `status` does not name; name them with None to remove them. An `urgent` one
        goes out with the pods that wait for it, not behind them.

        Returns:
            The object as stored.

        Raises:
            Conflict: somebody wrote first.
            NotFound: the object is gone.
            ApiError: the tries are used up, or the server refused.
        """
        resource = BY_PLURAL[plural]
        body = _json({"metadata": {"resourceVersion": resource_version}, "status": status})
        path = resource.path(namespace, name, "status")
        lane = Lane.LAUNCH if urgent else Lane.STATE
        answer = await self._send("PATCH", path, body, content_type=MERGE_PATCH, lane=lane)
        return decoded("PATCH", path, answer)

    async def create_object(
        self, plural: str, namespace: str | None, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Create an object of one of our kinds; return it as stored. Errors as `create_pod`."""
        resource = BY_PLURAL[plural]
        answer = await self._create(resource, namespace, _json(body), Lane.STATE)
        return decoded("POST", resource.path(namespace), answer)

    async def patch_object(
        self, plural: str, namespace: str | None, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Merge `patch` into an object of one of our kinds; return it as stored.

        Raises:
            NotFound: the object is gone.
            ApiError: the tries are used up, or the server refused.
        """
        resource = BY_PLURAL[plural]
        path = resource.path(namespace, name)
        answer = await self._send("PATCH", path, _json(patch), content_type=MERGE_PATCH)
        return decoded("PATCH", path, answer)

    async def delete_object(
        self, plural: str, namespace: str | None, name: str, uid: str | None = None
    ) -> None:
        """Delete an object of one of our kinds; its dependents follow in the background.

        Raises:
            NotFound: it is gone already.
            Conflict: another object has that name now.
        """
        options: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        resource = BY_PLURAL[plural]
        await self._send("DELETE", resource.path(namespace, name), _json(options))

    async def event(self, involved: Mapping[str, Any], type: str, reason: str, message: str) -> None:
        """Tell people about a change of state. Nothing depends on it: a failure is only counted.

        Args:
            involved: `apiVersion`, `kind`, `name`, `uid` and, if it has one, `namespace` of the object.
            type: `Normal` or `Warning`.
            reason: One CamelCase word.
            message: Cut to what the API server takes.
        """
        namespace = str(involved.get("namespace") or "default")
        now = to_rfc3339(self._clock.now())
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{involved['name']}.", "namespace": namespace},
            "involvedObject": dict(involved),
            "type": type,
            "reason": reason,
            "message": message[:EVENT_MESSAGE],
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self._create(EVENTS, namespace, _json(body), Lane.NEWS)
        except ApiError:
            return

    async def _create(self, resource: Resource, namespace: str | None, body: bytes, lane: Lane) -> bytes:
        return await self._send("POST", resource.path(namespace), body, lane=lane)

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        content_type: str = JSON,
        lane: Lane = Lane.STATE,
    ) -> bytes:
        """Send one write, again if that may help; the turn is given back while pausing."""
        query = None if method == "DELETE" else {"fieldManager": FIELD_MANAGER}
        pause = FIRST_PAUSE
        for last in (*[False] * (TRIES - 1), True):
            try:
                async with self._lanes.slot(lane):
                    # Asked here, after every wait for a turn or a pause: no time lies between answer and request.
                    if not self._gate():
                        raise NotLeading(f"{method} {path}: not sent, this process does not lead")
                    return await self._api.request(
                        method, path, query=query, body=body, content_type=content_type
                    )
            except ApiError as error:
                # A lost race is for the caller to look at, except on create: there it is a quota that was busy.
                worth = error.retryable and (method == "POST" or not isinstance(error, Conflict))
                if last or not worth:
                    raise
                await asyncio.sleep(max(pause, error.retry_after if isinstance(error, Throttled) else 0.0))
                pause = min(pause * 2, LONGEST_PAUSE)
        raise AssertionError("the last try returns or raises")


def _json(value: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(value)
