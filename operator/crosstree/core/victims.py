"""Which gangs to stop so that one domain holds another gang: least total cost, then fewest, then by name.

A covering problem: every gang that may go is worth so many workers' places in a domain and costs what it would lose.
For whole nodes the worths add up, and the cheapest set is found exactly, by dynamic programming over the places that
are missing. Where gangs share nodes, or workers stay in groups, places do not add up: then gangs are taken in order of
cost per place until it holds, and whoever turns out not to be needed is let off.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosstree.core.arrays import Bool, Int64, set_in
from crosstree.core.ground import Ground
from crosstree.core.placement.need import Need
from crosstree.core.placement.pack import group_depth, shortfall
from crosstree.core.topology import Fabric

BEYOND = 64
"""Gangs looked at beyond those that cost least per place: a larger one further down may fit better."""

DOMAINS = 8
"""Domains searched where places do not add up, those that look cheapest first."""

LET_OFF = 64
"""Gangs tried to be let off where places do not add up."""

_MANY = 1 << 20
"""More victims than any plan has: costs are multiplied by it, so that of equal ones the fewest win."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Gangs to stop, by index in `Snapshot.running`, and what that loses in accelerator-seconds."""

    victims: tuple[int, ...]
    cost: int


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """The gangs that may go in one domain, cheapest per place first.

    Attributes:
        inside: Nodes of the domain, Bool (n,).
        gangs: int64 (k,).
        gains: Places each adds after those before it, int64 (k,).
        missing: Places there are too few now.
        bound: No set costs less, where places add up.
    """

    inside: Bool
    gangs: Int64
    gains: Int64
    missing: int
    bound: float


def cheapest(ground: Ground, fabric: Fabric, need: Need, cost: Int64, rank: Int64) -> Choice | None:
    """Find the gangs whose nodes, with what is free, hold the need in one domain; None if none do.

    Args:
        ground: What the waiting gang would get by whom.
        fabric: Of the pool.
        need: What is to be placed.
        cost: What each running gang would lose, int64 (V,), at least 1.
        rank: Place of each in the order of names, int64 (V,): settles ties.

    O(K log K) for K pairs of gang and node, and for each domain in question O(gangs there times places missing).
    """
    adds_up = not ground.shared and need.atomic is None and group_depth(need) is None
    best: Choice | None = None
    for tried, offer in enumerate(_offers(ground, fabric, need, cost, rank, adds_up=adds_up)):
        if best is not None and (offer.bound > best.cost or (not adds_up and tried >= DOMAINS)):
            break
        if adds_up:
            found = _exact(offer, cost, rank)
        else:
            found = _greedy(offer, ground, fabric, need, cost)
        if found is not None and (best is None or _order(found, rank) < _order(best, rank)):
            best = found
    return best


def _order(choice: Choice, rank: Int64) -> tuple[int, int, list[int]]:
    return choice.cost, len(choice.victims), sorted(int(rank[one]) for one in choice.victims)


def _offers(
    ground: Ground, fabric: Fabric, need: Need, cost: Int64, rank: Int64, *, adds_up: bool
) -> list[_Offer]:
    """Return what each domain has to offer, the one that looks cheapest first."""
    if not len(ground.gang):
        return []
    nodes = len(ground.base)
    domain = np.zeros(nodes, np.int64) if need.required is None else fabric.levels[need.required].domain
    size = int(domain[-1]) + 1
    missing = need.workers - np.bincount(domain, weights=ground.base, minlength=size).astype(np.int64)
    of_pair, pair = np.unique(domain[ground.position] * len(cost) + ground.gang, return_inverse=True)
    gangs, domains = of_pair % len(cost), of_pair // len(cost)
    alone = ground.gains(pair) if adds_up else ground.fraction
    worth = np.minimum(np.bincount(pair, weights=alone), np.maximum(missing[domains], 1))
    price = cost[gangs] / np.maximum(worth, 1e-6)
    order = np.lexsort((rank[gangs], cost[gangs], price, domains))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    gains = np.bincount(place[pair], weights=ground.gains(place[pair]), minlength=len(order)).astype(np.int64)
    gangs, domains = gangs[order], domains[order]
    starts = np.searchsorted(domains, np.arange(size), side="left")
    ends = np.searchsorted(domains, np.arange(size), side="right")
    found = []
    for one in range(size):
        here = slice(int(starts[one]), int(ends[one]))
        lack = int(missing[one])
        if lack > 0 and int(gains[here].sum()) < lack and adds_up:
            continue
        if here.start == here.stop:
            continue
        bound = _bound(gains[here], cost[gangs[here]], lack)
        found.append(_Offer(np.asarray(domain == one), gangs[here], gains[here], lack, bound))
    return sorted(found, key=lambda offer: offer.bound)


