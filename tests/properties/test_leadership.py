"""However messages, clocks and processes misbehave, there are never two who may write, and soon there is one again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from crosstree.engine.leadership import Terms
from tests.support.candidates import LOST, Candidate, World

TERMS = Terms(lease=10.0, deadline=7.0, retry=2.0)
DRIFT = 0.05
"""How much faster or slower than time a clock may run; real ones differ by a thousandth of that."""

TROUBLED = 120.0
CALM = 30.0
"""Seconds of calm in which there has to be a leader: a lease that runs out on the slowest clock, and some looks."""


@dataclass(frozen=True)
class Trouble:
    """What happens to a candidate at some time."""

    at: float
    who: int
    kind: str
    seconds: float


troubles = st.lists(
    st.builds(
        Trouble,
        st.floats(0, TROUBLED),
        st.integers(0, 2),
        st.sampled_from(["freeze", "kill", "delete", "foreign"]),
        st.floats(0.1, 25),
    ),
    max_size=8,
)


@settings(max_examples=250, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rates=st.lists(st.floats(1 - DRIFT, 1 + DRIFT), min_size=2, max_size=3),
    offsets=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    loss=st.floats(0, 0.6),
    slowness=st.sampled_from([0.01, 0.3, 1.0, 4.0]),
    same_name=st.booleans(),
    plan=troubles,
)
def test_never_two_may_write_and_always_one_soon(
    seed: int,
    rates: list[float],
    offsets: list[float],
    loss: float,
    slowness: float,
    same_name: bool,
    plan: list[Trouble],
) -> None:
    chance = random.Random(seed)

    def delay() -> float:
        if world.now > TROUBLED:
            return 0.01
        return LOST if chance.random() < loss else chance.expovariate(1 / slowness)

    world = World(TERMS, delay)
    for number, rate in enumerate(rates):
        Candidate(world, "twin" if same_name else f"c{number}", rate, offsets[number])
    deleted_at: list[float] = []
    for trouble in plan:
        world.at(trouble.at, partial(_strike, world, trouble, deleted_at))

    def one_at_most() -> None:
        assert len(world.acting()) <= 1, f"at {world.now}: {world.acting()}"

    world.run(TROUBLED, one_at_most)
    world.run(TROUBLED + CALM + max((one.seconds for one in plan), default=0.0), one_at_most)
    assert world.acting(), "nobody leads although all is calm"


def _strike(world: World, trouble: Trouble, deleted_at: list[float]) -> None:
    candidate = world.candidates[trouble.who % len(world.candidates)]
    match trouble.kind:
        case "freeze":
            candidate.freeze(trouble.seconds)
        case "kill":
            candidate.kill(back_after=trouble.seconds)
        case "foreign":
            world.store.write(world.store.record, "somebody", "by hand", 10.0)
        case _ if not deleted_at and not any(one.misses_the_lease for one in world.candidates):
            # Once, and not while a candidate watches its absence: absence would look older to it than it is.
            deleted_at.append(world.now)
            world.store.delete()
        case _:
            pass


def test_a_quiet_leader_stays_and_renews_at_its_pace() -> None:
    world = World(TERMS, lambda: 0.01)
    for name in ("a", "b", "c"):
        Candidate(world, name)
    world.run(12.0)
    (leader,) = world.acting()
    before = int(world.store.record.version if world.store.record else 0)
    world.run(112.0)
    assert world.acting() == [leader]
    assert sum(one.lost for one in world.candidates) == 0
    assert 45 <= int(world.store.record.version if world.store.record else 0) - before <= 52
