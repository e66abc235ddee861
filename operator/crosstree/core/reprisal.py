"""Who, stopped for a gang, would have that gang stopped in turn.

What a guarantee covers of a model is stopped for nobody of another queue, and what it does not cover has no claim on
that model later. But a gang that takes several models may run on one that is not guaranteed to it, and wait for one
that is: stopped for a gang that starts there, it takes that place back, and two were stopped for the place of one.
"""

from __future__ import annotations

import numpy as np

from crosstree.core.arrays import Bool
from crosstree.core.candidates import wanted
from crosstree.core.clearance import release_all
from crosstree.core.desk import Desk
from crosstree.core.holdings import pool_of
from crosstree.core.plan import Place, Promise
from crosstree.core.sizes import smallest_devices
from crosstree.core.workload import Gang


def who_comes_back(gang: Gang, place: Place, promise: Promise, desk: Desk) -> Bool:
    """Mark the victims of a plan whose queues could take from the gang what it gets by it: Bool (V,).

    Those that run on the model it gets have no claim on it, and who goes on with fewer workers does not wait.

    O(victims) questions to the accounts, and O(V).
    """
    running = desk.snapshot.running
    stopped = set(promise.victims) - {uid for uid, _ in promise.smaller}
    pool = pool_of(desk.snapshot, place.pool)
    assert pool is not None  # the place was just found there
    going = np.fromiter((one.gang.uid in stopped for one in running), np.bool_, count=len(running))
    suspects = [
        at
        for at in np.flatnonzero(going).tolist()
        if running[at].model != place.model and wanted(running[at].gang, pool)
    ]
    found = np.zeros(len(running), np.bool_)
    if not suspects:
        return found
    mark = desk.checkpoint()
    release_all(going, desk)
    desk.accounts.take(gang.queue, place.model, place.workers * gang.devices)
    for at in suspects:
        theirs = running[at].gang
        owing = desk.accounts.owing(theirs.queue, place.model, smallest_devices(theirs))
        found[at] = gang.queue in owing
    desk.rollback(mark)
    return found
