"""Lists of our own kinds: at the start and now and then.

No decision is taken before every job is known, and an event of a watch that somebody else keeps (kopf) may never
arrive.
Events go on arriving while a list is on its way: what the store knows better than the list stays as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from crosstree.adapters.client import Api
from crosstree.adapters.resources import OURS, Resource
from crosstree.adapters.store import ObjectStore, key_of
from crosstree.base.errors import CrosstreeError, NotFound, SettingsError
from crosstree.base.names import GROUP

PAGE = 500
"""Objects per page: a few MB at most."""

GATHERED = 1.0
"""Seconds in which the items of somebody else's list are taken for one list."""

SPACED = 5.0
"""Seconds between two lists that were asked for."""


class Relister:
    """Lists our kinds every so often, and soon after the watch of them was begun anew.

    Whoever keeps that watch tells what is there, and can't tell what was deleted while it was away.

    Args:
        api: Where to ask.
        store: What is brought in line, and where the watch's news goes.
        every: Seconds between lists when nobody asks.
        failed: Told why a list failed; the next one heals it.
    """

    def __init__(
        self, api: Api, store: ObjectStore, every: float, failed: Callable[[CrosstreeError], None]
    ) -> None:
        self._api = api
        self._store = store
        self._every = every
        self._failed = failed
        self._asked = asyncio.Event()

    def put(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Pass an object on to the store."""
        self._store.put(kind, raw)

    def drop(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Pass on that an object is gone."""
        self._store.drop(kind, raw)

    def listed(self) -> None:
        """Ask for a list soon: the watch was begun anew."""
        self._asked.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._every)
                await asyncio.sleep(GATHERED)
            self._asked.clear()
            try:
                await relist(self._api, self._store)
            except CrosstreeError as error:
                self._failed(error)
                self._asked.set()
            await asyncio.sleep(min(SPACED, self._every))


async def relist(api: Api, store: ObjectStore) -> None:
    """Bring the store in line with one list of each of our kinds.

    Raises:
        SettingsError: the cluster does not know our kinds.
        ApiError: a list failed; what was listed before it is in the store.
    """
    for resource in OURS:
        before = store.keys(resource.kind)
        listed = await _list(api, resource)
        now = store.keys(resource.kind)
        for key, raw in listed.items():
            # Deleted, or deleted and made again, while the list was on its way: what is known is newer.
            overtaken = now.get(key) != before.get(key) and now.get(key) != str(
                raw["metadata"].get("uid", "")
            )
            if not overtaken:
                store.put(resource.kind, raw)
        for key, uid in before.items():
            if key not in listed and now.get(key) == uid:
                store.forget(resource.kind, key)


async def _list(api: Api, resource: Resource) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    token = ""
    while True:
        query = {"limit": str(PAGE)} | ({"continue": token} if token else {})
        try:
            page = await api.get_json(resource.path(), query=query)
        except NotFound as error:
            raise SettingsError(
                f"The cluster does not know {resource.plural}.{GROUP}. Install the CustomResourceDefinitions first: "
                "crosstree crds | kubectl apply -f -"
            ) from error
        for raw in page.get("items") or ():
            # items of a list carry no kind of their own
            whole = {"apiVersion": resource.api_version, "kind": resource.kind, **raw}
            found[key_of(whole)] = whole
        token = page["metadata"].get("continue", "")
        if not token:
            return found
