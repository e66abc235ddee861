"""What every test may use. Fixtures live in tests/support; here they are only made known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.control_plane", "tests.support.crew"]

# Timings on a shared machine vary too much for hypothesis' deadline; the number of examples is what counts.
settings.register_profile(
    "explore", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("thorough", parent=settings.get_profile("explore"), max_examples=2000)
# The same examples for the same code, so that a test that fails says something about the change under test. Examples
# that nobody has seen are for `make explore`.
settings.register_profile("gate", parent=settings.get_profile("explore"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.fixture(autouse=True)
def _no_kubeconfig_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests away from whatever cluster the developer works on."""
    monkeypatch.delenv("KUBECONFIG", raising=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by folder and by fixture, so that nobody forgets: these need an API server, those a whole machine.

    End-to-end tests are left out of every run that does not ask for them by `-m e2e`.
    """
    cluster_tests = Path(__file__).parent / "cluster"
    end_to_end = Path(__file__).parent / "e2e"
    fixtures = {"control_plane", "own_control_plane", "binaries"}
    for item in items:
        if item.path.is_relative_to(end_to_end):
            item.add_marker(pytest.mark.e2e)
        elif item.path.is_relative_to(cluster_tests) or fixtures & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.cluster)
    if "e2e" not in config.option.markexpr.replace("not e2e", ""):
        left_out = {item for item in items if item.get_closest_marker("e2e")}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
