"""The verdict on every node, kept up to date: facts come in, policies change, and some verdicts change with time alone.

What is decided is `core.verdict`'s; here it is only asked again whenever its answer may be another. A node nobody
speaks of costs one comparison when it changes and nothing at any other time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from crosstree.core.columns import Columns, NodeRow
from crosstree.core.health import Fault, HealthPolicy, HealthRule, Signal
from crosstree.core.noderow import less
from crosstree.core.pods import OUT_OF_SERVICE, NodeHealth
from crosstree.core.snapshot import NodeState
from crosstree.core.verdict import Rulebook, drained, leaving, overlaid

GONE = "False"
"""Status of an entry that its report no longer holds."""


@dataclass(slots=True)
class _Watched:
    """A node as its own object shows it, and what reports beside it say."""

    bare: NodeRow
    signals: tuple[Signal, ...]
    due: float | None = None


class NodeHealths:
    """Judges nodes and puts them into columns.

    Args:
        columns: Where they go.
        rules: Those of the catalog, behind every policy.
        changed: Called with the name of every node that changed.
        now: The time, seconds since the epoch.
    """

    def __init__(
        self,
        columns: Columns,
        rules: Sequence[HealthRule],
        changed: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self._columns = columns
        self._rules = tuple(rules)
        self._changed = changed
        self._now = now
        self._usual = Rulebook(HealthPolicy(), self._rules)
        self._books: dict[str, Rulebook] = {}
        self._nodes: dict[str, _Watched] = {}
        self._reports: dict[str, dict[str, tuple[Signal, ...]]] = {}
        self._due: list[tuple[float, str]] = []
        self._governed: object = None
        self._news = False

    @property
    def names(self) -> set[str]:
        """Every node known, as a new set."""
        return set(self._nodes)

    def put(self, bare: NodeRow, signals: tuple[Signal, ...]) -> None:
        """Take over a node as its object shows it; `bare` is without faults. O(signals) if anything changed.

        What names no time began when it was first seen, and so is not over its grace at once.
        """
        known = self._nodes.get(bare.name)
        if bare.state is NodeState.NOT_READY and not bare.since:
            lasting = known is not None and known.bare.state is bare.state
            bare = replace(bare, since=known.bare.since if known is not None and lasting else self._now())
        if not all(one.since for one in signals):
            before = {one.name: one for one in known.signals} if known is not None else {}
            now, first = self._now(), known is None
            signals = tuple(_begun(one, before.get(one.name), now, first=first) for one in signals)
        if known is not None and known.bare == bare and known.signals == signals:
            return
        self._nodes[bare.name] = watched = _Watched(bare, signals)
        self._judge(watched)

    def drop(self, name: str) -> None:
        """A node is gone. What reports say of it is kept, for it may come back under its name."""
        self._nodes.pop(name, None)
        if self._columns.drop_node(name):
            self._news = True
            self._changed(name)

    def report(self, node: str, source: str, signals: Sequence[Signal], *, first: bool = False) -> None:
        """Take over all that one report beside the Node object says of a node; nothing withdraws it.

        An entry that names no time began when it was first seen; of the `first` report of a source it may have
        been there for long. One that is no longer there is kept as gone, so that its device settles; this alone
        does not survive a restart of the operator.
        """
        before = _keyed(self._reports.get(node, {}).get(source, ()))
        now = self._now()
        after = {key: _begun(one, before.get(key), now, first=first) for key, one in _keyed(signals).items()}
        settle = self.policy_of(node).settle
        for key, one in before.items():
            if key in after:
                continue
            if one.status != GONE:
                after[key] = replace(one, status=GONE, since=now, standing=False)
                heapq.heappush(self._due, (now + settle, node))
            elif now < one.since + settle:
                after[key] = one
        found = tuple(after.values())
        if found == tuple(before.values()):
            return
        if found:
            self._reports.setdefault(node, {})[source] = found
        else:
            self._forget(node, source)
        if node in self._nodes:
            self._judge(self._nodes[node])

    def govern(self, layouts: object, policies: Callable[[], Mapping[str, HealthPolicy]]) -> None:
        """Take over the policy of every node, asked for anew with each layout; a node without one gets the defaults."""
        if layouts is self._governed:
            return
        self._governed = layouts
        books: dict[HealthPolicy, Rulebook] = {self._usual.policy: self._usual}
        before, self._books = self._books, {}
        for name, policy in policies().items():
            book = books.get(policy)
            if book is None:
                book = books[policy] = Rulebook(policy, self._rules)
            self._books[name] = book
        for name, watched in self._nodes.items():
            if before.get(name, self._usual).policy != self.policy_of(name):
                self._judge(watched)

    def settle(self) -> None:
        """Judge those nodes again whose verdict time has changed, and forget what has gone for good."""
        now = self._now()
        while self._due and self._due[0][0] <= now:
            due, name = heapq.heappop(self._due)
            self._tidy(name, now)
            watched = self._nodes.get(name)
            if watched is not None and watched.due == due:
                watched.due = None
                self._judge(watched)

    def news(self) -> bool:
        """Tell whether the trouble of any node has changed since this was last asked."""
        news, self._news = self._news, False
        return news

    def policy_of(self, name: str) -> HealthPolicy:
        """Return how signals of a node are taken."""
        return self._books.get(name, self._usual).policy

    def faults_of(self, name: str) -> tuple[Fault, ...]:
        """Return what a node is judged by, the worst first; nothing for one that is unknown."""
        row = self._columns.row.get(name)
        fact = self._columns.facts[row] if row is not None else None
        return fact.faults if fact is not None else ()

    def of(self, name: str, resource: str, held: int = 0) -> NodeHealth:
        """Return how a node is for work that holds devices of a resource there.

        `held` is how much of what is counted as used stands for pods that are not there: it can't have lost anything.
        """
        columns = self._columns
        row = columns.row.get(name)
        fact = columns.facts[row] if row is not None else None
        if row is None or fact is None:
            return NodeHealth(name, False, NodeState.NOT_READY, 0.0)
        # Of the devices that take no new work, only those that work has to give up count as lost to it.
        kept = dict(less(fact.allocatable, fact.capacity, drained(fact.faults))).get(resource, 0)
        offered, used = columns.amount(name, resource)
        lost = max(used - held - kept, 0)
        leave = leaving(fact.faults) if fact.state is NodeState.UNHEALTHY else None
        policy = self.policy_of(name)
        return NodeHealth(
            name,
            True,
            fact.state,
            fact.since,
            overcommitted=lost,
            crowded=max(used - offered, 0),
            grace=leave.grace if leave is not None else policy.grace,
            faults=fact.faults,
            out_of_service=any(taint.key == OUT_OF_SERVICE for taint in fact.taints),
            unreachable_timeout=policy.unreachable_timeout,
            silent=fact.silent,
        )

    def _tidy(self, node: str, now: float) -> None:
        settle = self.policy_of(node).settle
        for source, entries in list(self._reports.get(node, {}).items()):
            kept = tuple(one for one in entries if one.status != GONE or now < one.since + settle)
            if kept:
                self._reports[node][source] = kept
            else:
                self._forget(node, source)

    def _forget(self, node: str, source: str) -> None:
        sources = self._reports[node]
        del sources[source]
        if not sources:
            del self._reports[node]

    def _judge(self, watched: _Watched) -> None:
        bare = watched.bare
        signals = watched.signals
        for entries in self._reports.get(bare.name, {}).values():
            signals = (*signals, *entries)
        verdict = self._books.get(bare.name, self._usual).judge(signals, self._now())
        if verdict.again is not None and verdict.again != watched.due:
            heapq.heappush(self._due, (verdict.again, bare.name))
        watched.due = verdict.again
        before = self.faults_of(bare.name)
        state, since = overlaid(bare.state, bare.since, verdict)
        row = replace(bare, state=state, since=since, faults=verdict.faults) if verdict.faults else bare
        if self._columns.put_node(row):
            self._news |= before != verdict.faults
            self._changed(bare.name)


def _keyed(signals: Iterable[Signal]) -> dict[tuple[object, ...], Signal]:
    """Tell entries of one report apart; their level may change while they last, unless one device has several."""
    found: dict[tuple[object, ...], Signal] = {}
    for one in signals:
        key = one.name, one.resource, one.devices
        found[key if key not in found else (*key, one.reason)] = one
    return found


def _begun(signal: Signal, before: Signal | None, now: float, *, first: bool) -> Signal:
    """Say since when a signal is as it is, where its producer does not."""
    if signal.since:
        return signal
    if before is None or before.status != signal.status:
        return replace(signal, since=now, standing=first)
    # Another level is another demand: a restart it asks for was not asked for before.
    return replace(signal, since=before.since, standing=before.standing and before.reason == signal.reason)
