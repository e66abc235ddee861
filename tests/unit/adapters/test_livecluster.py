"""What snapshots are made of, and of which objects."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from crosstree.adapters import wire
from crosstree.adapters.resources import Kind
from crosstree.base.errors import SpecError
from crosstree.core.cluster import Cluster, PoolObject
from crosstree.core.plan import Wait, WaitReason
from tests.unit.adapters.liveworld import World, a_job, placed
from tests.unit.adapters.objects import GPU, a_node, a_pod, our_pod


@pytest.fixture
def world() -> World:
    return World()


def test_quiet_cluster_gives_the_very_same_snapshot(world: World) -> None:
    first = world.east
    assert world.east is first
    world.node("n0", version=7)
    world.pod(a_pod("elsewhere"))
    assert world.east is first


def test_foreign_pod_takes_devices_and_moves_the_generation(world: World) -> None:
    before = world.east.generation
    world.pod(a_pod("p", node="n1", gpus=3))
    assert world.free("n1") == 5
    assert world.east.generation > before
    assert world.heard.woken
    assert ("AICluster", "east") in world.heard.marks


def test_pool_is_found_from_real_labels(world: World) -> None:
    (pool,) = world.east.pools
    assert (pool.name, pool.profile.id, pool.resource) == ("east-nvidia-h100-sxm", "nvidia-h100-sxm", GPU)
    assert world.east.names == ("n0", "n1", "n2", "n3")


def test_devices_lost_under_running_pods_are_counted(world: World) -> None:
    job = placed(a_job(), "n0", "n1")
    world.put(Kind.JOB, job)
    world.pod(our_pod("j", 0, node="n0", gpus=8))
    world.node("n0", gpus=6, capacity=8)
    assert [one.overcommitted for one in world.live.health_of(job)] == [2, 0]


def test_node_that_is_gone_is_told_as_gone(world: World) -> None:
    job = placed(a_job(), "n0", "n1")
    world.put(Kind.JOB, job)
    world.live.node_sink.drop(msgspec.json.decode(msgspec.json.encode(a_node("n1")), type=wire.Node))
    assert [one.exists for one in world.live.health_of(job)] == [True, False]
    assert world.east.names == ("n0", "n2", "n3")


def test_closed_pool_is_not_schedulable(world: World) -> None:
    pool = PoolObject(
        "east-nvidia-h100-sxm",
        "u",
        1,
        "1",
        0.0,
        "east",
        "nvidia-h100-sxm",
        GPU,
        schedulable=False,
        owned=True,
    )
    world.put(Kind.POOL, pool)
    assert not world.east.pools[0].schedulable


def test_object_that_cannot_be_understood_is_kept_apart(world: World) -> None:
    job = a_job("bad")
    world.put(Kind.JOB, job, SpecError("no"))
    world.put(Kind.JOB, a_job("good"))
    assert world.waiting() == ["default/good"]
    assert str(world.live.store.broken[("TrainingJob", "default/bad")]) == "no"
    world.put(Kind.JOB, replace(job, resource_version="5"))
    assert not world.live.store.broken
    assert world.waiting() == ["default/bad", "default/good"]


def test_older_version_of_an_object_is_ignored(world: World) -> None:
    world.put(Kind.JOB, placed(a_job(), "n0", "n1", version=10))
    world.put(Kind.JOB, a_job(version=9))
    assert world.waiting() == []
    world.drop(Kind.JOB, replace(a_job(), uid="another"))
    assert "default/j" in world.live.store.jobs


def test_two_clusters_have_snapshots_of_their_own() -> None:
    world = World()
    world.put(Kind.CLUSTER, Cluster("west", "uid-west", 1, "1", 5.0))
    job = a_job()
    world.put(Kind.JOB, job)
    assert [snapshot.cluster for snapshot in world.live.view()] == ["east", "west"]
    assert all(not snapshot.gangs for snapshot in world.live.view())
    verdict = world.live.decision_for(job.key, job.uid)
    assert isinstance(verdict, Wait)
    assert verdict.reason is WaitReason.CLUSTER_NOT_FOUND
    world.put(Kind.JOB, replace(job, cluster="west", resource_version="2"))
    assert [len(snapshot.gangs) for snapshot in world.live.view()] == [0, 1]
    with pytest.raises(KeyError):
        world.live.snapshot_of("north")
