"""Who decides in a replay: the production cycle, or one of those it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from crosstree.core.cycle import run_cycle
from crosstree.core.policy import Order
from crosstree.engine.loop import Cycle
from crosstree.sim.baselines.easy import easy
from crosstree.sim.baselines.orders import best_fit, fifo, shuffled
from crosstree.sim.baselines.preemptive import LeastAttained, shortest_remaining
from crosstree.sim.policy_names import PolicyName
from crosstree.sim.replay import Scenario


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to decide, and what it changes about the scenario.

    Attributes:
        cycle: Makes the decider; one for every replay, for some keep books.
        scenario: What the replay is of; most leave it as it is.
    """

    cycle: Callable[[], Cycle]
    scenario: Callable[[Scenario], Scenario] = lambda scenario: scenario


def contender(name: PolicyName) -> Contender:
    """Return who decides under a name."""
    return _CONTENDERS[name]


def _free_stops(scenario: Scenario) -> Scenario:
    costless = replace(scenario.runtime, checkpoint=0.0, restart=0.0, grace=0.0)
    return replace(scenario, hint=1.0, runtime=costless)


def _shortest_first(scenario: Scenario) -> Scenario:
    return replace(scenario, policy=replace(scenario.policy, order=Order.SHORTEST_EXPECTED))


_CONTENDERS = {
    PolicyName.PRODUCTION: Contender(lambda: run_cycle),
    PolicyName.SHORTEST_EXPECTED: Contender(lambda: run_cycle, _shortest_first),
    PolicyName.FIFO: Contender(lambda: fifo),
    PolicyName.EASY: Contender(lambda: easy),
    PolicyName.BEST_FIT: Contender(lambda: best_fit),
    PolicyName.LAS: Contender(LeastAttained),
    PolicyName.RANDOM: Contender(lambda: shuffled),
    PolicyName.SRTF_ORACLE: Contender(lambda: shortest_remaining, _free_stops),
}
