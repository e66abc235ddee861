"""Who may be stopped for whom: priority, length where that is asked for, and what queues are guaranteed.

Grounds are a higher priority, a guarantee that another queue has borrowed, and under `Order.SHORTEST_EXPECTED` being
much shorter (`shortest`). All spare what is *covered*: of the gangs of a queue, those that its guarantee pays for,
highest priority first, then those that began first, or under that order those that stand first. A covered gang is
stopped for nobody outside the queue, and inside only for one above it that the guarantee would pay for instead.

That is what keeps two gangs from taking turns at one place; docs/explanation/preemption.md has the argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstree.core.arrays import Bool, Int64
from crosstree.core.book import Book
from crosstree.core.fairshare import NOTHING, guarantees_of, rates_of
from crosstree.core.policy import Order
from crosstree.core.queues import QueueSpec
from crosstree.core.queuetree import tree_of
from crosstree.core.quota import Accounts
from crosstree.core.running import Running
from crosstree.core.shortest import longer, stands_as_of
from crosstree.core.workload import Gang

_DEEP = 62
"""Levels of a tree that have a bit each in a machine word; a deeper one is counted in numbers of any length."""


_Rank = tuple[int, float]
"""The negative of its priority; and as of when it stands in line, where that counts."""


_Apart = tuple[Bool, NDArray[Any]]
"""Where no queue pays for a gang that it does not share with who asks; the bits of those that pay and are shared."""


@dataclass(frozen=True, slots=True, eq=False)
class Grounds:
    """What a gang may ask of each running one, Bool (V,).

    Attributes:
        allowed: It may go on with fewer workers for the gang, if it can.
        stopped: It may be stopped for the gang.
        reclaimed: It is `allowed` because it uses what the gang's queue is guaranteed, whatever its priority.
    """

    allowed: Bool
    stopped: Bool
    reclaimed: Bool

    def among(self, some: Bool) -> Grounds:
        """Return the same for some of the running gangs alone, Bool (V,)."""
        return Grounds(self.allowed & some, self.stopped & some, self.reclaimed)


class Claims:
    """Claims on running gangs, worked out once per cycle.

    Args:
        queues: The tree.
        running: V gangs, in a stable order.
        accounts: What queues hold, with all that the cycle has booked.
        order: Who goes first inside a queue.
    """

    def __init__(
        self,
        queues: Sequence[QueueSpec],
        running: Sequence[Running],
        accounts: Accounts,
        order: Order = Order.AGE,
    ) -> None:
        self._running = running
        self._order = order
        self._accounts = accounts
        self._priority: Int64 = np.array([one.gang.priority for one in running], np.int64)
        names = sorted({one.gang.queue for one in running})
        index = {name: position for position, name in enumerate(names)}
        self._names = names
        self._index = index
        self._queue = np.array([index[one.gang.queue] for one in running], np.int64)
        self._holds: dict[str, Bool] = {}
        self._tree = tree_of(queues)
        self._rates = rates_of(self._tree)
        self._guarantees = guarantees_of(self._tree, self._rates)
        self._guaranteed = any(one is not NOTHING for one in self._guarantees.values())
        self._deepest = max((len(accounts.chain(name)) for name in names), default=0)
        self._bits = np.dtype(np.int64 if self._deepest <= _DEEP else object)
        self._covered: NDArray[Any] = np.zeros(len(running), self._bits)
        """Bit d is set where the queue at depth d above a gang, 0 for the root, pays for all that it holds."""
        self._kept: NDArray[Any] = np.zeros(len(running), self._bits)
        """The same where it pays for its smallest size at least."""
        self._members: dict[str, list[int]] = {}
        self._parted: dict[str, tuple[_Apart, _Apart]] = {}
        self._paid: dict[tuple[str, _Rank], Book] = {}
        if self._guaranteed:
            self._cover()

    def on(self, gang: Gang, model: str, devices: int, now: float) -> Grounds:
        """Return which running gangs may make room for a gang that would take so many accelerators of a model.

        `now`, seconds since the epoch, tells what is left of each.

        O(V), and a look at the accounts for each queue that holds something.
        """
        lower = np.asarray(self._priority < gang.priority)
        if self._order is Order.SHORTEST_EXPECTED:
            lower |= longer(gang, self._running, now)
        nobody = np.zeros(len(self._running), np.bool_)
        if not self._guaranteed:
            return Grounds(lower, lower, nobody)
        mine = self._accounts.chain(gang.queue)[::-1]
        owed = np.zeros(len(self._names), np.bool_)
        for name in self._accounts.owing(gang.queue, model, devices):
            position = self._index.get(name)
            if position is not None:
                owed[position] = True
        gains = sum(
            1 << depth
            for depth, name in enumerate(mine[: self._deepest])
            if self._would_cover(name, gang, model, devices)
        )
        lost = ~np.array(gains, self._bits)
        lent = owed[self._queue] & self._holding(model)
        (allowed, reclaimed), (stopped, _) = (
            ((lower & outside & np.asarray((inner & lost) == 0, np.bool_)) | (outside & lent), outside & lent)
            for outside, inner in self._apart(gang.queue)
        )
        return Grounds(allowed, stopped, reclaimed)

    def _cover(self) -> None:
        """Find what each guarantee pays for: the highest priority first, then by age, or by where they stand."""

        def place(at: int) -> tuple[_Rank, float, str]:
            one = self._running[at]
            return self._rank(one.gang), one.began, one.gang.key

        order = sorted(range(len(self._running)), key=place)
        books: dict[str, Book] = {}
        for at in order:
            one = self._running[at]
            if one.leaving:
                continue
            chain = self._accounts.chain(one.gang.queue)[::-1]
            for depth, name in enumerate(chain):
                if self._guarantees.get(name, NOTHING) is NOTHING:
                    continue
                self._members.setdefault(name, []).append(at)
                book = books.get(name)
                if book is None:
                    book = books[name] = self._book(name)
                if paid := _pay(book, one):
                    self._kept[at] |= 1 << depth
                    self._covered[at] |= (paid == one.devices) << depth

    def _would_cover(self, name: str, gang: Gang, model: str, devices: int) -> bool:
        """Say whether a queue's guarantee would pay for a gang, after those of its rank that it pays for now."""
        if self._guarantees.get(name, NOTHING) is NOTHING:
            return False
        rank = self._rank(gang)
        book = self._paid.get((name, rank))
        if book is None:
            book = self._paid[name, rank] = self._book(name)
            for at in self._members.get(name, ()):
                one = self._running[at]
                if self._rank(one.gang) > rank:
                    break
                _pay(book, one)
        return book.covers(model, devices)

    def _rank(self, gang: Gang) -> _Rank:
        """Return what a gang has to be stopped for it, and covered before it: the smaller goes first."""
        stands = stands_as_of(gang) if self._order is Order.SHORTEST_EXPECTED else 0.0
        return -gang.priority, stands

    def _apart(self, queue: str) -> tuple[_Apart, _Apart]:
        """Return what of the cover of each gang does not depend on who asks in a queue. O(V), once for a queue.

        First of what it holds, then of its smallest size.
        """
        if queue not in self._parted:
            mine = self._accounts.chain(queue)[::-1]
            shared = [_common(mine, self._accounts.chain(name)[::-1]) for name in self._names]
            common = np.array([(1 << depth) - 1 for depth in shared], self._bits)[self._queue]
            all_of_it, least = (
                (np.asarray((bits & ~common) == 0, np.bool_), bits & common)
                for bits in (self._covered, self._kept)
            )
            self._parted[queue] = all_of_it, least
        return self._parted[queue]

    def _holding(self, model: str) -> Bool:
        """Mark the running gangs that hold a model."""
        if model not in self._holds:
            every = (one.model == model for one in self._running)
            self._holds[model] = np.fromiter(every, np.bool_, count=len(self._running))
        return self._holds[model]

    def _book(self, name: str) -> Book:
        return Book(self._tree.specs[name], self._guarantees[name], self._rates[name])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the queues, from the root down, that two chains share."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def _pay(book: Book, one: Running) -> int:
    """Book what a guarantee pays for of a gang, in accelerators: all it holds, or its smallest size; 0 for neither."""
    least = (
        min((size for size in one.gang.sizes if size < one.workers), default=one.workers) * one.gang.devices
    )
    for devices in (one.devices, least):
        if book.covers(one.model, devices):
            book.add(one.model, devices, 1)
            return devices
    return 0
