"""Which running gangs have to make room for a waiting one, and the promise that comes of it.

Two steps, so that no eviction is ever for nothing: a cycle proposes a `Promise`, which is stored in the waiting job's
status; only a cycle that finds it there evicts its victims, holds what comes free, and places the gang.
"""

from __future__ import annotations

from crosstree.core.desk import Desk
from crosstree.core.plan import Decision, Promise
from crosstree.core.workload import Gang


def propose(gang: Gang, desk: Desk) -> Promise | None:
    """Find the victims that cost least and whose nodes, with what is free, hold the gang; None if none do.

    Nothing is booked but what the promise holds.
    """
    return None


def keep_promise(gang: Gang, desk: Desk) -> tuple[Decision, ...] | None:
    """Go on with the promise a gang has: evict who is still there, hold what is free, place it when all of it is.

    Returns:
        What that takes, last the gang's own `Place` or `Wait`; None if the promise is void.
    """
    return None
