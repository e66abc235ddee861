"""An API server of recorded lists: it serves them in pages, keeps watches open, and takes writes as they come.

For sizes that no real API server carries on one machine. The operator runs against it unchanged: lists with `limit`
and `continue`, watches with bookmarks, merge patches, creations, deletions. Nothing is checked and nobody else is
there: no scheduler binds a pod, no kubelet starts one. Every write is kept in a journal with its time.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bench.recorded import Recording, Size
from bench.shelf import Gone, Shelf
from crosstree.adapters.resources import (
    CLUSTERS,
    EVENTS,
    JOBS,
    NAMESPACES,
    NODES,
    OURS,
    PODS,
    PRIORITY_CLASSES,
    SERVICES,
    Resource,
    resource_of,
)
from crosstree.base.clock import SystemClock, monotonic, to_rfc3339
from crosstree.base.names import GROUP, VERSION

LEASES = Resource("coordination.k8s.io/v1", "Lease", "leases", namespaced=True)
SERVED = (NODES, PODS, SERVICES, EVENTS, NAMESPACES, PRIORITY_CLASSES, LEASES, *OURS)
BOOKMARKS = 30.0
"""Seconds between bookmarks; a real API server sends one about every minute."""

JOURNAL = "/bench/journal"
"""Where the journal is read: a JSON list of writes, each with how many seconds ago it came."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was answered: when by `base.clock.monotonic`, what, and whether it told of a placement."""

    at: float
    method: str
    path: str
    agent: str
    placed: bool


class Server:
    """The server; fill `shelves`, then serve `application`."""

    def __init__(self) -> None:
        self.shelves = {one.plural: Shelf(one.api_version, str(one.kind)) for one in SERVED}
        self.journal: list[Write] = []
        self._versions = itertools.count(10_000_000)
        self._version = next(self._versions)

    def application(self) -> web.Application:
        """Return the routes of this server."""
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_get(JOURNAL, self._tell)
        app.router.add_get("/version", self._discover)
        for path in ("/api", "/apis", "/api/v1", f"/apis/{GROUP}", f"/apis/{GROUP}/{VERSION}"):
            app.router.add_get(path, self._discover)
        app.router.add_route("*", "/{path:.*}", self._serve)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, _: web.Application) -> None:
        for shelf in self.shelves.values():
            shelf.end()

    async def _tell(self, _: web.Request) -> web.Response:
        now = monotonic()
        return web.json_response(
            [
                {
                    "ago": now - one.at,
                    "method": one.method,
                    "path": one.path,
                    "agent": one.agent,
                    "placed": one.placed,
                }
                for one in self.journal
            ]
        )

    async def _discover(self, request: web.Request) -> web.Response:
        return web.json_response(discovery(request.path))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        resource, _, subresource = resource_of(request.path).partition("/")
        shelf = self.shelves.get(resource)
        if shelf is None:
            return _refusal(404, "NotFound", f"{request.path} is not served here")
        namespace, name = _named(request.path, resource)
        key = f"{namespace}/{name}" if namespace else name
        match request.method:
            case "GET" if name:
                return _found(shelf, key)
            case "GET" if request.query.get("watch"):
                return await self._watch(request, shelf)
            case "GET":
                return self._list(request, shelf)
            case "POST":
                return await self._create(request, shelf, namespace)
            case "PATCH" | "PUT":
                return await self._change(request, shelf, key, subresource)
            case "DELETE":
                self._note(request)
                gone = shelf.drop(key)
                return _body(gone) if gone is not None else _refusal(404, "NotFound", key)
            case other:
                return _refusal(405, "MethodNotAllowed", other)

    def _list(self, request: web.Request, shelf: Shelf) -> web.Response:
        try:
            limit = int(request.query.get("limit", "0"))
            return _body(shelf.page(self._version, limit, request.query.get("continue", "")))
        except Gone:
            return _refusal(410, "Expired", "The provided continue parameter is too old")

    async def _watch(self, request: web.Request, shelf: Shelf) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json;stream=watch"})
        await answer.prepare(request)
        async for line in shelf.watch(self._version, BOOKMARKS):
            await answer.write(line)
        return answer

    async def _create(self, request: web.Request, shelf: Shelf, namespace: str) -> web.Response:
        one: Json = await request.json()
        meta = one.setdefault("metadata", {})
        if "generateName" in meta:
            meta.setdefault("name", f"{meta['generateName']}{uuid.uuid4().hex[:5]}")
        key = f"{namespace}/{meta['name']}" if namespace else meta["name"]
        self._note(request)
        if key in shelf.objects:
            return _refusal(409, "AlreadyExists", key)
        if namespace:
            meta["namespace"] = namespace
        meta |= {
            "uid": str(uuid.uuid4()),
            "creationTimestamp": to_rfc3339(SystemClock().now()),
            "generation": 1,
        }
        return _body(self._store(shelf, key, one), 201)

    async def _change(self, request: web.Request, shelf: Shelf, key: str, subresource: str) -> web.Response:
        change: Json = await request.json()
        self._note(request, placed=bool(change.get("status", {}).get("placement")))
        if key not in shelf.objects:
            return _refusal(404, "NotFound", key)
        one: Json = json.loads(shelf.objects[key])
        asked = change.get("metadata", {}).get("resourceVersion")
        if asked is not None and asked != one["metadata"]["resourceVersion"]:
            return _refusal(409, "Conflict", f"{key} has been modified")
        wanted = {"status": change.get("status")} if subresource == "status" else change
        if subresource != "status" and "spec" in change:
            one["metadata"]["generation"] = one["metadata"].get("generation", 0) + 1
        return _body(self._store(shelf, key, merged(one, wanted)))

    def _store(self, shelf: Shelf, key: str, one: Json) -> bytes:
        self._version = next(self._versions)
        one["metadata"]["resourceVersion"] = str(self._version)
        body = json.dumps(one, separators=(",", ":")).encode()
        shelf.put(key, body)
        return body

    def _note(self, request: web.Request, *, placed: bool = False) -> None:
        agent = request.headers.get("User-Agent", "")
        self.journal.append(Write(monotonic(), request.method, request.path, agent, placed))


