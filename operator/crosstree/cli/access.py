"""How a verb reaches the cluster: one connection for one command, closed however the command ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from crosstree.base.errors import NotFound, Refused, Unavailable
from crosstree.base.names import GROUP, VERSION

if TYPE_CHECKING:
    from crosstree.adapters.client import Api

Json = dict[str, Any]
T = TypeVar("T")

OURS = f"/apis/{GROUP}/{VERSION}"
LEASES = "/apis/coordination.k8s.io/v1/leases"
PAGE = 500
"""Objects per page of a list."""

UNKNOWN = (
    f"this cluster does not know {GROUP}/{VERSION} yet; install the chart (docs/how-to/install.md), or, to try it, "
    "run `crosstree crds --apply` and `crosstree run`."
)


@asynccontextmanager
async def connected(kubeconfig: str | None, context: str | None) -> AsyncIterator[Api]:
    """Open the API of the chosen kubeconfig for one command.

    Raises:
        SettingsError: the kubeconfig can't be read or does not know the context.
    """
    from crosstree.adapters.client import Api

    api = await Api.connect(kubeconfig, context)
    try:
        yield api
    finally:
        await api.close()


def talk(kubeconfig: str | None, context: str | None, act: Callable[[Api], Awaitable[T]]) -> T:
    """Run one conversation with the cluster to its end and return what came of it.

    Raises:
        Unavailable: nothing answers there.
    """

    async def whole() -> T:
        try:
            async with connected(kubeconfig, context) as api:
                return await act(api)
        except Unavailable as error:
            if error.status:
                raise
            raise Unavailable(
                f"the cluster does not answer; is it up, and the one meant? ({error})"
            ) from error

    return asyncio.run(whole())


async def get(api: Api, path: str, query: Mapping[str, str] | None = None) -> Json:
    """Read one object as plain JSON."""
    found: Json = json.loads(await api.request("GET", path, query=query))
    return found


async def found(api: Api, path: str, missing: str) -> Json:
    """Read one object of Crosstree's.

    Raises:
        NotFound: it is not there, in the words of `missing`.
        Refused: Crosstree's kinds are not there, or reading them is not allowed.
    """
    try:
        return await get(api, path)
    except NotFound as error:
        await known(api)
        raise NotFound(missing, status=404) from error


async def known(api: Api) -> None:
    """Make sure that the cluster knows Crosstree's kinds.

    Raises:
        Refused: it does not.
    """
    try:
        await get(api, OURS)
    except NotFound as error:
        raise Refused(UNKNOWN, status=404) from error


async def listed(api: Api, path: str, query: Mapping[str, str] | None = None) -> list[Json]:
    """Read every page of a list.

    Raises:
        Refused: Crosstree's kinds are not there, or reading them is not allowed.
    """
    items: list[Json] = []
    more = ""
    while True:
        asked = {"limit": str(PAGE), **(query or {}), **({"continue": more} if more else {})}
        try:
            page = await get(api, path, asked)
        except NotFound as error:
            if path.startswith(OURS):
                raise Refused(UNKNOWN, status=404) from error
            raise
        items.extend(page.get("items", ()))
        more = page.get("metadata", {}).get("continue", "")
        if not more:
            return items


async def silent_since(api: Api) -> str | None:
    """Return when an operator last renewed its lease, if the lease has run out three times since; else None.

    None also where no lease is to be seen: an operator may act without one, and few users may list leases.
    """
    from crosstree.base.clock import SystemClock, from_rfc3339, to_rfc3339

    try:
        leases = await listed(api, LEASES, {"fieldSelector": "metadata.name=crosstree"})
    except Refused:
        return None
    specs = [spec for lease in leases if (spec := lease.get("spec", {})).get("renewTime")]
    ends = [(from_rfc3339(spec["renewTime"]), spec.get("leaseDurationSeconds", 0)) for spec in specs]
    renewed, seconds = max(ends, default=(0.0, 0))
    silent = bool(ends) and SystemClock().now() - renewed > 3 * seconds
    return to_rfc3339(renewed) if silent else None
