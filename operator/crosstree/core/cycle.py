"""One scheduling cycle: from what is, to what to do. Start reading here.

The operator and the simulator call `run_cycle` and nothing else of the core; it is a function of its
arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from crosstree.core import explain
from crosstree.core.candidates import candidates
from crosstree.core.capacity import Trial
from crosstree.core.plan import Decision, Place, Plan, Wait
from crosstree.core.policy import Policy
from crosstree.core.seat import seat, seat_again
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Gang


def run_cycle(snapshot: Snapshot, policy: Policy, now: float) -> Plan:
    """Decide for every waiting gang of one cluster: place it whole, or say why it waits.

    Args:
        snapshot: The cluster as it is, with what is already in flight counted as used.
        policy: The admin's choices.
        now: Seconds since the epoch. Equal arguments give an equal plan.

    Returns:
        One decision per waiting gang: placements in the order they were made, then waits in queue order.
    """
    # 1. Open a ledger: every try below is a transaction on it, the snapshot stays as it is.
    trial = Trial(snapshot)
    placed: list[Decision] = []
    waiting: list[Gang] = []
    hopeless: set[Gang] = set()

    # 2. Take the gangs in order: priority, then who lost a place, then age.
    for gang in in_order(snapshot.gangs):
        # 3. A request that has failed in this cycle fails again: capacity only shrinks within it.
        shape = shape_of(gang)
        # 4. Try its models in the order it prefers them; the first that can hold it now takes it.
        decision = None if shape in hopeless else place(gang, trial)
        if decision is not None:
            placed.append(decision)
        else:
            hopeless.add(shape)
            waiting.append(gang)

    # 5. Explain the rest against what is left after the whole cycle, once per distinct request.
    return Plan(snapshot.cluster, snapshot.generation, (*placed, *verdicts(waiting, trial, policy)))


def in_order(gangs: Iterable[Gang]) -> list[Gang]:
    """Sort waiting gangs: higher priority first, then those that recover, then older, then by name.

    A gang that ran has lost work; the nodes it had are free for the others the moment it no longer holds them.
    """
    return sorted(
        gangs, key=lambda gang: (-gang.priority, not gang.recovering, gang.created, gang.key, gang.uid)
    )


def shape_of(gang: Gang) -> Gang:
    """Strip a gang of its identity: two gangs of one shape have the same fate on the same ledger."""
    return replace(gang, key="", uid="", queue="", priority=0, created=0.0)


def place(gang: Gang, trial: Trial) -> Place | None:
    """Put the gang where it was, as far as that still stands, else on the first candidate pool; None if none holds it.

    The place is booked on the trial.
    """
    snapshot = trial.snapshot
    offered = candidates(gang, snapshot.pools, trial.free, snapshot.allocatable)[0]
    if gang.before is not None:
        again = seat_again(gang, gang.before, offered, trial)
        if again is not None:
            return again
    for candidate in offered:
        placement = seat(gang, candidate, trial)
        if placement is not None:
            return placement
    return None


def verdicts(waiting: Iterable[Gang], trial: Trial, policy: Policy) -> list[Wait]:
    """Explain each waiting gang; gangs of one shape share the work and the words."""
    known: dict[Gang, Wait] = {}
    result: list[Wait] = []
    for gang in waiting:
        shape = shape_of(gang)
        if shape not in known:
            thorough = explain.Effort.FULL if len(known) < policy.explained_in_full else explain.Effort.COUNTS
            known[shape] = explain.verdict(gang, trial, policy, thorough)
        result.append(replace(known[shape], key=gang.key, uid=gang.uid))
    return result
