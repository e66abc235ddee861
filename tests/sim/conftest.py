"""Small clusters and traces for the simulator's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstree.sim.inventory import Inventory, NodeFact, inventory
from crosstree.sim.traces.jobs import Jobs
from crosstree.sim.traces.nodes import nodes, on_fabric
from crosstree.sim.traces.read import read
from crosstree.sim.traces.shape import first, loaded, possible

TRACES = Path(__file__).resolve().parents[2] / "traces"


@pytest.fixture(scope="session")
def venus() -> Inventory:
    """The 133 nodes of Helios' cluster Venus at the places of Lingjun's first hosts."""
    fabric = nodes(TRACES / "topology_lingjun_2023.csv.gz")
    return inventory(on_fabric(nodes(TRACES / "helios_venus_2020_nodes.csv.gz"), fabric))


@pytest.fixture(scope="session")
def helios(venus: Inventory) -> Jobs:
    """The first 800 jobs of Helios, as dense as makes them wait: their last hours ask for more than there is."""
    jobs = first(read(TRACES / "helios_venus_2020_15k.csv.gz"), 800, None)
    return possible(loaded(jobs, 3.0, venus.total), venus)


@pytest.fixture
def small() -> Inventory:
    """Four nodes of eight accelerators under two leaves."""
    return inventory([NodeFact(f"n{i}", "v100", 8, leaf=f"l{i // 2}") for i in range(4)])
