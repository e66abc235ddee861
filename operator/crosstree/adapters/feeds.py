"""The watches that feed a `LiveCluster`: nodes, pods, Services of jobs, what admits jobs, and reports on nodes.

Our own kinds come another way (kopf and `relist`): they are few, and people write handlers for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from crosstree.adapters import wire
from crosstree.adapters.client import Api
from crosstree.adapters.configmaps import SELECTOR, ConfigMapSink
from crosstree.adapters.livecluster import LiveCluster
from crosstree.adapters.resources import CONFIG_MAPS, NAMESPACES, NODES, PODS, PRIORITY_CLASSES, SERVICES
from crosstree.adapters.watch import Watcher
from crosstree.base.names import LABEL_JOB


class Named(Protocol):
    """An object without a namespace."""

    @property
    def metadata(self) -> wire.NodeMeta:
        """Its name and labels."""
        ...


Item = TypeVar("Item", bound=Named)
Value = TypeVar("Value")


class TableSink(Generic[Item, Value]):
    """Keeps one value of every object of a kind by name; few objects, so each change hands over all of them.

    Args:
        read: Takes the value from an object.
        changed: Told all values after each change, and after each list.
    """

    def __init__(self, read: Callable[[Item], Value], changed: Callable[[dict[str, Value]], None]) -> None:
        self._read = read
        self._changed = changed
        self._values: dict[str, Value] = {}
        self._listing = False

    def begin_list(self) -> None:
        """A complete list follows."""
        self._values = {}
        self._listing = True

    def put(self, item: Item) -> None:
        """An object as it is now."""
        self._values[item.metadata.name] = self._read(item)
        self._tell()

    def drop(self, item: Item) -> None:
        """An object was deleted."""
        self._values.pop(item.metadata.name, None)
        self._tell()

    def end_list(self) -> None:
        """The list is complete."""
        self._listing = False
        self._tell()

    def _tell(self) -> None:
        if not self._listing:
            self._changed(dict(self._values))


class Feeds:
    """Runs the watches.

    Args:
        api: Where to ask.
        live: Who is fed.
        mindcluster: Namespaces in which MindCluster reports on nodes; none are watched otherwise.
    """

    def __init__(self, api: Api, live: LiveCluster, mindcluster: Iterable[str] = ()) -> None:
        self._watchers: dict[str, Watcher[Any]] = {
            NODES.plural: Watcher(api, NODES.path(), wire.Node, live.node_sink),
            PODS.plural: Watcher(api, PODS.path(), wire.Pod, live.pod_sink),
            SERVICES.plural: Watcher(
                api, SERVICES.path(), wire.Service, live.service_sink, query={"labelSelector": LABEL_JOB}
            ),
            PRIORITY_CLASSES.plural: Watcher(
                api,
                PRIORITY_CLASSES.path(),
                wire.PriorityClass,
                TableSink(lambda one: one.value, live.set_priorities),
            ),
            NAMESPACES.plural: Watcher(
                api,
                NAMESPACES.path(),
                wire.Namespace,
                TableSink(lambda one: one.metadata.labels or {}, live.set_namespaces),
            ),
        }
        for namespace in mindcluster:
            self._watchers[f"{CONFIG_MAPS.plural} of {namespace}"] = Watcher(
                api,
                CONFIG_MAPS.path(namespace),
                wire.ConfigMap,
                ConfigMapSink(live.healths.report),
                query={"labelSelector": SELECTOR},
            )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to list and watch."""
        self._tasks = [
            asyncio.create_task(watcher.run(), name=f"watch-{plural}")
            for plural, watcher in self._watchers.items()
        ]

    async def synced(self) -> None:
        """Return once every first list is complete."""
        for watcher in self._watchers.values():
            await watcher.synced.wait()

    @property
    def missing(self) -> tuple[str, ...]:
        """Resources whose first list is not complete."""
        return tuple(plural for plural, one in self._watchers.items() if not one.synced.is_set())

    @property
    def restarts(self) -> dict[str, int]:
        """How often each watch lost its place and listed everything again."""
        return {plural: max(one.lists - 1, 0) for plural, one in self._watchers.items()}

    @property
    def ended(self) -> tuple[str, ...]:
        """Resources whose watch has ended, which none ever should."""
        return tuple(task.get_name() for task in self._tasks if task.done())

    async def stop(self) -> None:
        """End all watches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
