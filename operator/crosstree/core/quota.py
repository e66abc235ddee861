"""What each queue holds, and what it may: the accounts of the queue tree during one cycle.

Every placement, eviction and resize of a cycle is booked here as well as on the `Trial`, and undone with it, so that
no accelerator is ever counted twice or lost between two queues. A queue answers for all that is held below it.

Jobs may wait in an inner queue as well. They stand beside the queues below it as if in one more, of weight 1 and
without a guarantee.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from crosstree.core.book import UNLIMITED, Book, Excess, Usage
from crosstree.core.fairshare import NOTHING, guarantees_of, rates_of
from crosstree.core.queues import ANY_MODEL, QueueSpec
from crosstree.core.queuetree import tree_of
from crosstree.core.running import Account, Running

__all__ = ["UNLIMITED", "Accounts", "Excess", "Usage"]

_GUARANTEED, _BEYOND = 0.0, 1.0
_NOBODY: frozenset[str] = frozenset()


class Answers:
    """Answers by question, for as long as what is booked stays the same: most gangs of a cycle ask what others asked.

    Attributes:
        broken: The first limit that is broken, by queue, model and devices.
        ranks: By what `Accounts.rank` is asked.
        borrowers: Queues that hold more of a model than their own, their books from the root down, and from which of
            these on all do; by model.
        lenders: The owner's book where the tree parts it from queues that owe it something, and these; by owner and
            model.
    """

    __slots__ = ("borrowers", "broken", "lenders", "ranks")

    def __init__(self) -> None:
        self.broken: dict[tuple[str, str, int], Excess | None] = {}
        self.ranks: dict[tuple[str, tuple[str, ...], int, bool], tuple[float, float]] = {}
        self.borrowers: dict[str, tuple[tuple[str, tuple[Book, ...], int], ...]] = {}
        self.lenders: dict[tuple[str, str], tuple[tuple[Book, frozenset[str]], ...]] = {}


class Accounts:
    """The books of all queues. Mutable, with checkpoint and rollback like `capacity.Trial`.

    Every question costs O(depth of the tree times models held); one asked again before anything is booked costs O(1).

    Args:
        queues: The tree.
        running: Who holds what now, those that are leaving included.
        capacity: Usable accelerators of the cluster by model: what fair shares are shares of.

    Attributes:
        given: Bookings in force that gave something back: while it stays, ranks only grow.
        answers: What has been answered of what is booked now; another object as soon as anything else is booked.
    """

    def __init__(
        self, queues: Iterable[QueueSpec], running: Iterable[Running], capacity: Mapping[str, int]
    ) -> None:
        self._tree = tree_of(queues)
        rates = rates_of(self._tree)
        guarantees = guarantees_of(self._tree, rates)
        self._books = {
            name: Book(spec, guarantees[name], rates[name]) for name, spec in self._tree.specs.items()
        }
        self._inner = frozenset(self._tree.parents.values()) - {""}
        self._beside: dict[str, Book] = {
            name: Book(QueueSpec(name), NOTHING, rates[name]) for name in sorted(self._inner)
        }
        self._chains: dict[str, tuple[Book, ...]] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._sides: dict[str, tuple[Book, ...]] = {}
        self.answers = Answers()
        self._own: dict[tuple[str, str], int] = {}
        self._undo: list[tuple[str, str, int, int, Answers]] = []
        self.given = 0
        # Many gangs, few queues: summed up before it is booked.
        sums: defaultdict[Account, list[int]] = defaultdict(list)
        for one in running:
            sums[one.account].append(one.devices)
        total: dict[str, int] = {}
        for (queue, model), devices in sums.items():
            held = sum(devices)
            self._add(queue, model, held, len(devices))
            total[model] = total.get(model, 0) + held
        # What runs on nodes that take no new work is held all the same: no share is larger than 1.
        self._capacity = {
            model: max(capacity.get(model, 0), total.get(model, 0))
            for model in sorted(capacity.keys() | total.keys())
        }

    # limits -----------------------------------------------------------------------------------------------

    def excess(self, queue: str, model: str, devices: int) -> Excess | None:
        """Return the first limit, from the queue upwards, that `devices` more of a model would break; None if none."""
        if devices <= 0:
            return None
        asked = (queue, model, devices)
        broken = self.answers.broken
        if asked not in broken:
            found = (book.excess(model, devices) for book in self._chain(queue) if book.limits)
            broken[asked] = next((one for one in found if one is not None), None)
        return broken[asked]

    def room(self, queue: str, model: str) -> int:
        """Return how many more accelerators of a model the limits allow; `UNLIMITED` where there are none."""
        return max(0, min(book.room(model) for book in self._chain(queue)))

    def limited(self, queue: str) -> bool:
        """Say whether there is any limit on what the queue may take."""
        return any(book.limits for book in self._chain(queue))

    def rate(self, queue: str, model: str) -> float:
        """Return what one accelerator of a model counts for in a queue; 1 where nobody says."""
        return self._chain(queue)[0].rates.get(model, 1.0)

    # guarantees -------------------------------------------------------------------------------------------

    def within_guarantee(self, queue: str, model: str, devices: int) -> bool:
        """Say whether `devices` more of a model are still guaranteed to the queue, by itself or by those above it."""
        return any(book.covers(model, devices) for book in self._chain(queue))

    def owing(self, owner: str, model: str, devices: int) -> frozenset[str]:
        """Return the queues that owe accelerators of a model to one that wants `devices` of it.

        Two queues are compared where the tree parts them. There the owner's side has to stay within its guarantee with
        what it wants; and the borrower's side holds more than its own, as does every queue from there down to the
        borrower: what another queue's unused guarantee covers under the same parent is lent by that queue, and not a
        stranger's to ask for. Jobs of one queue owe each other nothing.
        """
        if not any(book.covers(model, devices) for book in self._side(owner)):
            return _NOBODY
        key = (owner, model)
        lenders = self.answers.lenders.get(key)
        if lenders is None:
            lenders = self.answers.lenders[key] = self._lenders(owner, model)
        owing = [names for book, names in lenders if book.covers(model, devices)]
        return owing[0] if len(owing) == 1 else frozenset().union(*owing)

    def _lenders(self, owner: str, model: str) -> tuple[tuple[Book, frozenset[str]], ...]:
        """Sort those that owe the owner something by the owner's book where the tree parts the two."""
        mine = self._side(owner)
        found: dict[int, list[str]] = {}
        for name, theirs, since in self._borrowers(model):
            shared, most = 0, min(len(mine), len(theirs))
            while shared < most and mine[shared] is theirs[shared]:
                shared += 1
            if since <= shared < most:
                found.setdefault(shared, []).append(name)
        return tuple((mine[shared], frozenset(names)) for shared, names in found.items())

    def _borrowers(self, model: str) -> tuple[tuple[str, tuple[Book, ...], int], ...]:
        known = self.answers.borrowers.get(model)
        if known is None:
            found = []
            for (queue, held), count in self._own.items():
                if held == model and count > 0:
                    side = self._side(queue)
                    since = len(side)
                    while since and side[since - 1].borrows(model):
                        since -= 1
                    if since < len(side):
                        found.append((queue, side, since))
            known = self.answers.borrowers[model] = tuple(found)
        return known

    # order ------------------------------------------------------------------------------------------------

    def rank(
        self, queue: str, models: tuple[str, ...] = (), devices: int = 1, *, beside: bool = False
    ) -> tuple[float, float]:
        """Return what orders a queue among those of the same parent: the smaller comes first.

        0 where what is wanted is still guaranteed, else 1; then the share held above guarantees, by weight. It grows
        with every `take` of the queue or of one below it, and with nobody else's. Two queues of different parents are
        compared by the queues above them that have the same one. Equal for all where no queue is specified at all.

        Args:
            queue: Whose rank.
            models: Models that the head of its line takes; empty for any.
            devices: Accelerators it asks for.
            beside: The rank of the jobs of an inner queue itself, among the queues below it.
        """
        if not self._tree.specs:
            return (_BEYOND, 0.0)
        asked = (queue, models, devices, beside)
        known = self.answers.ranks.get(asked)
        if known is None:
            known = self.answers.ranks[asked] = self._rank(queue, models, devices, beside=beside)
        return known

    def _rank(
        self, queue: str, models: tuple[str, ...], devices: int, *, beside: bool
    ) -> tuple[float, float]:
        book = self._beside.get(queue) if beside else None
        if book is None:
            book = self._chain(queue)[0]
        share = book.share(self._capacity)
        if book.guarantee is not NOTHING:
            for model in models or self._capacity:
                if book.covers(model, devices):
                    return (_GUARANTEED, share)
        return (_BEYOND, share)

    def share(self, queue: str) -> float:
        """Return what the queue, with those below it, holds above guarantees as a part of the cluster, by weight."""
        return self._chain(queue)[0].share(self._capacity)

    # books ------------------------------------------------------------------------------------------------

    def take(self, queue: str, model: str, devices: int, jobs: int | None = None) -> None:
        """Book `devices` of a model to a queue; a negative number gives back.

        Args:
            queue: Whose.
            model: Profile id.
            devices: Accelerators.
            jobs: By how many its jobs become more; by default one more, or one less when it gives back.
        """
        if jobs is None:
            jobs = (devices > 0) - (devices < 0)
        self._add(queue, model, devices, jobs)
        self._undo.append((queue, model, devices, jobs, self.answers))
        self.answers = Answers()
        self.given += devices < 0

    def held(self, queue: str, model: str) -> int:
        """Return what a queue itself, without those below it, holds of a model."""
        return self._own.get((queue, model), 0)

    def holders(self, queue: str, model: str) -> int:
        """Count the jobs that hold some of a model, `ANY_MODEL` for all of them, in a queue and those below it."""
        jobs = self._chain(queue)[0].jobs
        return sum(jobs.values()) if model == ANY_MODEL else jobs.get(model, 0)

    def usage(self, queue: str) -> tuple[Usage, ...]:
        """Return what the queue, with those below it, holds against its quotas: a row per model, by name."""
        return self._chain(queue)[0].usage()

    def chain(self, queue: str) -> tuple[str, ...]:
        """Return the queue and those above it whose quotas hold for it, the root last."""
        known = self._names.get(queue)
        if known is None:
            known = self._names[queue] = self._tree.chain(queue)
        return known

    def checkpoint(self) -> int:
        """Return a mark to roll back to."""
        return len(self._undo)

    def rollback(self, mark: int) -> None:
        """Undo every booking since `mark`."""
        while len(self._undo) > mark:
            queue, model, devices, jobs, self.answers = self._undo.pop()
            self._add(queue, model, -devices, -jobs)
            self.given -= devices < 0

    def _add(self, queue: str, model: str, devices: int, jobs: int) -> None:
        self._own[queue, model] = self._own.get((queue, model), 0) + devices
        for book in self._chain(queue):
            book.add(model, devices, jobs)
        if queue in self._inner:
            self._beside[queue].add(model, devices, jobs)

    def _chain(self, queue: str) -> tuple[Book, ...]:
        """Return the books of a queue and of those above it, the root last. One nobody knows is a root."""
        chain = self._chains.get(queue)
        if chain is None:
            if queue not in self._books:
                self._books[queue] = Book(QueueSpec(queue), NOTHING, {})
            chain = self._chains[queue] = tuple(self._books[name] for name in self._tree.chain(queue))
        return chain

    def _side(self, queue: str) -> tuple[Book, ...]:
        """Return the books from the root down to that of the jobs of this very queue."""
        side = self._sides.get(queue)
        if side is None:
            side = self._chain(queue)[::-1]
            side = self._sides[queue] = (*side, self._beside[queue]) if queue in self._inner else side
        return side
