"""Who may be stopped for whom: priority, length where that is asked for, and what queues are guaranteed.

Grounds are a higher priority, a guarantee that another queue has borrowed, and under `Order.SHORTEST_EXPECTED` being
much shorter (`shortest`). All spare what is *covered*: of the gangs of a queue, those that its guarantee pays for,
highest priority first, then those that began first, or under that order those that stand first. A covered gang is
stopped for nobody outside the queue, and inside only for one above it that the guarantee would pay for instead.

That is what keeps two gangs from taking turns at one place; docs/explanation/preemption.md has the argument.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstree.core.arrays import Bool, Int64
from crosstree.core.book import UNLIMITED, Book
from crosstree.core.fairshare import NOTHING, guarantees_of, rates_of
from crosstree.core.policy import Order
from crosstree.core.queues import QueueSpec
from crosstree.core.queuetree import tree_of
from crosstree.core.quota import Accounts
from crosstree.core.running import Running
from crosstree.core.shortest import longer, stands_as_of, waits_as_of
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
        self._lineages = [accounts.chain(name)[::-1] for name in names]
        self._parted: dict[str, tuple[_Apart, _Apart]] = {}
        self._pages: dict[str, _Page] = {}
        self._paying: dict[str, list[tuple[int, _Page]]] = {}
        self._below: dict[int, Bool] = {}
        self._known: dict[tuple[str, int, str, frozenset[str], int], Grounds] = {}
        self._by_priority: dict[int, Grounds] = {}
        """Where nothing is guaranteed."""
        self._paid = False
        """Whether it is known what guarantees pay for: nobody needs it until somebody has a claim."""
        none = np.zeros(len(running), np.bool_)
        self._nobody = Grounds(none, none, none)

    def on(self, gang: Gang, model: str, devices: int, now: float) -> Grounds:
        """Return which running gangs may make room for a gang that would take so many accelerators of a model.

        `now`, seconds since the epoch, tells what is left of each.

        O(V), and a look at the accounts; that alone for gangs of one queue and priority that get the same answers
        there, who share the arrays: do not write to them.
        """
        if not self._guaranteed:
            return self._of_rank(gang, now)
        owing = self._accounts.owing(gang.queue, model, devices)
        lower = self._lower(gang, now)
        if not owing and not lower.any():
            return self._nobody
        if not self._paid:
            self._cover()
        rank = self._rank(gang, waits_as_of)
        gains = sum(
            1 << depth
            for depth, page in self._payers(gang.queue)
            if depth < self._deepest and page.up_to(rank).covers(model, devices)
        )
        if self._order is not Order.AGE:  # whom a gang may have stopped depends on its own length
            return self._by(gang.queue, lower, model, owing, gains)
        key = (gang.queue, gang.priority, model, owing, gains)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._by(gang.queue, lower, model, owing, gains)
        return known

    def _of_rank(self, gang: Gang, now: float) -> Grounds:
        """Return the grounds of a gang where nothing is guaranteed: shared by those of one priority, if that is all."""
        known = self._by_priority.get(gang.priority)
        if known is None:
            lower = self._lower(gang, now)
            known = Grounds(lower, lower, np.zeros(len(self._running), np.bool_))
            if self._order is Order.AGE:
                self._by_priority[gang.priority] = known
        return known

    def _by(self, queue: str, lower: Bool, model: str, owing: frozenset[str], gains: int) -> Grounds:
        """Return the grounds of a gang by whom it is above, who owes its queue, and which queues would pay for it."""
        owed = np.fromiter((name in owing for name in self._names), np.bool_, count=len(self._names))
        lost = ~np.array(gains, self._bits)
        lent = owed[self._queue] & self._holding(model)
        (allowed, reclaimed), (stopped, _) = (
            ((lower & outside & np.asarray((inner & lost) == 0, np.bool_)) | (outside & lent), outside & lent)
            for outside, inner in self._apart(queue)
        )
        return Grounds(allowed, stopped, reclaimed)

    def _lower(self, gang: Gang, now: float) -> Bool:
        """Mark those that a gang may have stopped because it goes first: Bool (V,)."""
        if self._order is Order.SHORTEST_EXPECTED:
            return np.asarray(self._priority < gang.priority) | longer(gang, self._running, now)
        if gang.priority not in self._below:
            self._below[gang.priority] = np.asarray(self._priority < gang.priority)
        return self._below[gang.priority]

    def _cover(self) -> None:
        """Find what each guarantee pays for: the highest priority first, then by age, or by where they stand."""
        self._paid = True

        def place(at: int) -> tuple[_Rank, float, str]:
            one = self._running[at]
            return self._rank(one.gang, stands_as_of), one.began, one.gang.key

        order = sorted(range(len(self._running)), key=place)
        above = {name: self._payers(name) for name in self._names}
        kept, covered = [0] * len(order), [0] * len(order)
        for at in order:
            one = self._running[at]
            if one.leaving:
                continue
            rank = self._rank(one.gang, stands_as_of)
            for depth, page in above[one.gang.queue]:
                if paid := page.pay(one, rank):
                    kept[at] |= 1 << depth
                    covered[at] |= (paid == one.devices) << depth
        self._kept[:], self._covered[:] = kept, covered

    def _rank(self, gang: Gang, as_of: Callable[[Gang], float]) -> _Rank:
        """Return what a gang has to be stopped for it, and covered before it: the smaller goes first.

        One that asks ranks as it waits, one that runs as it stands, which is no later.
        """
        stands = as_of(gang) if self._order is Order.SHORTEST_EXPECTED else 0.0
        return -gang.priority, stands

    def _apart(self, queue: str) -> tuple[_Apart, _Apart]:
        """Return what of the cover of each gang does not depend on who asks in a queue. O(V), once for a queue.

        First of what it holds, then of its smallest size.
        """
        if queue not in self._parted:
            mine = self._accounts.chain(queue)[::-1]
            shared = [_common(mine, theirs) for theirs in self._lineages]
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

    def _payers(self, queue: str) -> list[tuple[int, _Page]]:
        """Return the pages of a queue and of those above it that guarantee something, each with its depth."""
        if queue not in self._paying:
            self._paying[queue] = [
                (depth, self._page(name))
                for depth, name in enumerate(self._accounts.chain(queue)[::-1])
                if self._guarantees.get(name, NOTHING) is not NOTHING
            ]
        return self._paying[queue]

    def _page(self, name: str) -> _Page:
        if name not in self._pages:
            book = Book(self._tree.specs[name], self._guarantees[name], self._rates[name])
            self._pages[name] = _Page(book)
        return self._pages[name]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the queues, from the root down, that two chains share."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


class _Page:
    """What a guarantee pays for, gang after gang, in order of rank: what it has no room for once, it never has."""

    __slots__ = ("_book", "_over", "_past", "_ranks")

    def __init__(self, book: Book) -> None:
        self._book = book
        self._ranks: list[_Rank] = []
        self._past: list[Book] = []
        """What it paid for before the first of each rank."""
        self._over: dict[str, int] = {}
        """The fewest accelerators that it had no room for, by model."""

    def pay(self, one: Running, rank: _Rank) -> int:
        """Book what is paid for of a gang, in accelerators: all it holds, or its smallest size; 0 for neither."""
        if not self._ranks or self._ranks[-1] != rank:
            self._past.append(self._book.copy())
            self._ranks.append(rank)
        if self._books(one.model, one.devices):
            return one.devices
        if smaller := [size for size in one.gang.sizes if size < one.workers]:
            least = min(smaller) * one.gang.devices
            return least if self._books(one.model, least) else 0
        return 0

    def up_to(self, rank: _Rank) -> Book:
        """Return what it pays for of those that go first and those of a rank. Not to be written on."""
        count = bisect_right(self._ranks, rank)
        return self._book if count == len(self._ranks) else self._past[count]

    def _books(self, model: str, devices: int) -> bool:
        if devices >= self._over.get(model, UNLIMITED):
            return False
        if not self._book.covers(model, devices):
            self._over[model] = devices
            return False
        self._book.add(model, devices, 1)
        return True
