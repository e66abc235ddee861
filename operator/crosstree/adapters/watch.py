"""List, then watch, for ever: the current state of one resource handed to a sink.

After the connection breaks the watch resumes where it was; after 410 Gone everything is listed again, and the
sink drops what the new list does not hold. Bookmarks keep the place fresh on quiet resources. Waiting between
tries grows to `LONGEST_WAIT`, and a server that asks for patience gets it.

Prior art: client-go `Reflector`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

import msgspec

from crosstree.adapters.client import Api
from crosstree.adapters.failures import error_of
from crosstree.adapters.lines import Lines
from crosstree.adapters.wire import ApiStatus, Event, Page, Versioned
from crosstree.base.clock import monotonic
from crosstree.base.errors import ApiError, Expired, SpecError, Throttled

log = logging.getLogger(__name__)


class HasVersion(Protocol):
    """Metadata with the place of an object in the stream of changes."""

    @property
    def resource_version(self) -> str:
        """Opaque; only handed back to the server."""
        ...


class Item(Protocol):
    """Whatever struct a watch decodes objects into."""

    @property
    def metadata(self) -> HasVersion:
        """At least the resource version."""
        ...


T = TypeVar("T", bound=Item)
T_contra = TypeVar("T_contra", contravariant=True)

WATCH_SECONDS = 290
"""How long one watch is asked to last; below the 5 minutes after which proxies like to cut."""

SILENCE = 150.0
"""Seconds without a byte, bookmarks come every minute, after which a watch counts as dead."""

FIRST_WAIT = 0.25
LONGEST_WAIT = 30.0
"""Seconds between tries: the first, doubling to the last."""

HEALTHY = 5.0
"""Seconds a watch must have lasted for the next failure to count as the first again."""

PAGE = 1000
"""Objects per page: a few MB and a few tens of ms of decoding at a time."""

LIST_TIMEOUT = 120.0


class Sink(Protocol[T_contra]):
    """Takes the state of one resource. Calls come one after another, in the order of the API server."""

    def begin_list(self) -> None:
        """A complete list follows, as `put`; one that was begun before is void."""
        ...

    def put(self, item: T_contra) -> None:
        """An object as it is now."""
        ...

    def drop(self, item: T_contra) -> None:
        """An object was deleted; this is how it was last."""
        ...

    def end_list(self) -> None:
        """The list is complete: what it did not hold is gone."""
        ...


class Watcher(Generic[T]):
    """Keeps a sink up to date.

    Args:
        api: Where to ask.
        path: Path of the collection.
        item: Struct to decode each object into.
        sink: Who gets the objects.
        query: Selectors, the same for list and watch.
        page: Objects per page of a list.
        silence: Seconds without a byte after which a watch counts as dead.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        item: type[T],
        sink: Sink[T],
        *,
        query: Mapping[str, str] | None = None,
        page: int = PAGE,
        silence: float = SILENCE,
    ) -> None:
        self._api = api
        self._path = path
        self._sink = sink
        self._query = dict(query or {})
        self._page = page
        self._silence = silence
        self._items: msgspec.json.Decoder[T] = msgspec.json.Decoder(item)
        self._pages: msgspec.json.Decoder[Page[T]] = msgspec.json.Decoder(Page[item])  # type: ignore[valid-type]
        self._events: msgspec.json.Decoder[Event[T]] = msgspec.json.Decoder(Event[item])  # type: ignore[valid-type]
        self._version = ""
        self._failures = 0
        self.synced = asyncio.Event()
        """Set once the first list is complete."""
        self.lists = 0
        """Complete lists so far; more than one means that a watch could not be resumed."""

    async def run(self) -> None:
        """Work until cancelled; no failure of the API server ends this."""
        while True:
            began = monotonic()
            try:
                if not self._version:
                    await self._list()
                    began = monotonic()
                await self._watch()
                if monotonic() - began < min(HEALTHY, self._silence):
                    # A proxy that closes every watch at once must not be asked a thousand times a second.
                    await self._pause(None)
            except Expired as error:
                log.info("%s: resource version expired, listing again (%s)", self._path, error)
                self._version = ""
                await self._pause(error)
            except ApiError as error:
                if monotonic() - began >= HEALTHY:
                    self._failures = 0
                log.warning("%s: %s", self._path, error)
                await self._pause(error)

    async def list_once(self) -> None:
        """Hand over the current state and no more. Errors as `Api.request`."""
        await self._list()

    async def _pause(self, error: ApiError | None) -> None:
        """Wait before the next try: longer each time in a row, at least as long as the server asked for."""
        wait = min(FIRST_WAIT * 2 ** min(self._failures, 16), LONGEST_WAIT)
        self._failures += 1
        if isinstance(error, Throttled):
            wait = max(wait, error.retry_after)
        await asyncio.sleep(wait)

    async def _list(self) -> None:
        """Read all pages; a list that breaks in the middle is begun afresh by the next try."""
        self._sink.begin_list()
        token, version = "", ""
        while True:
            query = {**self._query, "limit": str(self._page)} | ({"continue": token} if token else {})
            page = self._read_page(
                await self._api.request("GET", self._path, query=query, timeout=LIST_TIMEOUT)
            )
            for item in page.items or ():
                self._guard(item)
            token, version = page.metadata.continue_, page.metadata.resource_version
            if not token:
                break
            await asyncio.sleep(0)  # decoding a page takes tens of ms; others have their turn in between
        self._sink.end_list()
        self._version = version
        self.lists += 1
        self.synced.set()

    async def _watch(self) -> None:
        """Follow changes until the server ends the watch; the place reached is kept in `_version`."""
        query = {
            **self._query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        lines = Lines()
        async with self._api.stream(self._path, query=query, silence=self._silence) as chunks:
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    self._event(line)
                await asyncio.sleep(0)  # a full socket buffer never blocks the loop for more than one chunk

    def _event(self, line: bytes) -> None:
        """Handle one line.

        Raises:
            Expired: the server has forgotten our place.
            ApiError: the server ended the watch with another error.
        """
        try:
            event = self._events.decode(line)
        except msgspec.MsgspecError as error:
            self._odd_event(line, error)
            return
        match event.type:
            case "ADDED" | "MODIFIED":
                self._guard(event.object)
            case "DELETED":
                self._sink.drop(event.object)
            case "ERROR":
                self._raise(line)
            case _:
                pass
        self._failures = 0
        self._version = event.object.metadata.resource_version or self._version

    def _odd_event(self, line: bytes, error: msgspec.MsgspecError) -> None:
        """A line that is no event of our struct: the server's error, an odd object, or cut off by a broken proxy."""
        try:
            plain = msgspec.json.decode(line, type=Event[msgspec.Raw])
        except msgspec.MsgspecError:
            log.warning("%s: not an event, listing again: %s", self._path, error)
            raise Expired(f"WATCH {self._path}: a line that is no event") from error
        if plain.type == "ERROR":
            self._raise(line)
        log.warning("%s: an object can't be read and is left out: %s", self._path, error)
        self._version = (
            msgspec.json.decode(plain.object, type=Versioned).metadata.resource_version or self._version
        )

    def _raise(self, line: bytes) -> None:
        status = msgspec.json.decode(line, type=Event[msgspec.Raw]).object
        code = msgspec.json.decode(status, type=ApiStatus).code
        raise error_of("WATCH", self._path, code or 500, bytes(status))

    def _read_page(self, body: bytes) -> Page[T]:
        """Decode a page; if one object spoils it, object by object, leaving out the odd ones."""
        try:
            return self._pages.decode(body)
        except msgspec.MsgspecError as error:
            try:
                raw = msgspec.json.decode(body, type=Page[msgspec.Raw])
            except msgspec.MsgspecError:
                raise Expired(f"GET {self._path}: the answer is no list ({error})") from error
        items: list[T] = []
        for one in raw.items or ():
            try:
                items.append(self._items.decode(one))
            except msgspec.MsgspecError as error:
                log.warning("%s: an object can't be read and is left out: %s", self._path, error)
        return Page(metadata=raw.metadata, items=items)

    def _guard(self, item: T) -> None:
        """Hand an object over; one that makes no sense harms nobody else."""
        try:
            self._sink.put(item)
        except SpecError as error:
            log.warning("%s: an object is left out: %s", self._path, error)
