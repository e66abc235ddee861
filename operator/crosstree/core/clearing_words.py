"""What is said about a place that is being cleared: to who waits for it, and to who goes.

Jobs of other namespaces are counted, never named. The words stay the same while the plan does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crosstree.base.moments import moment
from crosstree.base.words import listed
from crosstree.core.plan import Promise
from crosstree.core.running import Running
from crosstree.core.snapshot import Pool
from crosstree.core.workload import Gang

SHOWN = 3
"""Names in a sentence before it says how many more there are."""


def waits(gang: Gang, promise: Promise, pools: Iterable[Pool]) -> str:
    """Tell a waiting gang for whom it waits, and until when at the longest."""
    workers = sum(share.count for share in promise.nodes)
    shrinking = dict(promise.smaller)
    model = next((pool.profile.id for pool in pools if pool.name == promise.pool), "accelerators")
    jobs = dict(zip(promise.victims, promise.jobs or ("",) * len(promise.victims), strict=True))
    parts = []
    if stop := [jobs[uid] for uid in promise.victims if uid not in shrinking]:
        parts.append(f"{_counted(stop)} {_is(stop)} being stopped for it")
    if shrink := [jobs[uid] for uid in promise.victims if uid in shrinking]:
        parts.append(f"{_counted(shrink)} {_is(shrink)} being made smaller for it")
    return (
        f"{_workers(workers)} of {gang.devices} {model} start on {_nodes(len(promise.nodes))} of pool "
        f"{promise.pool}: {' and '.join(parts)}. The plan is given up if it has not started by "
        f"{moment(promise.until)}."
    )


def stopped_for(gang: Gang, victim: Running, *, reclaimed: bool, size: int | None) -> str:
    """Tell a running gang for whom it has to go, why it, and what becomes of it."""
    own = gang.namespace == victim.gang.namespace
    name = gang.key.partition("/")[2]
    who = f"{name} (queue {gang.queue}, priority {gang.priority})" if own else "a job of another namespace"
    if not own:
        who = f"{who} (queue {gang.queue}, priority {gang.priority})"
    why = (
        f"queue {gang.queue} takes back what it is guaranteed and queue {victim.gang.queue} had borrowed"
        if reclaimed
        else f"its own priority is {victim.gang.priority}"
    )
    after = (
        f"It goes on with {_workers(size)} of {victim.workers} from its last checkpoint."
        if size is not None
        else "It starts again from its last checkpoint, and keeps its age in the queue."
    )
    return f"It makes room for {who}: {why}. {after}"


def victims_names(gang: Gang, victims: Iterable[Running]) -> tuple[str, ...]:
    """Name the victims of a gang's own namespace; an empty name for those of another."""
    return tuple(
        one.gang.key.partition("/")[2] if one.gang.namespace == gang.namespace else "" for one in victims
    )


def _counted(names: Sequence[str]) -> str:
    """List the names there are, and count the others."""
    own = sorted(name for name in names if name)
    others = len(names) - len(own)
    parts = [listed(own, SHOWN)] if own else []
    if others:
        more = "other " if own else ""
        parts.append(f"{others} {more}job{'s' * (others > 1)}")
    return " and ".join(parts)


def _is(some: Sequence[str]) -> str:
    return "is" if len(some) == 1 else "are"


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"


def _nodes(count: int) -> str:
    return "one node" if count == 1 else f"{count} nodes"
