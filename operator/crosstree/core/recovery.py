"""The recovery ladder as it is remembered: what a job's status keeps of a failure, rung by rung, and in which words.

Which rung a gang reaches is decided elsewhere: `lifecycle` stops it or makes one worker again, `seat` finds the
place. Here is only what is remembered between the two, so that an operator started in between goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from crosstree.base.words import listed
from crosstree.core.job import RESIZED, Placement, Recovery
from crosstree.core.plan import NodeShare, Place, Rung
from crosstree.core.workload import Footprint

SHOWN = 3
"""Nodes named in a sentence before it says how many more there are."""

STOPPING = "Its pods are being removed; the nodes that are well are held for it meanwhile."
WAITING = (
    "Its pods are gone. It is first in line of its priority: tried are the nodes it had, with the lost workers near "
    "them, then every other place."
)
RESIZING = "Its pods are gone. Tried are the nodes it had, with room for more or fewer workers near them."


def stopped(cause: str, node: str, now: float) -> Recovery:
    """Begin: the whole gang stops."""
    return Recovery(Rung.STOPPING, cause, node, now, STOPPING)


def alone(cause: str, node: str, now: float, pod: str, index: int) -> Recovery:
    """Begin: one worker is made again, the others go on."""
    message = f"Worker {index} is made again alone on its node; the others go on."
    return Recovery(Rung.WORKER, cause, node, now, message, pod=pod)


def unseated(recovery: Recovery | None, placement: Placement) -> Recovery | None:
    """Every pod is gone: remember where the gang was, for the scheduler to begin with."""
    if recovery is None:
        return None
    message = RESIZING if recovery.cause == RESIZED else WAITING
    return replace(
        recovery, rung=Rung.WAITING, message=message, pool=placement.pool, nodes=placement.nodes, pod=""
    )


def seated(recovery: Recovery | None, place: Place) -> Recovery | None:
    """There is a new place: say how it compares with the old one, which need not be remembered any more."""
    if recovery is None or place.rung is None:
        return None
    return replace(
        recovery,
        rung=place.rung,
        message=_told(place.rung, recovery.nodes, place.nodes),
        pool="",
        nodes=(),
    )


def footprint(recovery: Recovery | None) -> Footprint | None:
    """Return where a job that lost its place was; None if it has one, or had none."""
    if recovery is None or not recovery.nodes:
        return None
    return Footprint(recovery.pool, tuple((share.name, share.count) for share in recovery.nodes))


def _told(rung: Rung, before: Iterable[NodeShare], after: Iterable[NodeShare]) -> str:
    before, after = tuple(before), tuple(after)
    had, has = [share.name for share in before], [share.name for share in after]
    gone, new = sorted(set(had) - set(has)), sorted(set(has) - set(had))
    was, now = (sum(share.count for share in nodes) for nodes in (before, after))
    if was and was != now and rung is not Rung.MOVED:
        kept = f"{len(has) - len(new)} of {_nodes(len(had))}"
        return f"It goes on with {now} workers in place of {was}; it keeps {kept} it had, and {len(new)} are new to it."
    match rung:
        case Rung.SAME_NODES:
            return f"It starts again on {_nodes(len(has))} it had."
        case Rung.REPLACED if gone:
            return f"It keeps {len(has) - len(new)} of {_nodes(len(had))}; {_listed(gone)} is left for {_listed(new)}."
        case Rung.REPLACED:
            return f"It keeps {_nodes(len(has))}; its workers are spread over them anew."
        case _:
            many = "one node" if len(has) == 1 else f"{len(has)} nodes"
            fresh = (
                "new to it" if len(new) == len(has) == 1 else f"{_of(len(new), len(has))} of them new to it"
            )
            return f"It starts again at another place, on {many}, {fresh}."


def _nodes(count: int) -> str:
    return "the node" if count == 1 else f"the {count} nodes"


def _of(some: int, whole: int) -> str:
    return "all" if some == whole else "none" if not some else str(some)


def _listed(names: list[str]) -> str:
    return listed(names, SHOWN) or "nodes it has"
