"""One burst of work on a real cluster: submit, watch until every pod has a node, count what it cost, clean up.

The client must not be what is measured: bodies are ready bytes, 64 creations are in flight, and the watch
decodes only names and nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crosstree.base.clock import monotonic
from crosstree.base.errors import AlreadyExists, NotFound, Throttled, Unavailable
from crosstree.cli.burst_objects import JOBS, PODGROUPS, PODS, Post
from crosstree.cli.write_count import Count, Writes

if TYPE_CHECKING:
    from crosstree.adapters.client import Api
    from crosstree.adapters.wire import Pod

IN_FLIGHT = 64
"""Creations on their way at once; more only queue up in the API server."""

QUIET = 1.5
"""Seconds without a write after which a burst counts as settled."""

PATIENCE = 180.0
"""Seconds a burst may take; kube-scheduler's own gangs need 30 for the largest case here."""


@dataclass(slots=True)
class Seen:
    """When each pod was first seen with a node, and which; times by `base.clock.monotonic`."""

    bound: dict[str, float] = field(default_factory=dict)
    node: dict[str, str] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin_list(self) -> None:
        """A list begins: what it does not hold is gone."""
        self.alive.clear()

    def put(self, pod: Pod) -> None:
        """A pod as it is now."""
        name = pod.metadata.name
        self.alive.add(name)
        if pod.spec.node_name and name not in self.bound:
            self.bound[name] = monotonic()
            self.node[name] = pod.spec.node_name
        self.changed.set()

    def drop(self, pod: Pod) -> None:
        """A pod is gone."""
        self.alive.discard(pod.metadata.name)
        self.changed.set()

    def end_list(self) -> None:
        """The list is complete."""
        self.changed.set()

    async def until(self, holds: Callable[[], bool], within: float) -> bool:
        """Wait until something about the pods holds; False if it does not in time. Seconds."""
        deadline = monotonic() + within
        while not holds():
            self.changed.clear()
            left = deadline - monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self.changed.wait(), left)
            except TimeoutError:
                return holds()
        return True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one burst did.

    Attributes:
        seconds: First create sent until the last pod was seen with a node.
        submitted: First create sent until the last create answered, seconds.
        bound: Pods that got a node in time.
        node: Node of each pod.
        writes: Write requests of everybody that the API server answered meanwhile, node leases left out;
            None where it does not tell.
    """

    seconds: float
    submitted: float
    bound: int
    node: dict[str, str]
    writes: Writes | None


@asynccontextmanager
async def watching(api: Api, namespace: str) -> AsyncIterator[Seen]:
    """Follow the pods of a namespace."""
    from crosstree.adapters.watch import Watcher
    from crosstree.adapters.wire import Pod

    seen = Seen()
    watcher: Watcher[Pod] = Watcher(api, PODS.format(namespace=namespace), Pod, seen)
    task = asyncio.create_task(watcher.run())
    try:
        await asyncio.wait_for(watcher.synced.wait(), 30)
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def burst(
    api: Api, seen: Seen, posts: Sequence[Post], pods: int, *, tick: Callable[[int], None], count: Count
) -> Outcome:
    """Submit everything and wait until `pods` pods have a node; `tick` is told how many have."""
    seen.bound.clear()
    seen.node.clear()
    before = await count()
    begun = monotonic()
    following = asyncio.create_task(_follow(seen, tick))
    try:
        await each(posts, lambda post: created(api, post))
        submitted = monotonic() - begun
        await seen.until(lambda: len(seen.bound) >= pods, PATIENCE)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    last = max(seen.bound.values(), default=monotonic())
    after = await _settled(count)
    cost = None if before is None or after is None else after - before
    return Outcome(last - begun, submitted, len(seen.bound), dict(seen.node), cost)


async def each(items: Sequence[Post], act: Callable[[Post], Awaitable[None]]) -> None:
    """Run `act` for every item in order, `IN_FLIGHT` at a time; the first failure ends it."""
    queue = iter(items)

    async def drain() -> None:
        for item in queue:
            await act(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(IN_FLIGHT, len(items))):
            group.create_task(drain())


async def created(api: Api, post: Post) -> None:
    """Create one object; a busy server is asked again, one that has it already is fine."""
    for attempt in range(6):
        try:
            await api.request("POST", post.path, body=post.body)
            return
        except AlreadyExists:
            return
        except (Throttled, Unavailable) as error:
            if attempt == 5:
                raise
            await asyncio.sleep(error.retry_after if isinstance(error, Throttled) else 0.2 * (attempt + 1))


async def _settled(count: Count) -> Writes | None:
    """Wait until writes have stopped and return their number."""
    last = await count()
    for _ in range(40):
        await asyncio.sleep(QUIET)
        now = await count()
        # A few heartbeats of nodes and controllers never stop.
        if now is None or last is None or (now - last).total() <= 5:
            return now
        last = now
    return last


async def _follow(seen: Seen, tick: Callable[[int], None]) -> None:
    while True:
        tick(len(seen.bound))
        await asyncio.sleep(0.2)


async def cleared(api: Api, seen: Seen, namespace: str) -> bool:
    """Delete every job, group and pod of the namespace and wait until they are gone; False if they stay."""
    for path in (JOBS, PODS, PODGROUPS):
        try:
            await api.request(
                "DELETE", path.format(namespace=namespace), query={"gracePeriodSeconds": "0"}, timeout=120
            )
        except NotFound:
            continue
    gone = await seen.until(lambda: not seen.alive, 120)
    for path in (JOBS, PODGROUPS):
        for _ in range(200):
            try:
                if not (await api.get_json(path.format(namespace=namespace), query={"limit": "1"})).get(
                    "items"
                ):
                    break
            except NotFound:
                break
            await asyncio.sleep(0.2)
    return gone
