"""Which running gangs have to make room for a waiting one, and the promise that comes of it.

Two steps, so that no eviction is ever for nothing: a cycle proposes a `Promise`, which is stored in the waiting job's
status; only a cycle that finds it there evicts its victims, holds what comes free, and places the gang (`promises`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from crosstree.core.alike import Shape, asking, shape_of
from crosstree.core.arrays import Bool
from crosstree.core.candidates import Candidate
from crosstree.core.claims import Grounds
from crosstree.core.clearance import (
    grounds_of,
    hold,
    leaves_what_is_booked,
    look_ahead,
    might_do,
    release_all,
    ripe_among,
    roster_of,
)
from crosstree.core.clearing_words import victims_names
from crosstree.core.desk import Desk
from crosstree.core.ground import Ground, tenants
from crosstree.core.manners import Preemption
from crosstree.core.placement.pack import shortfall
from crosstree.core.plan import Place, Promise
from crosstree.core.policy import Order
from crosstree.core.quota_victims import within_quota
from crosstree.core.reprisal import who_comes_back
from crosstree.core.running import Running
from crosstree.core.search_turns import may_search
from crosstree.core.seat import seat, seat_again
from crosstree.core.snapshot import Pool
from crosstree.core.sparing import goes_on_with, needed_for
from crosstree.core.victims import Choice, cheapest
from crosstree.core.workload import Gang

SOON_SECONDS = 60.0
"""Whoever starts within this time because others end anyway stops nobody: ending takes a stopped gang as long."""

PROMISE_SECONDS = 600.0
"""How long a place is cleared, beyond what its victims may take to save their work, before the plan is given up."""

SURE = 0.5
"""Confidence from which on the expected end of a gang is worth waiting for: declared, or learned from several."""


UNDONE = 4
"""Ways looked at for one gang of which each would be undone by who is stopped for it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """One way to make room: who goes, so that the gang fits on which pool."""

    choice: Choice
    candidate: Candidate


def propose(gang: Gang, desk: Desk) -> Promise | None:
    """Find the victims that cost least and whose nodes, with what is free, hold the gang; None if none do.

    None as well if the gang starts soon without: what those leave that are being stopped already, or end within a
    minute, is waited for; or if others have used up the searches of this cycle. The place promised is booked; nothing
    else is.

    O(K log K) for K pairs of running gang and node; gangs alike that found nobody are not tried again in the cycle.
    """
    notes, alike, stays = desk.clearing, _alike(gang), asking(gang).stays
    notes.asked += 1
    if searched_in_vain(gang, desk):
        return None
    if gang.promise is None and not may_search(desk):
        return None
    offered = _candidates(gang, desk)
    ways = [(one, _grounds(gang, one, desk)) for one in offered]
    found, promising = None, any(might_do(gang, one, grounds, desk) for one, grounds in ways)
    if promising:
        notes.searches += 1
        mark = desk.checkpoint()
        look_ahead(desk)
        soon = starts_soon(gang, offered, desk)
        found = None if soon else _lasting(gang, ways, desk)
        desk.rollback(mark)
        if soon:
            notes.soon.add((*alike, stays))
            return None
    if found is None:
        # Too few to stop are too few for however long; what is reserved or booked, and the shorter first, matter.
        kept = bool(desk.horizon.reservations) or desk.fence is not None
        matters = (promising and kept) or desk.policy.order is not Order.AGE
        notes.hopeless[alike] = stays if matters else 0.0
        return None
    _, promise = found
    hold(gang, promise, desk)
    return promise


def searched_in_vain(gang: Gang, desk: Desk) -> bool:
    """Say whether nobody can be stopped for a gang, whatever its turn: nobody may be, or one like it has found that."""
    notes, snapshot = desk.clearing, desk.snapshot
    if snapshot.manners.preemption is Preemption.NEVER or not snapshot.running:
        return True
    alike, stays = _alike(gang), asking(gang).stays
    shortest = notes.hopeless.get(alike)
    return (shortest is not None and stays >= shortest) or (*alike, stays) in notes.soon


def _alike(gang: Gang) -> tuple[Shape, str, int]:
    """Return what gangs have in common for which the same may be stopped on the same nodes."""
    return shape_of(gang), gang.queue, gang.priority


def _candidates(gang: Gang, desk: Desk) -> list[Candidate]:
    """Return the pools the gang takes. They are asked for as few workers as it can do with."""
    return desk.trial.candidates(gang)


def _grounds(gang: Gang, candidate: Candidate, desk: Desk) -> Grounds:
    """Return who may be stopped now, those left out that others are promised, or that have not run long enough yet."""
    grounds = grounds_of(gang, candidate.pool.profile.id, candidate.need.workers * gang.devices, desk)
    if not grounds.allowed.any():
        return grounds
    if desk.policy.order is not Order.AGE:  # everybody has grounds of his own, by his own length
        return _ripe(gang, candidate, grounds, desk)
    key = (grounds, candidate.pool.name, gang.recovering)
    known = desk.clearing.ripe.get(key)
    if known is None:
        known = desk.clearing.ripe[key] = _ripe(gang, candidate, grounds, desk)
    return known


def _ripe(gang: Gang, candidate: Candidate, grounds: Grounds, desk: Desk) -> Grounds:
    """Leave out whom others are promised, or who has not run long enough yet; note when that one will have."""
    roster, least = roster_of(desk), desk.snapshot.manners.min_runtime
    old = ripe_among(roster, gang, desk)
    young = grounds.allowed & ~(roster.going | old) & roster.on(candidate.pool)
    if young.any():
        desk.note_due(float(roster.began[young].min()) + least)
    return grounds.among(old & ~roster.going)


