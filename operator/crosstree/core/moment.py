"""Who holds how much of a model at a later instant, and what is booked then: counted in accelerators.

Held is what gangs hold that are not expected to have ended, with what was given away in this cycle and what is
reserved. It has to leave what is booked and not held by the queue that booked it. Whoever is within what is guaranteed
to its queue at that instant is free to start: bookings are made beside guarantees, not above them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from math import inf

import numpy as np

from crosstree.core.arrays import Bool
from crosstree.core.booked import Claims, effective, outstanding
from crosstree.core.queuetree import QueueTree
from crosstree.core.quota import Accounts
from crosstree.core.running import Running
from crosstree.core.snapshot import NodeState, Snapshot


@dataclass(frozen=True, slots=True)
class Ask:
    """So many accelerators of a model for a queue from one instant to another, seconds since the epoch.

    `gone` are running gangs that would make room for it, each with the accelerators that it gives: an elastic one may
    go on with fewer.
    """

    queue: str
    model: str
    devices: int
    since: float
    until: float
    gone: tuple[tuple[Running, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody holds so many accelerators for a time; `usable` of them on nodes that take new work."""

    queue: str
    model: str
    devices: int
    usable: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Holder:
    """What the gangs of a queue hold of a model that run now.

    Attributes:
        queue: Which.
        model: Which.
        ends: When they end, in order.
        devices: What those hold who are left after so many ends, one entry more.
        usable: How much of it is on nodes that take new work.
    """

    queue: str
    model: str
    ends: list[float]
    devices: list[int]
    usable: list[int]

    def at(self, at: float) -> Stay:
        """Return what they hold at an instant as if one held it."""
        over = bisect_right(self.ends, at)
        return Stay(self.queue, self.model, self.devices[over], self.usable[over], -inf, inf)


def summed(running: Iterable[Stay]) -> list[Holder]:
    """Sum up who runs now by queue and model: many gangs, few queues."""
    found: dict[tuple[str, str], list[Stay]] = {}
    for one in sorted(running, key=lambda one: one.until):
        found.setdefault((one.queue, one.model), []).append(one)
    return [
        Holder(
            *pair,
            [one.until for one in those],
            list(accumulate((one.devices for one in reversed(those)), initial=0))[::-1],
            list(accumulate((one.usable for one in reversed(those)), initial=0))[::-1],
        )
        for pair, those in found.items()
    ]


class Moment:
    """Who holds how much of a model at one instant, and what is booked then.

    Args:
        at: The instant.
        claimed: What is booked of the model then.
        tree: The queues.
        model: Which.
        room: What nobody holds and what gangs that run hold, on nodes that take new work.
    """

    __slots__ = (
        "_accounts",
        "_held",
        "_left",
        "_spare",
        "_sums",
        "_tree",
        "at",
        "claimed",
        "given",
        "model",
        "reserved",
        "undone",
    )

    def __init__(self, at: float, claimed: Claims, tree: QueueTree, model: str, room: int) -> None:
        self.at = at
        self.model = model
        self.claimed = claimed
        self.given = self.reserved = self.undone = 0
        self._tree = tree
        self._left = room
        self._held: dict[str, int] = {}
        self._sums: dict[tuple[str, str], int] = {}
        self._spare: dict[frozenset[str], int] = {}
        self._accounts: dict[str, Accounts] = {}

    def add(self, stay: Stay) -> None:
        """Count somebody in who is there at this instant."""
        if not stay.since <= self.at < stay.until or not stay.devices:
            return
        pair = (stay.queue, stay.model)
        self._sums[pair] = self._sums.get(pair, 0) + stay.devices
        chain = self._tree.chain(stay.queue)
        if chain[-1] in self._accounts:
            self._accounts[chain[-1]].take(stay.queue, stay.model, stay.devices)
        if stay.model == self.model:
            self._spare.clear()
            self._left -= stay.usable
            for queue in chain:
                if queue in self.claimed.counts:
                    self._held[queue] = self._held.get(queue, 0) + stay.devices

    def holds(self, ask: Ask) -> bool:
        """Say whether what is asked for leaves what is booked, or no less than is left without it, or is guaranteed."""
        own = self._tree.chain(ask.queue)
        spare = self._spared(own)
        if not ask.gone:
            return spare >= ask.devices or self.covers(ask)
        left, held = self._left - ask.devices, dict(self._held)
        for one, devices in ask.gone:
            if one.model == self.model and one.ends > self.at:
                left += devices
                for queue in self._tree.chain(one.gang.queue):
                    held[queue] = held.get(queue, 0) - devices
        return left - outstanding(self.claimed, held, own) >= min(spare, 0) or self.covers(ask)

    def covers(self, ask: Ask) -> bool:
        """Say whether what is asked for is guaranteed at this instant."""
        root = self._tree.chain(ask.queue)[-1]
        if root not in self._accounts:
            # What is guaranteed is guaranteed within one tree of queues: the others are not looked at.
            family = self._tree.families.get(root, ())
            if not any(queue.quotas or queue.calendar for queue in family):
                return ask.devices <= 0
            accounts = self._accounts[root] = Accounts(effective(family, self.at), (), {})
            for (queue, model), devices in self._sums.items():
                if self._tree.chain(queue)[-1] == root:
                    accounts.take(queue, model, devices)
        return self._accounts[root].within_guarantee(ask.queue, self.model, ask.devices)

    def _spared(self, own: tuple[str, ...]) -> int:
        """Return what is left beside what is booked, but for bookings of these queues; less than 0 if too little is."""
        booked = frozenset(self.claimed.counts.keys() & own)
        if booked not in self._spare:
            self._spare[booked] = self._left - outstanding(self.claimed, self._held, own)
        return self._spare[booked]


def usable_nodes(snapshot: Snapshot) -> Bool:
    """Mark the nodes that take new work: Bool (N,)."""
    opened: Bool = np.zeros(len(snapshot.names), np.bool_)
    for pool in snapshot.pools:
        opened[pool.nodes] = pool.schedulable
    opened[snapshot.state != NodeState.USABLE] = False
    return opened


def free_room(snapshot: Snapshot, usable: Bool) -> dict[str, int]:
    """Count what is free now on nodes that take new work, by model."""
    found: dict[str, int] = {}
    for pool in snapshot.pools:
        free = np.maximum(snapshot.free[pool.nodes, pool.column], 0)
        count = int(free[usable[pool.nodes]].sum())
        found[pool.profile.id] = found.get(pool.profile.id, 0) + count
    return found


def as_stay(one: Running, usable: Bool | None) -> Stay:
    """Return what a running gang holds; `usable` marks the nodes that take new work, None where all do."""
    there = one.devices
    if usable is not None:
        there = int(one.counts[usable[one.rows]].sum()) * one.gang.devices
    return Stay(one.gang.queue, one.model, one.devices, there, -inf, one.ends)
