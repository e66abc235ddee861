"""S16: whatever is done to a cluster in whatever order, what must never happen does not.

Rules and judge are those of `python -m bench invariants`, which does a million operations. Here hypothesis looks for
short histories, which it can shrink, and seeded episodes add length: OPERATIONS of them, a few if not said, 100,000 by
`make test-invariants`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bench.invariants import EPISODE, episode, on_all_cores, run
from bench.judge import Violation
from bench.world import World
from crosstree.core.manners import Backfill

OPERATIONS = int(os.environ.get("OPERATIONS", "2000"))
SHARDS = 8
"""Parts of them, each a test of its own, so that several workers can share them."""

CHANCE = st.randoms(use_true_random=False)


class AnyHistory(RuleBasedStateMachine):
    """One rule for each operation of the world; the judge looks after each step of the loop."""

    @initialize(seed=st.integers(0, 10_000))
    def make(self, seed: int) -> None:
        self.world = World(Random(seed), again=3)


def _rule(name: str):
    def operate(self: AnyHistory, chance: Random) -> None:
        self.world.operate(name, chance)

    return rule(chance=CHANCE)(operate)


for _name in World.OPERATIONS:
    setattr(AnyHistory, _name, _rule(_name))

TestAnyHistory = pytest.mark.timeout(600)(AnyHistory.TestCase)
TestAnyHistory.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_nothing_forbidden_happens_in_long_histories(shard: int) -> None:
    found = run(OPERATIONS // SHARDS, seed=1_000_000 * (shard + 1))
    assert not found.violations, found.violations[0]
    assert found.plans > found.operations


def test_several_processes_do_what_one_does():
    assert on_all_cores(2 * EPISODE, 77) == run(2 * EPISODE, 77)


@pytest.mark.parametrize("seed", [698, 1914])
def test_no_gang_grows_again_and_again(seed: int) -> None:
    """In these histories a limit lets another gang in, or keeps nodes for it, while the elastic one starts again."""
    assert not episode(seed).violations


@pytest.mark.parametrize("seed", [1956, 2004, 20_001_622])
def test_nobody_is_stopped_by_who_was_stopped_for_him(seed: int) -> None:
    """In these a gang runs on one model while its queue is owed another, or would shrink to a node it has to avoid."""
    assert not episode(seed).violations


@pytest.mark.parametrize("seed", [5_000_799, 9_000_296])
def test_who_was_stopped_for_want_of_quota_is_no_rival_of_the_large_gang(seed: int) -> None:
    """In these histories somebody waits for a quota that the test of starving then takes away."""
    assert not episode(seed).violations


def test_without_reservations_the_large_gang_is_found_starving() -> None:
    found = 0
    for seed in range(12):
        chance = Random(seed)
        world = World(chance)
        change = world.cluster.set_manners
        world.cluster.set_manners = lambda manners, change=change: change(  # type: ignore[method-assign]
            replace(manners, backfill=Backfill.NONE)
        )
        try:
            world.starve(chance)
        except Violation:
            found += 1
    assert found >= 3
