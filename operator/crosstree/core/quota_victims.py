"""Who stops so that a gang keeps within the limits of its queues, beside those whose nodes it needs."""

from __future__ import annotations

import numpy as np

from crosstree.core.arrays import Bool, Int64
from crosstree.core.candidates import Candidate
from crosstree.core.desk import Desk
from crosstree.core.queues import ANY_MODEL
from crosstree.core.victims import Choice
from crosstree.core.workload import Gang


def within_quota(
    gang: Gang, candidate: Candidate, choice: Choice, allowed: Bool, cost: Int64, rank: Int64, desk: Desk
) -> Choice | None:
    """Add the victims that bring the gang within the limits of its queues, cheapest first; None if none do."""
    running, accounts = desk.snapshot.running, desk.accounts
    model, devices = candidate.pool.profile.id, candidate.need.workers * gang.devices
    mark = accounts.checkpoint()
    chosen = list(choice.victims)
    for one in chosen:
        accounts.take(running[one].gang.queue, running[one].model, -running[one].devices)
    order = sorted(np.flatnonzero(allowed).tolist(), key=lambda at: (int(cost[at]), int(rank[at])))
    excess = accounts.excess(gang.queue, model, devices)
    while excess is not None:
        over = excess.held + excess.asked - excess.limit
        under = [
            at
            for at in order
            if at not in chosen
            and running[at].devices
            and excess.queue in accounts.chain(running[at].gang.queue)
            and excess.model in (ANY_MODEL, running[at].model)
        ]
        if not under:
            break
        enough = [at for at in under if running[at].devices >= over]
        per_device = sorted(under, key=lambda at: (int(cost[at]) / running[at].devices, int(rank[at])))
        chosen.append(enough[0] if enough else per_device[0])
        last = running[chosen[-1]]
        accounts.take(last.gang.queue, last.model, -last.devices)
        excess = accounts.excess(gang.queue, model, devices)
    accounts.rollback(mark)
    return None if excess is not None else Choice(tuple(sorted(chosen)), int(cost[chosen].sum()))
