"""One scheduling cycle: from what is, to what to do. Start reading here.

The operator and the simulator call `run_cycle` and nothing else of the core; it is a function of its
arguments.
"""

from __future__ import annotations

from crosstree.core.desk import Desk, open_desk
from crosstree.core.line import line
from crosstree.core.plan import Plan
from crosstree.core.policy import Policy
from crosstree.core.promises import keep_promises
from crosstree.core.refused import Refused
from crosstree.core.resize import growth
from crosstree.core.snapshot import Snapshot
from crosstree.core.start import start
from crosstree.core.verdicts import verdicts


def run_cycle(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    """Decide for every waiting gang of one cluster: place it, make room for it, or say why it waits.

    Args:
        snapshot: The cluster as it is, with what is already in flight counted as used.
        policy: The admin's choices for all clusters; those for this one are in the snapshot.
        now: Seconds since the epoch. Equal arguments give an equal plan.

    Returns:
        One decision per waiting gang, and those about running ones that they cause: in the order they were made,
        waits last in the order of the line.
    """
    # 1. Open the ledgers: every try below is a transaction on them, the snapshot stays as it is.
    return decide(open_desk(snapshot, policy, now))


def decide(desk: Desk) -> Plan:
    """Decide by ledgers that were just opened."""
    refused: list[Refused] = []

    # 2. Places that are being cleared first: who has had others stopped gets what they leave, or stands in line again.
    decided, in_line = keep_promises(desk)

    # 3. Then the line: the queue with the smallest share, in it priority, who lost a place, age.
    for position, gang in line(in_line, desk.accounts, desk.policy.order):
        # 4. Within quota, where it fits and delays nobody before it; else room is made; else a time is reserved.
        answer = start(gang, position, desk)
        if isinstance(answer, Refused):
            refused.append(answer)
        else:
            decided += answer

    # 5. What nobody waits for, elastic gangs may have.
    decided += growth(desk, decided, refused)

    # 6. Explain the rest against what is left after the whole cycle, once per distinct request.
    return Plan(
        desk.snapshot.cluster, desk.snapshot.generation, (*decided, *verdicts(refused, desk)), desk.due()
    )
