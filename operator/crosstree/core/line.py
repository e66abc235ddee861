"""Whose turn it is: from the root of the queue tree down the queue that is owed most, and in it priority and age."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from operator import itemgetter

from crosstree.core.alike import Asking, asking
from crosstree.core.policy import Order
from crosstree.core.quota import Accounts, Answers
from crosstree.core.shortest import waits_as_of
from crosstree.core.workload import Gang

_Standing = tuple[int, bool, float, str, str]
"""Where a gang stands among those of its queue."""
_Rule = Callable[[Gang], _Standing]
_Rank = tuple[float, float]
_Key = tuple[_Rank, _Standing]
_Place = tuple[_Standing, Gang, Asking]
"""Where a gang stands, who it is, and what it asks for."""

_UNSETTLED: _Key = ((0.0, 0.0), (0, False, 0.0, "", ""))


def in_order(gangs: Iterable[Gang], order: Order = Order.AGE) -> list[Gang]:
    """Sort gangs of one queue: higher priority first, then those that recover, then older, then by name.

    A gang that ran has lost work; the nodes it had are free for the others the moment it no longer holds them.
    `order` may put something else in the place of age.
    """
    return sorted(gangs, key=_RULES[order])


def line(gangs: Iterable[Gang], accounts: Accounts, order: Order = Order.AGE) -> Iterator[tuple[int, Gang]]:
    """Yield every gang once with its position in its queue, from 1; shares are looked at anew after each.

    Queues of equal rank take turns by the order of those at their heads. O(n log n + n depth log siblings).
    """
    root = _grown(gangs, accounts, order)
    given = accounts.given
    while root.heap:
        if accounts.given != given:  # whoever gave something back may stand too far behind
            given = accounts.given
            root.settle(accounts)
        way = [root]
        while isinstance(below := way[-1].heap[0][1], _Fork):
            way.append(below)
        yield below.at + 1, below.head[1]
        below.move_up()
        for fork in reversed(way):
            fork.turn(accounts)


class _Ranks:
    """What a queue ranks with the gang at its head, by what that asks for, for as long as nothing is booked."""

    __slots__ = ("_answers", "_known", "queue")
    beside = False

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self._known: dict[Asking, _Rank] = {}
        self._answers: Answers | None = None

    def rank(self, gang: Gang, kind: Asking, accounts: Accounts) -> _Rank:
        """Return what orders the queue among its neighbours: see `Accounts.rank`."""
        if self._answers is not accounts.answers:
            self._answers, self._known = accounts.answers, {}
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = accounts.rank(self.queue, gang.models, kind.least, beside=self.beside)
        return known


class _Lane(_Ranks):
    """The gangs of one queue; `beside` where queues stand below it, which they compete with."""

    __slots__ = ("at", "beside", "empty", "gangs", "head")

    def __init__(self, queue: str, gangs: Sequence[_Place], *, beside: bool) -> None:
        super().__init__(queue)
        self.gangs = gangs
        self.beside = beside
        self.at = 0
        self.head = gangs[0]
        self.empty = False

    def move_up(self) -> None:
        """Let the next one be first."""
        self.at += 1
        self.empty = self.at == len(self.gangs)
        if not self.empty:
            self.head = self.gangs[self.at]


class _Fork(_Ranks):
    """A queue with others below it, those first that go first."""

    __slots__ = ("heap",)

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self.heap: list[tuple[_Key, _Fork | _Lane]] = []

    @property
    def head(self) -> _Place:
        return self.heap[0][1].head

    @property
    def empty(self) -> bool:
        return not self.heap

    def turn(self, accounts: Accounts) -> None:
        """Put the first where it belongs now that it has had its turn: nobody else's rank has become less."""
        first = self.heap[0][1]
        if first.empty:
            heappop(self.heap)
        else:
            heapreplace(self.heap, (_key(first, accounts), first))

    def settle(self, accounts: Accounts) -> None:
        """Sort all anew."""
        for _, child in self.heap:
            if isinstance(child, _Fork):
                child.settle(accounts)
        self.heap = [(_key(child, accounts), child) for _, child in self.heap]
        heapify(self.heap)


def _grown(gangs: Iterable[Gang], accounts: Accounts, order: Order) -> _Fork:
    """Return the part of the tree in which gangs wait."""
    queues: dict[str, list[_Place]] = {}
    rule = _RULES[order]
    for place in sorted(((rule(gang), gang, asking(gang)) for gang in gangs), key=itemgetter(0)):
        queues.setdefault(place[1].queue, []).append(place)
    chains = {name: accounts.chain(name) for name in queues}
    forks = {name: _Fork(name) for chain in chains.values() for name in chain[1:]}
    root = _Fork("")
    children: list[tuple[str, _Fork | _Lane]] = []
    for name, members in queues.items():
        inner = name in forks
        above = name if inner else next(iter(chains[name][1:]), "")
        children.append((above, _Lane(name, members, beside=inner)))
    for name, fork in forks.items():
        children.append((next(iter(accounts.chain(name)[1:]), ""), fork))
    for above, child in children:
        (forks[above] if above else root).heap.append((_UNSETTLED, child))
    root.settle(accounts)
    return root


def _key(child: _Fork | _Lane, accounts: Accounts) -> _Key:
    standing, gang, kind = child.head
    return child.rank(gang, kind, accounts), standing


def _standing(gang: Gang) -> _Standing:
    return (-gang.priority, not gang.recovering, gang.created, gang.key, gang.uid)


def _shortest(gang: Gang) -> _Standing:
    return (-gang.priority, not gang.recovering, waits_as_of(gang), gang.key, gang.uid)


_RULES: dict[Order, _Rule] = {Order.AGE: _standing, Order.SHORTEST_EXPECTED: _shortest}
