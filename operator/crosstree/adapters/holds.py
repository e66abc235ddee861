"""Places that are promised and not yet taken: counted in the columns as if their pods ran already.

Each missing worker is a stand-in on its node, until its pod is bound there, has ended, or the promise is void. So
free amounts, grains and everything made from them need no second bookkeeping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from crosstree.adapters.pods import RESERVED
from crosstree.core.columns import Columns
from crosstree.core.plan import NodeShare
from crosstree.core.pods import PodFact, PodPhase
from crosstree.core.shapes import Request


class Holds:
    """Stand-ins by owner; an owner is a job's key."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._held: dict[str, dict[int, tuple[str, Request]]] = {}
        self._amounts: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        """Number of stand-ins."""
        return sum(len(held) for held in self._held.values())

    def set(self, owner: str, request: Request, missing: Mapping[int, str], *, if_free: bool = False) -> None:
        """Hold one `request` on a node for each missing worker, and nothing else, for this owner.

        With `if_free`, a place that is not held yet is held only where there is room: the worker had given it up,
        and what somebody else has taken since is theirs.
        """
        held = self._held.setdefault(owner, {})
        for index in held.keys() - missing.keys():
            self._let_go(owner, index)
        for index, node in missing.items():
            known = held.get(index)
            if known == (node, request):
                continue
            # One after the other: what the first takes is not free for the next.
            if if_free and (known is None or known[0] != node) and not self._free(node, request):
                self._let_go(owner, index)
                continue
            self._take(owner, index, node, request)
        if not held:
            del self._held[owner]

    def amount(self, node: str, resource: str) -> int:
        """Return how much of a resource is counted on a node for nobody but stand-ins."""
        return self._amounts[node, resource]

    def _take(self, owner: str, index: int, node: str, request: Request) -> None:
        self._let_go(owner, index)
        self._columns.count(_name(owner, index), node, request)
        self._held[owner][index] = node, request
        for resource, amount in request:
            self._amounts[node, resource] += amount

    def _let_go(self, owner: str, index: int) -> None:
        known = self._held[owner].pop(index, None)
        if known is None:
            return
        self._columns.uncount(_name(owner, index))
        node, request = known
        for resource, amount in request:
            self._amounts[node, resource] -= amount
            if not self._amounts[node, resource]:
                del self._amounts[node, resource]

    def _free(self, node: str, request: Request) -> bool:
        for resource, amount in request:
            offered, used = self._columns.amount(node, resource)
            if offered - used < amount:
                return False
        return True

    def clear(self, owner: str) -> None:
        """Hold nothing for this owner any more."""
        self.set(owner, (), {})


def missing_workers(
    nodes: Iterable[NodeShare], attempt: int, job_uid: str, pods: Iterable[PodFact]
) -> dict[int, str]:
    """Return the node of every worker that has no pod to count for it.

    A pod counts from its binding to the placement's node until it ends. One that ended well has given its place up;
    that of a failed one is held, for its gang is about to need it again.
    """
    wanted = {index: share.name for share in nodes for index in range(share.first, share.first + share.count)}
    for pod in pods:
        if pod.job_uid != job_uid or pod.attempt != attempt:
            continue
        counted = pod.phase is not PodPhase.FAILED and pod.node and pod.node == wanted.get(pod.index)
        if counted or pod.phase is PodPhase.SUCCEEDED:
            wanted.pop(pod.index, None)
    return wanted


def _name(owner: str, index: int) -> str:
    return f"{RESERVED}{owner}#{index}"
