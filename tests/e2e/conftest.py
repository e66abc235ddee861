"""One world of real nodes for all of this folder; each test leaves it whole for the next."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.support.aftermath import aftermath
from tests.support.real_world import SOON, Built, World, fleet, real_world
from tests.support.trials import Trials
from tests.support.waiting import eventually


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Start the nodes and install the operator, once."""
    with real_world(Built.found(), tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture(scope="session")
def trials(world: World) -> Trials:
    """Whether the nodes are whole, kept from one test to the next: each start of a kubelet is tried once."""
    return Trials(world, fleet())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure all there is to see of the cluster: it is gone when somebody reads about it."""
    report = yield
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and world is not None:
        report.sections.append(("the cluster after the failure", aftermath(world)))
    return report


@pytest.fixture(autouse=True)
def _whole_again(world: World, trials: Trials) -> Iterator[None]:
    """Begin each test with three whole nodes, two ready operators, one of which leads, and no jobs."""
    yield
    world.kubectl("delete", "trainingjobs", "--all", "--namespace", world.namespace, "--wait=false")
    world.kubectl("delete", "pods", "--all", "--namespace", world.namespace, "--wait=false")
    eventually(
        lambda: world.kubectl.list("pods", world.namespace),
        until=lambda left: not left,
        within=SOON,
        what="every pod was gone",
    )
    trials.wait_whole()
    eventually(lambda: len(world.operators()) == 2, within=SOON, what="both operators were ready")
    world.wait_led()
