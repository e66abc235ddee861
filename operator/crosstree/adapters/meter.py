"""What jobs hold of accelerators, for the budgets of their queues; nothing is kept where no queue has a budget.

A job that is gone tells nothing any more: what it held is remembered until the budgets have been charged for it.
"""

from __future__ import annotations

from collections.abc import Callable

from crosstree.adapters.store import Domain, ObjectStore
from crosstree.core.budgets import NO_TAB, Stint, Tab, paid_until
from crosstree.core.cluster import Queue
from crosstree.core.job import Job
from crosstree.core.queues import ANY_MODEL, QueueSpec
from crosstree.core.queuetree import QueueTree, tree_of
from crosstree.core.stints import closed, stints_of


class Meter:
    """Stints of the jobs of queues that have a budget, or that stand below one that has.

    Args:
        store: Our objects.
        now: What time it is.
    """

    def __init__(self, store: ObjectStore, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._stints: dict[str, tuple[Stint, ...]] = {}
        self._tree: QueueTree | None = None
        self._payers: dict[str, tuple[str, ...]] = {}
        self._tabs: dict[str, tuple[tuple[QueueSpec, ...], Tab]] = {}
        self._any = False

    def stored(self, before: Domain | None, after: Domain | None) -> None:
        """One of our objects changed."""
        if isinstance(before, Queue) or isinstance(after, Queue):
            self._requeued(before, after)
        elif self._any and (isinstance(before, Job) or isinstance(after, Job)):
            if isinstance(before, Job) and (not isinstance(after, Job) or after.uid != before.uid):
                self._note(before.uid, closed(stints_of(before), self._now()))
            if isinstance(after, Job):
                self._note(after.uid, stints_of(after))

    def below(self, queue: str) -> tuple[Stint, ...]:
        """Return what a queue with a budget answers for and may not have been charged for yet. O(stints)."""
        return tuple(
            one for each in self._stints.values() for one in each if queue in self._answering(one.queue)
        )

    def tab(self, cluster: str, queues: tuple[QueueSpec, ...]) -> Tab:
        """Return the tab of the queues that serve an AICluster: the same object as long as nothing in it changes."""
        if not self._any:
            return NO_TAB
        known = self._tabs.get(cluster)
        if known is None or known[0] is not queues:
            known = self._tabs[cluster] = (queues, self._tab(queues))
        return known[1]

    def _tab(self, queues: tuple[QueueSpec, ...]) -> Tab:
        names = {one.name for one in queues if one.budgets}
        if not names:
            return NO_TAB
        stints = [one for each in self._stints.values() for one in each]
        here = [one for one in stints if not names.isdisjoint(self._answering(one.queue))]
        charged = [row for name in sorted(names) for row in self._store.queues[name].charged]
        return Tab(tuple(charged), tuple(sorted(here, key=_order)))

    def _requeued(self, before: Domain | None, after: Domain | None) -> None:
        """A queue changed: others may have to pay, or what was charged last may be of another time."""
        old, new = (one if isinstance(one, Queue) else None for one in (before, after))
        if old is None or new is None or old.spec != new.spec:
            self._tree = None
            self._payers.clear()
            self._any = any(one.budgets for one in self._store.queues.values())
            if not self._any:
                self._stints.clear()
            for job in self._store.jobs.values() if self._any else ():
                self._note(job.uid, stints_of(job))
        elif old.charged == new.charged:
            return
        self._stints = {uid: kept for uid, each in self._stints.items() if (kept := self._unpaid(each))}
        self._tabs.clear()

    def _note(self, uid: str, stints: tuple[Stint, ...]) -> None:
        unpaid = self._unpaid(stints)
        if unpaid == self._stints.get(uid, ()):
            return
        if unpaid:
            self._stints[uid] = unpaid
        else:
            del self._stints[uid]
        self._tabs.clear()

    def _unpaid(self, stints: tuple[Stint, ...]) -> tuple[Stint, ...]:
        """Return those of stints that some budget may not have been charged for."""
        return tuple(one for one in stints if any(one.ended > at for at in self._paid(one)))

    def _paid(self, stint: Stint) -> list[float]:
        """Return up to when each budget that answers for a stint has been charged."""
        found: list[float] = []
        for name in self._answering(stint.queue):
            queue = self._store.queues[name]
            known = {one.model: one for one in queue.charged}
            found += [
                paid_until(one, known.get(one.model))
                for one in queue.budgets
                if one.model in (ANY_MODEL, stint.model)
            ]
        return found

    def _answering(self, queue: str) -> tuple[str, ...]:
        """Return the queues with budgets among a queue and those above it."""
        known = self._payers.get(queue)
        if known is None:
            if self._tree is None:
                self._tree = tree_of(one.spec for one in self._store.queues.values())
            chain = self._tree.chain(queue)
            known = self._payers[queue] = tuple(
                name for name in chain if name in self._tree.specs and self._tree.specs[name].budgets
            )
        return known


def _order(stint: Stint) -> tuple[str, str, float, float, int]:
    return stint.queue, stint.model, stint.began, stint.ended, stint.devices
