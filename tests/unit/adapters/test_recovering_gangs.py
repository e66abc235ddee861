"""The places of a gang that recovers: held until they are given back, offered to it first, never taken from others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from crosstree.adapters import wire
from crosstree.adapters.holds import Holds
from crosstree.adapters.resources import Kind
from crosstree.core.columns import Columns
from crosstree.core.cycle import run_cycle
from crosstree.core.job import Job, Recovery
from crosstree.core.plan import Place, Rung, Wait
from crosstree.core.policy import Policy
from tests.unit.adapters.liveworld import World, a_job, placed
from tests.unit.adapters.objects import GPU, a_pod, our_pod

STOPPING = ({"type": "Placed", "status": "False"}, {"type": "Recovering", "status": "True"})


@pytest.fixture
def world() -> World:
    """Two nodes, both full of the gang `lost`; another job waits."""
    world = World(nodes=2)
    world.put(Kind.JOB, running())
    for index in range(2):
        world.pod(our_pod("lost", index, node=f"n{index}", gpus=8))
    world.put(Kind.JOB, a_job("other"))
    return world


def running() -> Job:
    return placed(a_job("lost", created=500.0), "n0", "n1")


def stopping() -> Job:
    job = running()
    begun = Recovery(Rung.STOPPING, "NodeLost", "n1", 1000.0, "")
    return replace(
        job, resource_version="3", progress=replace(job.progress, conditions=STOPPING, recovery=begun)
    )


def released() -> Job:
    job = stopping()
    place = job.progress.placement
    assert place is not None
    lost = Recovery(Rung.WAITING, "NodeLost", "n1", 1000.0, "", pool=place.pool, nodes=place.nodes)
    return replace(job, resource_version="4", progress=replace(job.progress, placement=None, recovery=lost))


def gone(world: World, pod: dict[str, Any]) -> None:
    world.live.pod_sink.drop(msgspec.json.decode(msgspec.json.encode(pod), type=wire.Pod))


def test_nobody_gets_the_nodes_between_the_end_of_the_pods_and_the_next_place(world: World) -> None:
    world.put(Kind.JOB, stopping())
    for index in range(2):
        gone(world, our_pod("lost", index, node=f"n{index}", gpus=8))
    assert (world.free("n0"), world.free("n1")) == (0, 0)
    (other,) = run_cycle(world.east, Policy(), 1000.0).decisions
    assert isinstance(other, Wait)


def test_the_gang_that_lost_its_place_is_asked_first_and_gets_it_back(world: World) -> None:
    world.put(Kind.JOB, stopping())
    for index in range(2):
        gone(world, our_pod("lost", index, node=f"n{index}", gpus=8))
    world.put(Kind.JOB, released())
    first, second = run_cycle(world.east, Policy(), 1000.0).decisions
    assert isinstance(first, Place) and first.key == "default/lost"
    assert first.rung is Rung.SAME_NODES
    assert [share.name for share in first.nodes] == ["n0", "n1"]
    assert isinstance(second, Wait)


def test_an_operator_started_in_between_holds_the_same_places() -> None:
    world = World(nodes=2)
    world.put(Kind.JOB, a_job("other"))
    world.put(Kind.JOB, stopping())
    assert (world.free("n0"), world.free("n1")) == (0, 0)


def test_the_place_of_a_failed_worker_is_held_while_its_gang_is_about_to_recover(world: World) -> None:
    world.pod(our_pod("lost", 1, node="n1", gpus=8, phase="Failed"))
    assert world.free("n1") == 0


def test_a_place_that_a_worker_gave_up_and_a_stranger_took_is_the_strangers(world: World) -> None:
    done = our_pod("lost", 1, node="n1", gpus=8, phase="Succeeded")
    world.pod(done)
    assert world.free("n1") == 8
    world.pod(a_pod("stranger", node="n1", gpus=6))
    world.put(Kind.JOB, stopping())
    gone(world, done)
    assert world.free("n1") == 2


def test_workers_of_one_node_get_only_as_many_places_as_are_free(world: World) -> None:
    columns, request = world.live.columns, ((GPU, 4),)
    holds = Holds(columns)
    world.pod(a_pod("stranger", node="n1", gpus=4))
    world.pod(our_pod("lost", 1, node="n1", gpus=0))
    holds.set("default/x", request, {0: "n1", 1: "n1"}, if_free=True)
    assert (len(holds), columns.amount("n1", GPU), holds.amount("n1", GPU)) == (1, (8, 8), 4)
    holds.clear("default/x")
    assert (len(holds), columns.amount("n1", GPU), holds.amount("n1", GPU)) == (0, (8, 4), 0)


def test_a_place_that_is_only_held_has_lost_no_device(world: World) -> None:
    world.pod(our_pod("lost", 1, node="n1", gpus=8, phase="Failed"))
    world.pod(a_pod("stranger", node="n1", gpus=8))
    assert world.live.columns.amount("n1", GPU)[1] == 8
    assert [one.overcommitted for one in world.live.health_of(running())] == [0, 0]
    assert (
        world.live.columns.amount("n1", GPU)[1] == 16
    )  # the place of the failed worker is held all the same
    world.node("n1", gpus=6, capacity=8)
    assert [one.overcommitted for one in world.live.health_of(running())] == [0, 2]


def test_a_hold_that_moves_or_changes_leaves_nothing_behind() -> None:
    columns = Columns(lambda resource: resource == GPU)
    holds = Holds(columns)
    holds.set("a/x", ((GPU, 4),), {0: "n1"})
    holds.set("a/x", ((GPU, 2),), {0: "n2"})
    assert (holds.amount("n1", GPU), holds.amount("n2", GPU), columns.amount("n2", GPU)) == (0, 2, (0, 2))
    holds.clear("a/x")
    assert (len(holds), columns.pods) == (0, 0)
