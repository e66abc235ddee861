"""Lists of our own kinds: at the start and now and then.

No decision is taken before every job is known, and an event of a watch that somebody else keeps (kopf) may never
arrive.
Events go on arriving while a list is on its way: what the store knows better than the list stays as it is.
"""

from __future__ import annotations

from typing import Any

from crosstree.adapters.client import Api
from crosstree.adapters.resources import OURS, Resource
from crosstree.adapters.store import ObjectStore, key_of
from crosstree.base.errors import NotFound, SettingsError
from crosstree.base.names import GROUP

PAGE = 500
"""Objects per page: a few MB at most."""


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
            if key in now or key not in before:  # else it was deleted while the list was on its way
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
