"""What is in the way of the largest gangs: a floor of their waits, and replays in which something is otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from bench.least import ahead, floor, scattered
from crosstree.sim.inventory import NodeFact, inventory
from crosstree.sim.replay import Replay, Scenario
from crosstree.sim.traces.jobs import Entry, columns


def a_scenario(*entries: Entry) -> Scenario:
    """Two nodes of eight."""
    nodes = inventory([NodeFact(f"n{at}", "v100", 8) for at in range(2)])
    return Scenario(nodes, columns(entries, {}), window=0.0, prefer="")


HALVES = (Entry("a", 0, 100, 1, 5), Entry("b", 0, 300, 1, 5), Entry("large", 10, 50, 2, 3))
"""Three are free on either node."""


def waited(scenario: Scenario) -> dict[str, float]:
    return dict(zip(scenario.jobs.ids, Replay(scenario).run().books.waited.tolist(), strict=True))


def test_a_gang_that_finds_room_has_no_floor() -> None:
    scenario = a_scenario(*HALVES)
    assert floor(scenario, np.array([False, False, True])) == (0.0, 0.0)


def test_the_floor_counts_workers_on_nodes_and_accelerators_anywhere() -> None:
    scenario = a_scenario(*HALVES[:2], Entry("large", 10, 50, 2, 5), Entry("whole", 20, 50, 1, 8))
    nodes, accelerators = floor(scenario, np.array([False, False, True, False]))
    assert (nodes, accelerators) == (290.0, 90.0)
    nodes, accelerators = floor(scenario, np.array([False, False, False, True]))
    assert (nodes, accelerators) == (80.0, 80.0)


def test_nobody_who_stops_nobody_waits_less_than_the_floor() -> None:
    scenario = a_scenario(*HALVES[:2], Entry("large", 10, 50, 2, 8), Entry("later", 20, 500, 1, 3))
    assert waited(scenario)["large"] >= floor(scenario, np.array([False, False, True, False]))[0]


def test_those_who_go_ahead_pass_older_ones_and_stop_nobody() -> None:
    scenario = a_scenario(
        Entry("runs", 0, 100, 2, 8), Entry("older", 10, 100, 2, 8), Entry("large", 20, 100, 2, 8)
    )
    assert waited(scenario) == {"runs": 0.0, "older": 90.0, "large": 180.0}
    changed, cycle = ahead(scenario, np.array([False, False, True]))
    books = Replay(changed, cycle).run().books
    assert books.waited.tolist() == [0.0, 190.0, 80.0] and not books.preempted.any()


def test_scattered_nodes_hold_whatever_there_are_accelerators_for() -> None:
    scenario = a_scenario(*HALVES[:2], Entry("large", 10, 50, 1, 6))
    assert waited(scenario)["large"] == pytest.approx(90.0)
    assert waited(scattered(scenario))["large"] == 0.0
