"""Places that are promised and not yet taken: counted in the columns as if their pods ran already.

Each missing worker is a stand-in on its node, until its pod is bound there, has ended, or the promise is void. So
free amounts, grains and everything made from them need no second bookkeeping.
"""

from __future__ import annotations

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
        self._held: dict[str, dict[int, str]] = {}

    def __len__(self) -> int:
        """Number of stand-ins."""
        return sum(len(held) for held in self._held.values())

    def set(self, owner: str, request: Request, missing: Mapping[int, str], *, if_free: bool = False) -> None:
        """Hold one `request` on a node for each missing worker, and nothing else, for this owner.

        With `if_free`, a place that is not held yet is held only where there is room: the worker had given it up,
        and what somebody else has taken since is theirs.
        """
        before = self._held.get(owner, {})
        if if_free:
            missing = {
                index: node
                for index, node in missing.items()
                if before.get(index) == node or self._free(node, request)
            }
        for index in before.keys() - missing.keys():
            self._columns.uncount(_name(owner, index))
        for index, node in missing.items():
            self._columns.count(_name(owner, index), node, request)
        if missing:
            self._held[owner] = dict(missing)
        else:
            self._held.pop(owner, None)

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
