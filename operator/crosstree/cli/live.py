"""The operator's own view of the cluster, loaded once for one answer: same columns, same translation, same core."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosstree.base.errors import NotFound, Unavailable
from crosstree.cli.access import known, listed

if TYPE_CHECKING:
    from crosstree.adapters.client import Api
    from crosstree.adapters.livecluster import LiveCluster
    from crosstree.adapters.resources import Kind
    from crosstree.adapters.store import ObjectStore
    from crosstree.core.ledger import NodeFailures
    from crosstree.core.snapshot import Snapshot
    from crosstree.core.workload import Gang

LISTED_WITHIN = 60.0
"""Seconds for the first lists; 100,000 pods take a few."""


class Deaf:
    """Listens to nothing: one answer needs no wake-ups."""

    def mark(self, kind: Kind, key: str) -> None:
        """Nobody reconciles here."""

    def wake(self) -> None:
        """Nobody plans here."""

    def wake_lazily(self) -> None:
        """Nobody plans here."""


@dataclass(frozen=True, slots=True)
class View:
    """The cluster as the operator would see it now, the value of every PriorityClass and the labels of namespaces."""

    cluster: LiveCluster
    priorities: Mapping[str, int]
    namespaces: Mapping[str, Mapping[str, str]]


async def loaded(api: Api) -> View:
    """List our kinds, nodes, pods and PriorityClasses once, and return what the operator would see now.

    Raises:
        Refused: the cluster does not know our kinds.
        Unavailable: nodes or pods could not be listed in time.
    """
    from crosstree import translate
    from crosstree.adapters import wire
    from crosstree.adapters.livecluster import LiveCluster
    from crosstree.adapters.relist import relist
    from crosstree.adapters.resources import NODES, PODS, PRIORITY_CLASSES
    from crosstree.adapters.watch import Watcher
    from crosstree.base.clock import SystemClock
    from crosstree.catalog.load import load, load_fabrics

    await known(api)
    live = LiveCluster(load(), load_fabrics(), translate, SystemClock(), Deaf())
    await relist(api, live.store)
    live.view()  # so that the columns know which labels matter before the first node comes
    nodes: Watcher[wire.Node] = Watcher(api, NODES.path(), wire.Node, live.node_sink)
    pods: Watcher[wire.Pod] = Watcher(api, PODS.path(), wire.Pod, live.pod_sink)
    tasks = [asyncio.create_task(each.run()) for each in (nodes, pods)]
    try:
        await asyncio.wait_for(asyncio.gather(nodes.synced.wait(), pods.synced.wait()), LISTED_WITHIN)
    except TimeoutError as error:
        raise Unavailable(f"nodes and pods could not be listed within {LISTED_WITHIN:.0f} s.") from error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    classes = await listed(api, PRIORITY_CLASSES.path())
    priorities = {str(one["metadata"]["name"]): int(one["value"]) for one in classes}
    live.set_priorities(priorities)
    labels = await _namespaces(api, live.store)
    live.set_namespaces(labels)
    live.synced = True
    return View(live, priorities, labels)


async def _namespaces(api: Api, store: ObjectStore) -> Mapping[str, Mapping[str, str]]:
    """Return the labels of every namespace, which few people may list: asked for only if a queue goes by them."""
    from crosstree.adapters.resources import NAMESPACES

    if all(queue.namespaces.empty for queue in store.queues.values()):
        return {}
    found = await listed(api, NAMESPACES.path())
    return {str(one["metadata"]["name"]): one["metadata"].get("labels", {}) for one in found}


def with_masks(view: View, snapshot: Snapshot, gang: Gang) -> Snapshot:
    """Return the snapshot with the nodes that admit a gang, also if it does not wait."""
    from dataclasses import replace

    from crosstree.core.masks import Masks

    columns = view.cluster.columns
    masks, rows = Masks(columns), columns.rows(snapshot.names)
    wanted = {gang.demands(pool.resource) for pool in snapshot.pools}
    made = {one: masks.of(one, rows) for one in wanted if one not in snapshot.masks}
    return replace(snapshot, masks={**snapshot.masks, **made})


def node_rows(snapshot: Snapshot, failures: Iterable[NodeFailures] = ()) -> list[dict[str, Any]]:
    """Describe every node of every pool in fabric order, as plain values, with the failures that are remembered."""
    from crosstree.base.clock import to_rfc3339
    from crosstree.core.room import per_node, state_of
    from crosstree.core.spares import ready

    failed = {entry.node: entry for entry in failures}
    suspect = snapshot.suspect
    rows: list[dict[str, Any]] = []
    for pool in snapshot.pools:
        total, allocated, free, unhealthy = per_node(snapshot, pool)
        levels = pool.fabric.levels[:-1]
        spare = ready(snapshot, pool)
        for at, row in enumerate(pool.nodes.tolist()):
            entry = failed.get(snapshot.names[row])
            rows.append(
                {
                    "name": snapshot.names[row],
                    "pool": pool.name,
                    "path": "/".join(level.names[int(level.domain[at])] for level in levels),
                    "state": state_of(snapshot, row).name.replace("_", " ").lower(),
                    "signal": snapshot.signals[int(snapshot.signal[row])]
                    if snapshot.signal is not None
                    else "",
                    "total": int(total[at]),
                    "allocated": int(allocated[at]),
                    "free": int(free[at]),
                    "unhealthy": int(unhealthy[at]),
                    "spare": bool(spare[at]),
                    "suspect": suspect is not None and bool(suspect[row]),
                    "failures": entry.count if entry is not None else 0,
                    "lastCause": entry.cause if entry is not None else "",
                    "lastAt": to_rfc3339(entry.at) if entry is not None else "",
                }
            )
    return rows


def chosen(view: View, name: str | None) -> list[tuple[Snapshot, tuple[str, ...]]]:
    """Return the snapshots meant by a name, each with the names of its pools to show.

    A name is a pool's, then a cluster's; without one, everything.

    Raises:
        NotFound: neither a pool nor a cluster is called so.
    """
    live = view.cluster
    snapshots = [live.snapshot_of(cluster) for cluster in sorted(live.store.clusters)]
    pools = {pool.name: one for one in snapshots for pool in one.pools}
    if name is None:
        return [(one, tuple(pool.name for pool in one.pools)) for one in snapshots]
    if name in pools:
        return [(pools[name], (name,))]
    for one in snapshots:
        if one.cluster == name:
            return [(one, tuple(pool.name for pool in one.pools))]
    raise NotFound(
        f"no pool and no AICluster is called {name!r}; pools: {', '.join(sorted(pools)) or 'none'}; "
        f"clusters: {', '.join(one.cluster for one in snapshots) or 'none'}.",
        status=404,
    )
