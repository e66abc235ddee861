"""The short form of the fault campaign, with a fixed seed: many kinds once, some kills, some hostile objects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.campaign import finale, play
from tests.chaos.fuzz import fuzz
from tests.chaos.kills import kill_many
from tests.chaos.kinds import BRIEF, KINDS
from tests.chaos.stage import Stage, staged
from tests.support.control_plane import given

SEED = 4
KILLS, GANGS = 25, 20
OBJECTS = 900

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if given() is not None:
        pytest.skip("breaks its cluster: runs on a local one only")
    with staged(tmp_path_factory.mktemp("chaos"), SEED) as stage:
        stage.stand()
        yield stage


@pytest.mark.parametrize("name", sorted(BRIEF))
def test_all_is_well_after(stage: Stage, name: str) -> None:
    played = play(stage, [KINDS[name]])
    assert not played.breaches, "\n".join([KINDS[name].says, *played.breaches])


def test_operators_killed_at_random_moments_lose_nothing(stage: Stage) -> None:
    toll = kill_many(stage, KILLS, GANGS, lambda _: None)
    assert not toll.breaches, "\n".join(toll.breaches)
    assert (toll.kills, toll.gangs) == (KILLS, GANGS)


def test_hostile_objects_are_refused_or_dealt_with(stage: Stage) -> None:
    done = fuzz(stage, OBJECTS, SEED, lambda _: None)
    assert not done.breaches, "\n".join(done.breaches)
    assert min(done.refused, done.accepted) > OBJECTS / 20


def test_after_all_that_an_idle_operator_writes_nothing(stage: Stage) -> None:
    assert not finale(stage).breaches
