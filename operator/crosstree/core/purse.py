"""Budgets during one cycle: what is left of each, beside what running gangs are still expected to use.

Sums by queue and model are made once when a cycle begins, and only where a queue has a budget; every question then
costs O(depth of the tree). What a gang is expected to use is spoken for as soon as it is certain to start: when it is
placed, when a place is held for it that others leave, and when it goes on after a failure or with another size.
Nothing of that is ever rolled back, so it is said only of what stays booked to the end of the cycle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from crosstree.core.budgets import Charged, Period, Stint, Tab, charge, period_at
from crosstree.core.expect import at_size, at_worst, ends
from crosstree.core.queues import ANY_MODEL, Budget, QueueSpec
from crosstree.core.quota import Accounts
from crosstree.core.running import Running
from crosstree.core.workload import Expectation, Gang, Source

SLACK = 1e-9
"""Part of a budget by which sums may be off without meaning it."""

_KNOWN = frozenset({Source.DECLARED, Source.LEARNED})


@dataclass(frozen=True, slots=True)
class Overdraft:
    """A budget that keeps a gang from starting. Amounts are accelerator-seconds, as the budget counts them.

    Attributes:
        queue: Whose; the gang's own queue or one above it.
        model: Of the budget, `ANY_MODEL` for the one over all.
        on: The model that the gang would have started on.
        seconds: What there is in a period.
        used: What has been used in this one.
        due: What gangs that run, or are certain to start, are expected to use besides before it ends.
        asked: What the gang is expected to use; None if it is not known how long it runs.
        period: The one that runs.
        opens: When the next one begins, if it has room for the gang as far as anybody can tell; None if not.
        again: When to ask again though nothing changes; `math.inf` where no period will ever have room.
    """

    queue: str
    model: str
    on: str
    seconds: float
    used: float
    due: float
    asked: float | None
    period: Period
    opens: float | None
    again: float


@dataclass(slots=True)
class _Page:
    """One budget in the present period, and what it is going to be charged."""

    queue: str
    budget: Budget
    period: Period
    used: float
    due: float = 0.0
    coming: list[tuple[float, float]] = field(default_factory=list)
    """Of each gang whose end is known, what it uses a second and until when."""
    following: float | None = None
    """What they are expected to use in the next period, once asked for."""

    def expect(self, rate: float, begin: float, end: float) -> None:
        """Speak for what a gang is going to use."""
        self.due += rate * (min(end, self.period.end) - begin)
        self.coming.append((rate, end))
        self.following = None

    def forget(self, rate: float, begin: float, end: float) -> None:
        """Take back what was said by `expect`. O(gangs spoken for): summed up anew, for sums may be infinite."""
        self.coming.remove((rate, end))
        self.due = sum(each * (min(until, self.period.end) - begin) for each, until in self.coming)
        self.following = None

    def lacks(self, asked: float | None) -> bool:
        """Say whether too little is left for a gang; for one of unknown length, nothing."""
        left = self.budget.seconds - self.used - self.due
        slack = SLACK * self.budget.seconds
        return left <= slack if asked is None else asked > left + slack

    def could_hold(self, asked: float | None) -> bool:
        """Say whether a period that nobody has used any of would have room for a gang, and there is another one."""
        empty = _Page(self.queue, self.budget, self.period, 0.0)
        return not math.isinf(self.period.end) and not empty.lacks(asked)

    def opens(self, asked: float | None) -> float | None:
        """Return when the next period begins, unless that has no room for a gang either."""
        start, every = self.period.end, self.budget.every
        if math.isinf(start) or every is None:
            return None
        end = start + every
        if self.following is None:
            self.following = sum(
                rate * (min(until, end) - start) for rate, until in self.coming if until > start
            )
        next_page = _Page(self.queue, self.budget, Period(start, end), 0.0, self.following)
        return None if next_page.lacks(asked) else start


class Purse:
    """What is left of the budgets of a cluster's queues.

    Args:
        queues: The tree.
        tab: What was charged, and what is to be.
        running: Who holds what.
        accounts: Who stands above whom, and exchange rates.
        now: Seconds since the epoch.
    """

    def __init__(
        self,
        queues: Iterable[QueueSpec],
        tab: Tab,
        running: Iterable[Running],
        accounts: Accounts,
        now: float,
    ) -> None:
        self._accounts = accounts
        self._now = now
        budgeted = {one.name: one for one in queues if one.budgets}
        self._pages: dict[str, list[_Page]] = {}
        self._chains: dict[str, tuple[_Page, ...]] = {}
        self._spoken: dict[str, tuple[str, str, int, float]] = {}
        """What was said of a gang by its key: queue, model, devices, end."""
        if not budgeted:
            return
        known = {(one.queue, one.model): one for one in tab.charged}
        held = self._by_queue(tab.stints, budgeted.keys())
        for name, spec in budgeted.items():
            self._pages[name] = [
                page
                for budget in spec.budgets
                if (page := self._page(name, budget, known.get((name, budget.model)), held.get(name, ())))
            ]
        for one in running:
            if not one.leaving and one.devices and (length(one.gang.expected) is not None):
                self._expect(one.gang.queue, one.model, one.devices, self._end(one))

    def __bool__(self) -> bool:
        """Say whether there is any budget."""
        return bool(self._pages)

    def overdraft(self, gang: Gang, model: str) -> Overdraft | None:
        """Return the first budget, from the gang's queue upwards, that has too little left for it on a model."""
        pages = [one for one in self._of(gang.queue) if one.budget.model in (ANY_MODEL, model)]
        asks = [(page, self._asked(gang, model, page)) for page in pages if gang.devices]
        short = [(page, asked) for page, asked in asks if page.lacks(asked)]
        if not short:
            return None
        starts = [page.opens(asked) for page, asked in short]
        known = [one for one in starts if one is not None]
        hopeful = all(page.could_hold(asked) for page, asked in short)
        page, asked = short[0]
        return Overdraft(
            page.queue,
            page.budget.model,
            model,
            page.budget.seconds,
            page.used,
            page.due,
            asked,
            page.period,
            opens=max(known) if len(known) == len(starts) else None,
            again=min(one.period.end for one, _ in short) if hopeful else math.inf,
        )

    def take(self, gang: Gang, model: str, devices: int) -> None:
        """Speak for what a gang that is certain to start is expected to use; instead of what was said of it before."""
        if not self._pages or not devices:
            return
        if (before := self._spoken.pop(gang.key, None)) is not None:
            queue, on, count, end = before
            for page, rate in self._concerned(queue, on, count):
                page.forget(rate, self._now, end)
        seconds = length(at_size(gang.expected, gang.workers, devices // gang.devices))
        if seconds is not None:
            end = self._now + seconds
            self._expect(gang.queue, model, devices, end)
            self._spoken[gang.key] = (gang.queue, model, devices, end)

    def _end(self, one: Running) -> float:
        """Return when a gang that runs is relied on to have ended: by its own word, where others made that shorter."""
        known = one.gang.expected
        if known is None or (longest := at_worst(known)) is known:
            return one.ends
        return max(one.ends, ends(at_size(longest, one.gang.workers, one.workers), one.began, self._now))

    def _asked(self, gang: Gang, model: str, page: _Page) -> float | None:
        """Return what a gang is expected to use on a page: fewer workers take longer, in all they use the same."""
        seconds = length(gang.expected)
        return None if seconds is None else gang.workers * gang.devices * seconds * self._rate(page, model)

    def _rate(self, page: _Page, model: str) -> float:
        return self._accounts.rate(page.queue, model) if page.budget.model == ANY_MODEL else 1.0

    def _expect(self, queue: str, model: str, devices: int, end: float) -> None:
        for page, rate in self._concerned(queue, model, devices):
            page.expect(rate, self._now, max(end, self._now))

    def _concerned(self, queue: str, model: str, devices: int) -> Iterator[tuple[_Page, float]]:
        """Yield the pages that count a model, each with what so many accelerators of it use a second."""
        for page in self._of(queue):
            if page.budget.model in (ANY_MODEL, model):
                yield page, devices * self._rate(page, model)

    def _of(self, queue: str) -> tuple[_Page, ...]:
        """Return the pages that a queue answers on, its own first."""
        known = self._chains.get(queue)
        if known is None:
            chain = self._accounts.chain(queue)
            known = self._chains[queue] = tuple(page for name in chain for page in self._pages.get(name, ()))
        return known

    def _by_queue(self, stints: Iterable[Stint], budgeted: Iterable[str]) -> dict[str, list[Stint]]:
        """Sort stints by the queues with budgets that answer for them."""
        found: dict[str, list[Stint]] = {name: [] for name in budgeted}
        for one in stints:
            for name in self._accounts.chain(one.queue):
                if name in found:
                    found[name].append(one)
        return found

    def _page(
        self, name: str, budget: Budget, known: Charged | None, stints: Sequence[Stint]
    ) -> _Page | None:
        period = period_at(budget, self._now)
        models = {one.model for one in stints}
        rates = {model: self._accounts.rate(name, model) for model in models}
        charged = charge(budget, name, known, stints, rates, self._now)
        if period is None or charged is None:
            return None
        return _Page(name, budget, period, charged.used)


def length(expected: Expectation | None) -> float | None:
    """Return how many seconds a gang is relied on to run; None where nobody says so, nor has a job like it taught.

    Where its like run shorter than they declare its own word is gone by: a job that uses what it declared overdraws no
    budget.
    """
    if expected is None or expected.confidence <= 0 or expected.source not in _KNOWN:
        return None
    return at_worst(expected).seconds


def by_own_word(expected: Expectation) -> bool:
    """Say whether `length` is what the author of a gang declares, be it that its like run shorter."""
    return expected.source is Source.DECLARED and at_worst(expected).percent_of_declared == 100
