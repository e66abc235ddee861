"""What a bench stands on: an operator, an AICluster, a namespace of its own. All of it is put back at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from crosstree.base.clock import SystemClock, monotonic
from crosstree.base.errors import SpecError, Unavailable
from crosstree.base.names import API_VERSION
from crosstree.cli.access import OURS, Json, listed
from crosstree.cli.burst import created
from crosstree.cli.burst_objects import Post

if TYPE_CHECKING:
    from crosstree.adapters.client import Api
    from crosstree.cli.operator_process import Operator

MERGE_PATCH = "application/merge-patch+json"
MADE = "bench"
"""Name of the AICluster that a bench makes when there is none."""

READY_WITHIN = 60.0
"""Seconds until an AICluster must show the accelerators; the operator needs two at most."""


@asynccontextmanager
async def namespace(api: Api, suffix: str = "") -> AsyncIterator[str]:
    """Make a namespace of this run's own, and take it away with all that is in it.

    Raises:
        Unavailable: no controller manager makes its service account.
    """
    name = f"crosstree-bench-{int(SystemClock().now())}{suffix}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await created(api, Post("/api/v1/namespaces", json.dumps(body).encode()))
    try:
        begun = monotonic()
        # Pods are refused until the controller manager has made the default service account.
        while not (await api.get_json(f"/api/v1/namespaces/{name}/serviceaccounts"))["items"]:
            if monotonic() - begun > 30:
                raise Unavailable(
                    f"namespace {name} has no service account after 30 s; is the controller manager up?"
                )
            await asyncio.sleep(0.05)
        yield name
    finally:
        await api.request("DELETE", f"/api/v1/namespaces/{name}")


@asynccontextmanager
async def ai_cluster(api: Api, asked: str | None) -> AsyncIterator[str]:
    """Find the AICluster, or make one; wait until it is ready; put its binding back at the end.

    Raises:
        SpecError: there is none of that name, or there are several and none was named.
        Unavailable: it does not become ready.
    """
    names = [str(one["metadata"]["name"]) for one in await listed(api, f"{OURS}/aiclusters")]
    if asked is not None and asked not in names:
        raise SpecError(f"--cluster {asked!r} is no AICluster; there are: {', '.join(names) or 'none'}.")
    if asked is None and len(names) > 1:
        raise SpecError(f"there are {len(names)} AIClusters; name one with --cluster: {', '.join(names)}.")
    name = asked or (names[0] if names else MADE)
    path = f"{OURS}/aiclusters/{name}"
    if name not in names:
        body = {"apiVersion": API_VERSION, "kind": "AICluster", "metadata": {"name": name}, "spec": {}}
        await created(api, Post(f"{OURS}/aiclusters", json.dumps(body).encode()))
    before = (await api.get_json(path)).get("spec", {}).get("scheduling", {}).get("binding")
    try:
        await _ready(api, path)
        yield name
    finally:
        if name not in names:
            await api.request("DELETE", path)
        else:
            await bind(api, name, before)


async def bind(api: Api, name: str, binding: str | None) -> None:
    """Choose who binds the pods of an AICluster from now on; None for its default."""
    await change(api, name, {"scheduling": {"binding": binding}})


async def change(api: Api, name: str, spec: Json) -> None:
    """Merge `spec` into that of an AICluster."""
    body = json.dumps({"spec": spec}).encode()
    await api.request("PATCH", f"{OURS}/aiclusters/{name}", body=body, content_type=MERGE_PATCH)


@asynccontextmanager
async def operator(api: Api, kubeconfig: str | None, context: str | None) -> AsyncIterator[Operator]:
    """Install our kinds and run an operator as a child for this run."""
    from crosstree.api.v1alpha1.crds import definitions
    from crosstree.cli.crds import applied
    from crosstree.cli.operator_process import Operator

    await applied(api, definitions())
    with Operator.start(kubeconfig=kubeconfig, context=context) as child:
        yield child


async def _ready(api: Api, path: str) -> Json:
    begun = monotonic()
    while True:
        seen: Json = (await api.get_json(path)).get("status", {})
        if any(c["type"] == "Ready" and c["status"] == "True" for c in seen.get("conditions", ())):
            return seen
        if monotonic() - begun > READY_WITHIN:
            said = "; ".join(str(c.get("message", "")) for c in seen.get("conditions", ()))
            raise Unavailable(
                f"the AICluster is not ready after {READY_WITHIN:.0f} s ({said or 'no status at all'}). "
                "Is the operator running? --operator starts one."
            )
        await asyncio.sleep(0.1)
