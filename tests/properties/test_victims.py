"""The victims chosen, against every set there is."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.core.desk import open_desk
from crosstree.core.ground import costs
from crosstree.core.placement.need import Need, Packed
from crosstree.core.placement.pack import pack
from crosstree.core.policy import Policy
from crosstree.core.preemption import propose
from crosstree.core.running import Running
from crosstree.core.snapshot import Snapshot
from tests.support.builders.core import a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running


@st.composite
def a_full_fleet(draw: st.DrawFn, *, shared: bool = False) -> Snapshot:
    """Three leaves of four nodes, held by up to eight gangs wherever chance put them."""
    empty = a_snapshot(a_pool(leaves=3, nodes=4))
    owner = draw(st.lists(st.integers(0, 8), min_size=12, max_size=12))
    second = draw(st.lists(st.integers(0, 8), min_size=12, max_size=12)) if shared else owner
    gangs: list[Running] = []
    for index in range(1, 9):
        counts = {
            name: (owner[row] == index) + (second[row] == index)
            for row, name in enumerate(empty.names)
            if index in (owner[row], second[row])
        }
        if counts:
            saved = NOW - draw(st.integers(0, 20)) * 60
            gang = a_gang(sum(counts.values()), 4, name=f"g{index}")
            gangs.append(running(gang, counts, empty, saved=saved))
    return with_running(empty, *gangs)


LEVELS = st.sampled_from(["", "leaf", "spine"])


def cheapest(snapshot: Snapshot, workers: int, level: str) -> tuple[int, int] | None:
    """Return cost and size of the best set of victims by trying all of them."""
    cost = costs(snapshot.running, NOW)
    (pool,) = snapshot.pools
    need = Need(workers, required=pool.fabric.depth(level) if level else None)
    found: list[tuple[int, int]] = []
    for size in range(1, len(snapshot.running) + 1):
        for chosen in combinations(range(len(snapshot.running)), size):
            desk = open_desk(snapshot, Policy(), NOW)
            for at in chosen:
                desk.trial.release(snapshot.running[at])
            slots = desk.trial.open_slots(a_gang(workers, priority=9), pool)
            if isinstance(pack(pool.fabric, slots, need), Packed):
                found.append((int(cost[list(chosen)].sum()), size))
    return min(found, default=None)


@settings(max_examples=80, deadline=None)
@given(a_full_fleet(), st.integers(1, 8), LEVELS)
def test_no_other_gangs_would_lose_less_where_nodes_are_held_whole(
    snapshot: Snapshot, workers: int, level: str
) -> None:
    gang = a_gang(workers, priority=9, required=level)
    desk = open_desk(snapshot, Policy(), NOW)
    if isinstance(pack_now(snapshot, workers, level), Packed):
        return
    promise = propose(gang, desk)
    best = cheapest(snapshot, workers, level)
    assert (promise is None) == (best is None)
    if promise is not None:
        assert paid(snapshot, promise.victims) == best


@settings(max_examples=60, deadline=None)
@given(a_full_fleet(shared=True), st.integers(1, 8), LEVELS)
def test_where_nodes_are_shared_victims_are_found_and_all_of_them_are_needed(
    snapshot: Snapshot, workers: int, level: str
) -> None:
    if isinstance(pack_now(snapshot, workers, level), Packed):
        return
    promise = propose(a_gang(workers, priority=9, required=level), open_desk(snapshot, Policy(), NOW))
    best = cheapest(snapshot, workers, level)
    assert (promise is None) == (best is None)
    if promise is not None:
        for spared in promise.victims:
            rest = [one for one in promise.victims if one != spared]
            desk = open_desk(snapshot, Policy(), NOW)
            for one in snapshot.running:
                if one.gang.uid in rest:
                    desk.trial.release(one)
            (pool,) = snapshot.pools
            at = desk.trial.positions(pool)
            slots = desk.trial.slots(a_gang(workers), pool)
            short = [
                node for node in promise.nodes if slots[at[snapshot.names.index(node.name)]] < node.count
            ]
            assert short, f"{spared} is stopped for nothing"


def pack_now(snapshot: Snapshot, workers: int, level: str) -> object:
    (pool,) = snapshot.pools
    need = Need(workers, required=pool.fabric.depth(level) if level else None)
    return pack(pool.fabric, open_desk(snapshot, Policy(), NOW).trial.open_slots(a_gang(workers), pool), need)


def paid(snapshot: Snapshot, victims: tuple[str, ...]) -> tuple[int, int]:
    cost = costs(snapshot.running, NOW)
    chosen = [at for at, one in enumerate(snapshot.running) if one.gang.uid in victims]
    return int(cost[chosen].sum()), len(chosen)
