"""Clusters, queue trees and gangs of any kind, drawn at random."""

from __future__ import annotations

from random import Random

from crosstree.core.calendar import Booking
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.queues import ANY_MODEL, QueueSpec, Quota
from crosstree.core.workload import Gang, Groups
from crosstree.sim.inventory import Inventory, NodeFact, inventory

H100, ASCEND = "nvidia-h100-sxm", "huawei-ascend-910b"
QUEUES = ("default", "root", "team-a", "team-b", "team-c")


def nodes(chance: Random) -> Inventory:
    """One pool or two; leaves of different sizes under one spine or two."""
    facts: list[NodeFact] = []
    for model, spines in ((H100, chance.choice((1, 2))), (ASCEND, chance.choice((0, 1)))):
        for spine in range(spines):
            for leaf in range(chance.choice((2, 3))):
                for _ in range(chance.choice((1, 2, 3, 4))):
                    where = f"{model[0]}s{spine}"
                    facts.append(NodeFact(f"n{len(facts):02}", model, 8, f"{where}l{leaf}", where))
    return inventory(facts)


def queues(chance: Random, now: float) -> tuple[QueueSpec, ...]:
    """Some queues with any parents, guarantees, limits, weights, rates and bookings around now."""
    found = []
    for name in QUEUES:
        if chance.random() < 0.35:
            continue
        quotas = tuple(
            Quota(model, chance.choice((0, 0, 8, 16, 32)), chance.choice((None, None, 0, 16, 40, 64)))
            for model in (ANY_MODEL, ASCEND, H100)
            if chance.random() < 0.4
        )
        parent = chance.choice(("", "", "root", "root", *QUEUES, "nobody"))
        rates = ((ASCEND, 0.5),) if chance.random() < 0.3 else ()
        weight = chance.choice((1.0, 1.0, 2.0))
        calendar = tuple(booking(chance, f"b{number}", now) for number in range(chance.choice((0, 0, 1, 2))))
        found.append(QueueSpec(name, parent, weight, quotas, rates, calendar=calendar))
    return tuple(found)


def booking(chance: Random, name: str, now: float) -> Booking:
    """A booking for once or some times: for one without an end nothing would ever come to rest."""
    duration = chance.choice((600.0, 3600.0, 20_000.0))
    start = now + chance.randint(-20, 200) * 300.0
    every = chance.choice((None, duration, 2 * duration))
    until = start + 5 * every if every is not None else None
    model, accelerators = chance.choice((ASCEND, H100)), chance.choice((8, 16, 32, 64))
    return Booking(name, model, accelerators, start, duration, every, until)


def manners(chance: Random) -> Manners:
    """Any backfill and preemption, the usual ones more often."""
    return Manners(
        chance.choice((*Backfill, Backfill.CONSERVATIVE)),
        chance.choice((*Preemption, Preemption.LOWER_PRIORITY)),
        chance.choice((0.0, 60.0, 600.0)),
    )


def gang(chance: Random, number: int, now: float) -> Gang:
    """Any kind: plain, elastic, grouped, bound to a level, of one model, of several or of any."""
    size = chance.choice((1, 1, 1, 2, 3))
    workers = size * chance.choice((1, 1, 2, 2, 3, 4))
    grouped = size > 1 and chance.random() < 0.6
    elastic = chance.random() < 0.35
    sizes = tuple(range(workers, 0, -size)) if elastic and workers > size else ()
    return Gang(
        key=f"team-{number % 3}/job-{number}",
        uid=f"u{number}",
        workers=workers,
        devices=chance.choice((1, 2, 4, 8, 8)),
        models=chance.choice(((), (H100,), (H100,), (ASCEND, H100), (H100, ASCEND))),
        required=chance.choice(("", "", "", "leaf", "spine")),
        preferred=chance.choice(("", "leaf")),
        groups=Groups(size, "leaf") if grouped else None,
        priority=chance.choice((-1, 0, 0, 1, 3)),
        created=now,
        queue=chance.choice((*QUEUES, "unheard-of")),
        sizes=sizes,
    )