def _bound(gains: Int64, cost: Int64, missing: int) -> float:
    """Return the cost of the places missing if a part of a gang could be had for a part of its cost."""
    reached = np.cumsum(np.minimum(gains, max(missing, 0)))
    last = int(np.searchsorted(reached, missing))
    if last >= len(gains):
        return float(cost.sum())
    before = int(reached[last - 1]) if last else 0
    whole = int(cost[:last].sum())
    part = (missing - before) / max(min(int(gains[last]), missing), 1)
    return whole + part * int(cost[last])


def _exact(offer: _Offer, cost: Int64, rank: Int64) -> Choice | None:
    """Cover the missing places at least cost: dynamic programming over how many are covered."""
    useful = set_in(offer.gains > 0)
    enough = int(np.searchsorted(np.cumsum(offer.gains[useful]), offer.missing)) + 1
    kept = useful[: enough + BEYOND]
    alone = useful[offer.gains[useful] >= offer.missing]
    if len(alone):  # the cheapest that suffices alone may stand further down
        kept = np.union1d(kept, alone[[np.lexsort((rank[offer.gangs[alone]], cost[offer.gangs[alone]]))[0]]])
    gangs, gains = offer.gangs[kept], offer.gains[kept]
    order = np.argsort(rank[gangs])
    gangs, gains = gangs[order], gains[order]
    missing = offer.missing
    unreached = np.iinfo(np.int64).max // 2
    dearest = unreached - 1  # beyond that all ways are equally dear, and still ways
    least = np.full(missing + 1, unreached, np.int64)
    least[0] = 0
    taken = np.zeros((len(gangs), missing + 1), np.bool_)
    for position, (gang, gain) in enumerate(zip(gangs.tolist(), gains.tolist(), strict=True)):
        price = int(cost[gang]) * _MANY + 1
        source = np.maximum(np.arange(missing + 1) - gain, 0)
        before = least[source]
        other = np.where(before < unreached, np.minimum(before + price, dearest), unreached)
        better = other < least
        taken[position] = better
        least = np.where(better, other, least)
    if least[missing] >= unreached:
        return None
    victims: list[int] = []
    left = missing
    for position in range(len(gangs) - 1, -1, -1):
        if taken[position, left]:
            victims.append(int(gangs[position]))
            left = max(left - int(gains[position]), 0)
    return Choice(tuple(sorted(victims)), int(cost[victims].sum()))


def _greedy(offer: _Offer, ground: Ground, fabric: Fabric, need: Need, cost: Int64) -> Choice | None:
    """Take gangs in order until the domain holds the need, then let off who is not needed, the dearest first."""

    def holds(gangs: Sequence[int]) -> bool:
        going = np.zeros(len(cost), np.bool_)
        going[list(gangs)] = True
        slots = np.where(offer.inside, ground.slots(going), 0)
        return shortfall(fabric, slots, need) is None

    order = offer.gangs.tolist()
    if not holds(order):
        return None
    count = bisect_left(range(len(order) + 1), x=True, key=lambda count: holds(order[:count]))
    chosen = order[:count]
    for gang in sorted(chosen, key=lambda one: -int(cost[one]))[:LET_OFF]:
        fewer = [one for one in chosen if one != gang]
        if holds(fewer):
            chosen = fewer
    return Choice(tuple(sorted(chosen)), int(cost[chosen].sum()))