def merged(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396); the target may be changed."""
    if not isinstance(patch, Mapping):
        return patch
    result = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def discovery(path: str) -> Json:
    """Say what is served, as far as a client of our kinds asks."""
    ours = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}
    group = {"name": GROUP, "versions": [ours], "preferredVersion": ours}
    match path:
        case "/version":
            return {"major": "1", "minor": "37", "gitVersion": "v1.37.1"}
        case "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        case "/apis":
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}
        case "/api/v1":
            return _resources("v1", [one for one in SERVED if one.api_version == "v1"])
        case p if p == f"/apis/{GROUP}":
            return {"kind": "APIGroup", "apiVersion": "v1", **group}
        case _:
            return _resources(f"{GROUP}/{VERSION}", list(OURS))


def _resources(version: str, found: list[Resource]) -> Json:
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    listed = [
        {
            "name": one.plural,
            "singularName": str(one.kind).lower(),
            "namespaced": one.namespaced,
            "kind": str(one.kind),
            "verbs": verbs,
        }
        for one in found
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": listed}


def _named(path: str, plural: str) -> tuple[str, str]:
    """Return namespace and name of a path, empty where it has none."""
    parts = path.strip("/").split("/")
    at = parts.index(plural, 2)
    namespace = parts[at - 1] if at >= 2 and parts[at - 2] == "namespaces" else ""
    return namespace, parts[at + 1] if len(parts) > at + 1 else ""


def _found(shelf: Shelf, key: str) -> web.Response:
    body = shelf.objects.get(key)
    return _body(body) if body is not None else _refusal(404, "NotFound", key)


def _body(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _refusal(code: int, reason: str, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": message}  # fmt: skip
    return web.json_response(body, status=code)


def loaded(size: Size) -> Server:
    """Return a server that holds a recorded cluster."""
    server, found = Server(), Recording(size)
    lists = {
        NODES: found.nodes, PODS: found.pods, SERVICES: found.services, CLUSTERS: found.clusters, JOBS: found.jobs,
    }  # fmt: skip
    for resource, objects in lists.items():
        server.shelves[resource.plural].fill(objects())
    return server


async def main(size: Size, port: int) -> None:
    """Serve a recorded cluster on the loopback until stdin closes; one line on stdout says that it listens."""
    runner = web.AppRunner(
        loaded(size).application(), access_log=None, handle_signals=False, shutdown_timeout=1.0
    )
    gc.collect()
    gc.freeze()  # the recording stays: collections would only walk it again and again
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        sys.stdout.write(f"http://127.0.0.1:{port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await runner.cleanup()
