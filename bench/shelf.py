"""Objects as an API server keeps them: bytes by key, one counter of versions, pages with tokens, and watchers.

No schema, no admission, no fields: whatever is put here is what a list returns.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

WATCHER_LAG = 10_000
"""Events a watcher may be behind before its stream ends, as an API server cuts off who does not read."""


class Gone(Exception):
    """A token of a list that has changed too much since; a real API server answers 410."""


@dataclass(slots=True)
class Shelf:
    """One collection, all namespaces together.

    Attributes:
        api_version: Of the objects, `v1`.
        kind: Of the objects, `Pod`.
        objects: JSON of each object by its key, the name or `namespace/name`, in order of insertion.
    """

    api_version: str
    kind: str
    objects: dict[str, bytes] = field(default_factory=dict)
    _watchers: list[asyncio.Queue[bytes | None]] = field(default_factory=list)
    _pages: dict[str, list[bytes]] = field(default_factory=dict)

    def page(self, version: int, limit: int, token: str) -> bytes:
        """Return one page of the list as it was when its first page was asked for.

        Args:
            version: Current version of the store, told with a new list.
            limit: Objects on a page; 0 for all.
            token: Of the page before; empty for a new list.

        Raises:
            Gone: the token is not, or no longer, one of ours.
        """
        if token:
            version, start = _opened(token)
            found = self._pages.get(str(version))
            if found is None:
                raise Gone(token)
        else:
            start, found = 0, list(self.objects.values())
            if limit and len(found) > limit:
                self._pages = {str(version): found}
        end = len(found) if limit == 0 else min(start + limit, len(found))
        meta: dict[str, object] = {"resourceVersion": str(version)}
        if end < len(found):
            meta |= {"continue": _sealed(version, end), "remainingItemCount": len(found) - end}
        else:
            self._pages.pop(str(version), None)
        head = json.dumps({"kind": f"{self.kind}List", "apiVersion": self.api_version, "metadata": meta})
        return head[:-1].encode() + b',"items":[' + b",".join(found[start:end]) + b"]}"

    def put(self, key: str, body: bytes) -> None:
        """Store an object and tell who watches."""
        kind = "MODIFIED" if key in self.objects else "ADDED"
        self.objects[key] = body
        self._tell(kind, body)

    def fill(self, objects: Iterable[tuple[str, bytes]]) -> None:
        """Store many objects before anybody watches."""
        self.objects.update(objects)

    def drop(self, key: str) -> bytes | None:
        """Forget an object and tell who watches; return it as it was."""
        body = self.objects.pop(key, None)
        if body is not None:
            self._tell("DELETED", body)
        return body

    def watch(self, version: int, bookmarks: float) -> AsyncIterator[bytes]:
        """Return a line for every change from this call on, and a bookmark now and then.

        Args:
            version: Told in bookmarks.
            bookmarks: Seconds between them.
        """
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WATCHER_LAG)
        self._watchers.append(queue)
        return self._lines(queue, version, bookmarks)

    async def _lines(
        self, queue: asyncio.Queue[bytes | None], version: int, bookmarks: float
    ) -> AsyncIterator[bytes]:
        try:
            while True:
                try:
                    line = await asyncio.wait_for(queue.get(), bookmarks)
                except TimeoutError:
                    line = self._bookmark(version)
                if line is None:
                    return
                yield line
        finally:
            self._watchers = [one for one in self._watchers if one is not queue]

    def end(self) -> None:
        """End every watch."""
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    def _bookmark(self, version: int) -> bytes:
        meta = {"resourceVersion": str(version), "creationTimestamp": None}
        body = {"kind": self.kind, "apiVersion": self.api_version, "metadata": meta}
        return json.dumps({"type": "BOOKMARK", "object": body}).encode() + b"\n"

    def _tell(self, what: str, body: bytes) -> None:
        line = b'{"type":"' + what.encode() + b'","object":' + body + b"}\n"
        for queue in list(self._watchers):
            if queue.full():  # it reads on to the end of what it has, then its stream ends
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(line)


def _sealed(version: int, start: int) -> str:
    return base64.urlsafe_b64encode(f"{version}:{start}".encode()).decode()


def _opened(token: str) -> tuple[int, int]:
    try:
        version, _, start = base64.urlsafe_b64decode(token).decode().partition(":")
        return int(version), int(start)
    except ValueError as error:
        raise Gone(token) from error
