"""Watches a scheduling loop drive a simulated cluster, and holds every step against what must never happen.

It counts for itself: nothing here asks the core what is free, how large a share is or where a level begins. What it
finds is a sentence, with what led to it in the history of the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench.limits import Limits
from crosstree.core.booked import effective
from crosstree.core.cycle import run_cycle
from crosstree.core.plan import Evict, Place, Plan, Resize, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec
from crosstree.core.record import Recording, recall, record
from crosstree.core.snapshot import NodeState, Pool, Snapshot
from crosstree.core.workload import Gang


class Violation(AssertionError):
    """Something that must never happen has happened."""


@dataclass(slots=True)
class Eviction:
    """One gang that was told to stop for another."""

    victim: str
    beneficiary: str
    epoch: int


class Judge:
    """Judges plans and what becomes of them.

    Args:
        policy: As the loop has it: to decide again on the same snapshot.
        again: Every how many plans the same snapshot is decided on again.

    Attributes:
        epoch: Grows with everything that is done to the cluster from outside. Time alone is not outside, unless a
            booking comes into force or ceases to be: somebody else is owed then.
        checked: Plans judged so far.
        evictions: Evictions and shrinks seen.
    """

    def __init__(self, policy: Policy, *, again: int = 8) -> None:
        self._policy = policy
        self._again = again
        self.epoch = 0
        self.checked = 0
        self.evictions = 0
        self._queues: tuple[QueueSpec, ...] = ()
        self._ended = 0
        """Gangs that are gone, whatever became of them: their guarantees and limits may be somebody else's now."""
        self._there: set[str] = set()
        self._stopped_for: dict[tuple[str, str], tuple[int, int]] = {}
        self._owed: dict[str, Eviction] = {}
        self._state: list[int] = []

    def plan(self, before: Snapshot, plan: Plan, now: float) -> None:
        """Judge what was decided on a snapshot.

        Raises:
            Violation: with the sentence that says which rule was broken.
        """
        self.checked += 1
        state = before.state.tolist()
        self.epoch += state != self._state  # a node is back, or broke
        self._state = state
        queues = effective(before.queues, now)
        self.epoch += queues != self._queues
        self._queues = queues
        gangs = {gang.uid: gang for gang in before.gangs}
        there = gangs.keys() | {one.gang.uid for one in before.running}
        self._ended += len(self._there - there)
        self._there = there
        self._answers_everybody(gangs, plan)
        self._places(before, gangs, plan)
        self._quotas(before, gangs, plan)
        self._stops(before, gangs, plan, now)
        if self.checked % self._again == 0:
            self._same_again(before, plan, now)

    def cluster(self, snapshot: Snapshot) -> None:
        """Judge the cluster as it is: what it holds against what is there, each gang whole.

        Raises:
            Violation: as above.
        """
        used = np.zeros(len(snapshot.names), np.int64)
        for one in snapshot.running:
            np.add.at(used, one.rows, one.counts * one.gang.devices)
            if int(one.counts.sum()) not in (one.gang.sizes or (one.gang.workers,)):
                raise Violation(f"{one.gang.key} runs with {one.workers} workers, which is no size it has.")
        over = np.flatnonzero(used > snapshot.allocatable[:, 0])
        if len(over):
            raise Violation(
                f"{snapshot.names[over[0]]} holds {used[over[0]]} of {snapshot.allocatable[over[0], 0]}."
            )
        if (snapshot.free[:, 0] != snapshot.allocatable[:, 0] - used).any():
            raise Violation("what is free and what is held do not add up to what there is.")
        names = [one.gang.uid for one in snapshot.running] + [gang.uid for gang in snapshot.gangs]
        if len(names) != len(set(names)):
            raise Violation("a gang stands in line while it runs, or twice.")

    # who is answered --------------------------------------------------------------------------------------

    def _answers_everybody(self, gangs: Mapping[str, Gang], plan: Plan) -> None:
        """Every waiting gang starts or has a reason of its own, once; nobody else does."""
        answers = [one.uid for one in plan.decisions if isinstance(one, Place | Wait)]
        if sorted(answers) != sorted(gangs):
            raise Violation(f"answered {sorted(answers)}, but {sorted(gangs)} wait.")
        for one in plan.decisions:
            if not isinstance(one, Wait):
                continue
            silent = self._policy.sentences and len(one.message) < 10
            if silent or one.key != gangs[one.uid].key:
                raise Violation(f"{one.key} is told {one.message!r}.")

    # where they go ----------------------------------------------------------------------------------------

    def _places(self, before: Snapshot, gangs: Mapping[str, Gang], plan: Plan) -> None:
        free = {
            name: int(amount) for name, amount in zip(before.names, before.free[:, 0].tolist(), strict=True)
        }
        state = dict(zip(before.names, before.state.tolist(), strict=True))
        pools = {pool.name: pool for pool in before.pools}
        for one in plan.decisions:
            if not isinstance(one, Place):
                continue
            gang, pool = gangs[one.uid], pools[one.pool]
            indices = [
                index for share in one.nodes for index in range(share.first, share.first + share.count)
            ]
            if indices != list(range(len(indices))) or len(indices) not in (gang.sizes or (gang.workers,)):
                raise Violation(
                    f"{gang.key} is placed with workers {indices} of {gang.sizes or gang.workers}."
                )
            if (gang.models and one.model not in gang.models) or one.model != pool.profile.id:
                raise Violation(f"{gang.key} asks for {gang.models} and gets {one.model}.")
            for share in one.nodes:
                free[share.name] -= share.count * gang.devices
                if free[share.name] < 0:
                    raise Violation(f"{share.name} is {-free[share.name]} over with {gang.key}.")
                if state[share.name] != NodeState.USABLE or share.name in gang.avoid:
                    raise Violation(f"{gang.key} is placed on {share.name}, which is not to be used.")
            self._levels(before, gang, pool, one)

    def _levels(self, before: Snapshot, gang: Gang, pool: Pool, place: Place) -> None:
        where = {before.names[row]: at for at, row in enumerate(pool.nodes.tolist())}
        nodes = [where[share.name] for share in place.nodes for _ in range(share.count)]
        domains = {level.name: [int(level.domain[at]) for at in nodes] for level in pool.fabric.levels}
        if gang.required and len(set(domains[gang.required])) != 1:
            raise Violation(
                f"{gang.key} has to stay in one {gang.required} and is in {set(domains[gang.required])}."
            )
        if gang.groups is not None:
            size = gang.groups.size
            for first in range(0, len(nodes), size):
                if len(set(domains[gang.groups.level][first : first + size])) != 1:
                    raise Violation(f"group {first // size} of {gang.key} is split over {gang.groups.level}.")

    # quotas -----------------------------------------------------------------------------------------------

    def _quotas(self, before: Snapshot, gangs: Mapping[str, Gang], plan: Plan) -> None:
        """No start breaks a limit, of its own queue or of one above."""
        starts = [(gangs[one.uid], one) for one in plan.decisions if isinstance(one, Place)]
        if not starts:
            return
        limits = Limits(before.queues)
        held: dict[tuple[str, str], int] = {}
        for one in before.running:
            limits.add(held, one.gang.queue, one.model, one.devices)
        for gang, place in starts:
            limits.add(held, gang.queue, place.model, place.workers * gang.devices)
        for gang, place in starts:
            for name in limits.chain(gang.queue):
                if broken := limits.broken(held, name, place.model):
                    raise Violation(f"{gang.key} starts in {gang.queue} and {name} holds {broken}.")

    # who is stopped ---------------------------------------------------------------------------------------

    def _stops(self, before: Snapshot, gangs: Mapping[str, Gang], plan: Plan, now: float) -> None:
        running = {one.gang.uid: one for one in before.running}
        by_key = {gang.key: gang for gang in before.gangs}
        for one in plan.decisions:
            if not isinstance(one, Evict | Resize):
                continue
            victim = running.get(one.uid)
            if victim is None or victim.leaving:
                raise Violation(f"{one.key} is told to stop and does not run, or is leaving already.")
            if isinstance(one, Resize) and not one.beneficiary:
                continue
            self.evictions += 1
            asker = by_key.get(one.beneficiary)
            if asker is None:
                raise Violation(f"{one.key} is stopped for {one.beneficiary}, which does not wait.")
            if asker.promise is None or one.uid not in asker.promise.victims:
                raise Violation(f"{one.key} is stopped for {asker.key}, whose stored plan does not name it.")
            told = (self.epoch, self._ended)
            self._stopped_for[one.key, asker.key] = told
            if self._stopped_for.get((asker.key, one.key)) == told:
                raise Violation(f"{one.key} and {asker.key} stop each other in turn.")
            self._owed[asker.uid] = Eviction(one.key, asker.key, self.epoch)
        self._kept(gangs, plan, now)

    def _kept(self, gangs: Mapping[str, Gang], plan: Plan, now: float) -> None:
        """Who was made room for starts, unless something happened from outside; and no plan outlives its time."""
        for one in plan.decisions:
            if isinstance(one, Place):
                self._owed.pop(one.uid, None)
            if not isinstance(one, Wait):
                continue
            if one.promise is not None and one.promise.until <= now:
                raise Violation(f"{one.key} keeps a plan that ended {now - one.promise.until:.0f} s ago.")
            owed = self._owed.get(one.uid)
            if owed is not None and one.promise is None:
                del self._owed[one.uid]
                if owed.epoch == self.epoch:
                    raise Violation(
                        f"{owed.victim} was stopped for {one.key}, which does not start: {one.message}"
                    )
        for uid in self._owed.keys() - gangs.keys():
            del self._owed[uid]

    # determinism ------------------------------------------------------------------------------------------

    def _same_again(self, before: Snapshot, plan: Plan, now: float) -> None:
        """The same snapshot gives the same plan: again, from a file, and with gangs in another order."""
        kind = self.checked // self._again % 3
        if kind == 0:
            other = before
        elif kind == 1:
            other = recall(record(Recording(before))).snapshot
        else:
            other = replace(before, gangs=before.gangs[::-1])
        again = run_cycle(other, self._policy, now)
        if again != plan:
            different = [
                pair for pair in zip(plan.decisions, again.decisions, strict=False) if pair[0] != pair[1]
            ]
            how = ("asked again", "from a file", "in another order")[kind]
            raise Violation(f"{how}, it decides otherwise: {different[:1] or (plan.due, again.due)}")