def starts_soon(gang: Gang, offered: Iterable[Candidate], desk: Desk) -> bool:
    """Say whether the gang fits once those have gone that were told to, or that end within a minute."""
    mark = desk.checkpoint()
    notes, running = desk.clearing, desk.snapshot.running
    if notes.ending is None:
        until = desk.now + SOON_SECONDS
        ending = (desk.now < one.ends <= until and _sure(one, desk.now) for one in running)
        notes.ending = np.fromiter(ending, np.bool_, count=len(running))
    release_all(notes.ending & ~roster_of(desk).going, desk)
    fits = any(_seated(gang, one, desk) is not None for one in offered)
    desk.rollback(mark)
    return fits


def _sure(running: Running, now: float) -> bool:
    """Say whether a gang can be relied on to end when it is expected to; not if it has run longer than that already."""
    known = running.gang.expected
    return known is not None and known.confidence >= SURE and running.began + known.seconds > now


def _seated(gang: Gang, candidate: Candidate, desk: Desk) -> Place | None:
    """Place the gang on the trial, within its quota; None if that can't be."""
    devices = candidate.need.workers * gang.devices
    if desk.accounts.excess(gang.queue, candidate.pool.profile.id, devices) is not None:
        return None
    again = None
    if gang.before is not None:
        again = seat_again(gang, gang.before, [candidate], desk.trial, (candidate.need.workers,))
    return again or seat(gang, candidate, desk.trial, (candidate.need.workers,))


def _lasting(gang: Gang, ways: list[tuple[Candidate, Grounds]], desk: Desk) -> tuple[Place, Promise] | None:
    """Find the cheapest way that nobody undoes who is stopped for it; None if there is none, or many are undone."""
    for _ in range(UNDONE):
        found = _best(gang, ways, desk)
        if found is None or not (back := who_comes_back(gang, *found, desk)).any():
            return found
        ways = [(candidate, grounds.among(~back)) for candidate, grounds in ways]
    return None


def _best(gang: Gang, ways: list[tuple[Candidate, Grounds]], desk: Desk) -> tuple[Place, Promise] | None:
    """Find the cheapest way over all pools: by shrinking elastic gangs alone if that will do, else by stopping some."""
    elastic = roster_of(desk).elastic
    for shrinks in (True, False):
        found = [
            (way.choice.cost, len(way.choice.victims), position, way)
            for position, (candidate, grounds) in enumerate(ways)
            for way in _ways(gang, candidate, grounds.allowed & elastic if shrinks else grounds.stopped, desk)
        ]
        for *_, way in sorted(found, key=lambda one: one[:3]):
            plan = _checked(gang, way, desk)
            if plan is not None and (not shrinks or len(plan[1].smaller) == len(plan[1].victims)):
                return plan
    return None


def _ways(gang: Gang, candidate: Candidate, may_go: Bool, desk: Desk) -> Iterator[_Way]:
    """Yield the cheapest way on one pool, if there is one: with whom of the running gangs, Bool (V,)."""
    pool, need, roster = candidate.pool, candidate.need, roster_of(desk)
    if not may_go.any():
        return
    cost, rank = roster.cost, roster.rank
    ground = _ground(gang, pool, may_go, desk)
    if shortfall(pool.fabric, ground.base, need) is None:
        choice: Choice | None = Choice((), 0)  # only quota is in its way
    elif shortfall(pool.fabric, ground.slots(may_go), need) is None:
        choice = cheapest(ground, pool.fabric, need, cost, rank)
    else:
        choice = None
    if choice is not None:
        choice = within_quota(gang, candidate, choice, may_go, cost, rank, desk)
    if choice is not None and choice.victims:
        yield _Way(choice, candidate)


def _ground(gang: Gang, pool: Pool, may_go: Bool, desk: Desk) -> Ground:
    """Lay out what the gang would get by whom, on nodes that are not reserved for a gang before it."""
    notes = desk.clearing
    if pool.name not in notes.tenants:
        notes.tenants[pool.name] = tenants(desk.snapshot, pool)
    known = notes.tenants[pool.name]
    nobody = np.zeros(len(pool.nodes), np.bool_)
    ground = Ground(gang, pool, desk.trial, known, may_go, nobody)
    most = ground.slots(may_go)
    reserved = np.asarray(desk.horizon.open_slots(gang, pool, most) < most)
    return Ground(gang, pool, desk.trial, known, may_go, reserved) if reserved.any() else ground


def _checked(gang: Gang, way: _Way, desk: Desk) -> tuple[Place, Promise] | None:
    """Put the way to the test of placement itself, let off whoever is not needed, and say what each victim gives."""
    running = desk.snapshot.running
    mark = desk.checkpoint()
    going = np.zeros(len(running), np.bool_)
    going[list(way.choice.victims)] = True
    release_all(going, desk)
    place = _seated(gang, way.candidate, desk)
    if place is None:
        desk.rollback(mark)
        return None
    needed = needed_for(gang, way.candidate, way.choice.victims, place, desk)
    smaller = tuple(
        (running[at].gang.uid, size)
        for at in needed
        if (size := goes_on_with(running[at], gang, place, desk))
    )
    desk.rollback(mark)
    victims = sorted((running[at] for at in needed), key=lambda one: (one.gang.key, one.gang.uid))
    if not leaves_what_is_booked(gang, way.candidate, victims, smaller, desk):
        return None
    grace = max(one.grace for one in victims)
    return place, Promise(
        pool=place.pool,
        nodes=place.nodes,
        victims=tuple(one.gang.uid for one in victims),
        until=float(math.ceil(desk.now + PROMISE_SECONDS + grace)),
        since=float(math.floor(desk.now)),
        smaller=tuple(sorted(smaller)),
        jobs=victims_names(gang, victims),
    )
