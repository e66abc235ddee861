"""The live cluster: what counts as used, who waits, and that a quiet cluster stays the same snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from crosstree.adapters import wire
from crosstree.adapters.livecluster import LiveCluster
from crosstree.adapters.resources import Kind
from crosstree.base.clock import VirtualClock
from crosstree.base.errors import SpecError
from crosstree.catalog.load import load, load_fabrics
from crosstree.core.cluster import Cluster, PoolObject, Queue, Selector
from crosstree.core.cycle import run_cycle
from crosstree.core.job import Job, Placement, Progress, Restart
from crosstree.core.plan import Decision, NodeShare, Place, Plan, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.snapshot import NodeState, Snapshot
from crosstree.core.workload import Gang, NodeConstraint
from tests.unit.adapters.objects import GPU, a_node, a_pod, our_pod

H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}


class Ready:
    """Reads raw objects that carry their domain object."""

    def _of(self, raw: Mapping[str, Any]) -> Any:
        if isinstance(raw["object"], SpecError):
            raise raw["object"]
        return raw["object"]

    cluster = pool = queue = job = _of


@dataclass
class Heard:
    marks: list[tuple[str, str]] = field(default_factory=list)
    woken: int = 0

    def mark(self, kind: Kind, key: str) -> None:
        self.marks.append((kind, key))

    def wake(self) -> None:
        self.woken += 1

    def wake_lazily(self) -> None:
        self.woken += 1


class World:
    """A live cluster of four nodes with eight devices, an AICluster `east` and the default queue."""

    def __init__(self, nodes: int = 4) -> None:
        self.clock = VirtualClock(1000.0)
        self.heard = Heard()
        self.live = LiveCluster(load(), load_fabrics(), Ready(), self.clock, self.heard)
        for at in range(nodes):
            self.node(f"n{at}")
        self.put(Kind.CLUSTER, Cluster("east", "uid-east", 1, "1", 0.0))
        self.put(Kind.QUEUE, Queue("default", "uid-q", 1, "1", 0.0))

    def node(self, name: str, **changes: Any) -> None:
        raw = a_node(name, **{"labels": H100, **changes})
        self.live.node_sink.put(msgspec.json.decode(msgspec.json.encode(raw), type=wire.Node))

    def pod(self, raw: dict[str, Any]) -> None:
        self.live.pod_sink.put(msgspec.json.decode(msgspec.json.encode(raw), type=wire.Pod))

    def put(self, kind: Kind, one: Any, error: SpecError | None = None) -> None:
        namespace = getattr(one, "namespace", "")
        meta = {"name": one.name, "uid": one.uid, "resourceVersion": one.resource_version}
        raw = {"metadata": meta | ({"namespace": namespace} if namespace else {}), "object": error or one}
        self.live.store.put(kind, raw)

    def drop(self, kind: Kind, one: Any) -> None:
        meta = {"name": one.name, "uid": one.uid}
        self.live.store.drop(
            kind, {"metadata": meta | ({"namespace": one.namespace} if kind is Kind.JOB else {})}
        )

    @property
    def east(self) -> Snapshot:
        (snapshot,) = self.live.view()
        return snapshot

    def free(self, name: str) -> int:
        snapshot = self.east
        return int(snapshot.free[snapshot.names.index(name), snapshot.resources.index(GPU)])

    def waiting(self) -> list[str]:
        return [gang.key for gang in self.east.gangs]


def a_job(name: str = "j", version: int = 1, **changes: Any) -> Job:
    key = f"default/{name}"
    workers = changes.pop("workers", 2)
    asked = {"requests": (("cpu", 500),)} | changes.pop("gang", {})
    gang = Gang(key, f"uid-{name}", workers, 8, **asked)
    made = Job(
        key, "default", name, f"uid-{name}", 1, str(version), 0.0, "", "default", "", "pytorch", gang, {}
    )
    return replace(made, **changes)


def place(job: Job, *nodes: str) -> Place:
    shares = tuple(NodeShare(name, at, 1) for at, name in enumerate(nodes))
    return Place(job.key, job.uid, "east-nvidia-h100-sxm", "nvidia-h100-sxm", GPU, shares, ())


def placed(job: Job, *nodes: str, version: int = 2, attempt: int = 1, **changes: Any) -> Job:
    decision = place(job, *nodes)
    where = Placement(decision.pool, decision.model, decision.resource, decision.nodes)
    conditions = ({"type": "Placed", "status": "True"},)
    progress = Progress(attempt=attempt, placement=where, conditions=conditions, **changes)
    return replace(job, resource_version=str(version), progress=progress)


def plan(*decisions: Decision) -> Plan:
    return Plan("east", 1, decisions)


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


def test_job_waits_until_it_is_placed_and_its_place_counts_from_the_decision_on(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    assert world.waiting() == ["default/j"]
    world.live.apply(plan(place(job, "n0", "n1")))
    assert world.waiting() == []
    assert (world.free("n0"), world.free("n1"), world.free("n2")) == (0, 0, 8)
    assert isinstance(world.live.decision_for(job.key, job.uid), Place)
    assert world.live.decision_for(job.key, "other") is None


def test_place_stays_counted_once_from_decision_to_bound_pods(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n0", "n1")))
    generation = world.east.generation
    world.live.carried_out(job.key, job.uid)
    assert world.live.decision_for(job.key, job.uid) is None
    world.put(Kind.JOB, job)  # an event of the state before the write
    assert world.waiting() == []
    world.put(Kind.JOB, placed(job, "n0", "n1"))
    for index in range(2):
        world.pod(our_pod("j", index, spec=pinned(), phase="Pending"))
    assert world.free("n0") == 0
    for index in range(2):
        world.pod(our_pod("j", index, spec=pinned(f"n{index}"), phase="Running"))
    assert world.free("n0") == 0
    assert world.east.generation == generation
    for index in range(2):
        world.pod(our_pod("j", index, spec=pinned(f"n{index}"), phase="Succeeded"))
    assert (world.free("n0"), world.free("n1")) == (8, 8)


def pinned(node: str = "") -> dict[str, Any]:
    """The spec of a worker as it is counted: what `a_job` asks for."""
    return {"nodeName": node, "containers": [{"resources": {"requests": {"cpu": "500m", GPU: "8"}}}]}


def test_stored_place_without_pods_is_held_after_a_restart(world: World) -> None:
    world.put(Kind.JOB, placed(a_job(), "n2", "n3"))
    assert (world.free("n2"), world.free("n3")) == (0, 0)


def test_pod_of_an_earlier_attempt_counts_beside_the_place_held(world: World) -> None:
    world.put(Kind.JOB, placed(a_job(), "n2", "n3", attempt=2))
    world.pod(our_pod("j", 0, attempt=1, node="n1", gpus=8))
    assert (world.free("n1"), world.free("n2")) == (0, 0)


def test_deleted_and_finished_jobs_hold_nothing(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, placed(job, "n0", "n1"))
    world.drop(Kind.JOB, job)
    assert world.free("n0") == 8
    done = placed(a_job("k"), "n0", "n1")
    ended = (*done.progress.conditions, {"type": "Finished", "status": "True"})
    world.put(Kind.JOB, replace(done, progress=replace(done.progress, conditions=ended)))
    assert world.free("n0") == 8


def test_place_given_back_is_free(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n0", "n1")))
    world.live.give_back(job.key, job.uid)
    assert world.free("n0") == 8


def test_a_foreign_pod_that_goes_has_the_loop_look_again(world: World) -> None:
    world.pod(a_pod("foreign", node="n0"))
    assert world.free("n0") < 8
    before = world.heard.woken
    world.pod(a_pod("foreign", node="n0", phase="Succeeded"))
    assert world.heard.woken == before + 1
    assert world.free("n0") == 8


def test_job_deleted_while_its_pods_are_created_holds_its_place_until_that_has_ended(world: World) -> None:
    job = placed(a_job(), "n0", "n1")
    world.put(Kind.JOB, job)
    assert world.free("n0") == 0
    with world.live.launching(job.key):
        world.drop(Kind.JOB, job)
        assert world.free("n0") == 0
    assert world.free("n0") == 8


def test_place_of_a_deleted_job_of_the_same_name_is_not_inherited(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.apply(plan(place(job, "n0", "n1")))
    again = replace(job, uid="uid-new", gang=replace(job.gang, uid="uid-new"), resource_version="9")
    world.put(Kind.JOB, again)
    assert world.free("n0") == 8
    assert world.live.decision_for(job.key, "uid-new") is None
    world.live.apply(plan(place(job, "n0", "n1")))
    assert world.free("n0") == 8


def test_of_two_gangs_stored_on_one_place_both_see_that_it_is_crowded(world: World) -> None:
    mine, theirs = placed(a_job("mine"), "n0", "n1"), placed(a_job("theirs"), "n1", "n2")
    world.put(Kind.JOB, mine)
    assert [node.crowded for node in world.live.health_of(mine)] == [0, 0]
    world.put(Kind.JOB, theirs)
    assert [node.crowded for node in world.live.health_of(mine)] == [0, 8]
    assert [node.crowded for node in world.live.health_of(theirs)] == [8, 0]


def test_a_node_that_failed_a_gang_twice_is_banned(world: World) -> None:
    twice = tuple(Restart(at=at, reason="NodeLost", node="n3", charged=False) for at in (800.0, 900.0))
    world.put(Kind.JOB, replace(a_job(), progress=Progress(attempt=1, restarts=twice)))
    assert world.east.gangs[0].banned == ("n3",)
    world.clock.advance(150)
    assert (world.east.gangs[0].avoid, world.east.gangs[0].banned) == (("n3",), ())


def test_nodes_that_failed_a_gang_lately_are_avoided(world: World) -> None:
    restart = Restart(at=900.0, reason="NodeLost", node="n3", charged=False)
    world.put(Kind.JOB, replace(a_job(), progress=Progress(attempt=1, restarts=(restart,))))
    assert world.east.gangs[0].avoid == ("n3",)
    world.clock.advance(3600)
    assert world.east.gangs[0].avoid == ()


def test_verdicts_are_told_once_and_forgotten_when_the_job_is_placed(world: World) -> None:
    job = a_job()
    world.put(Kind.JOB, job)
    world.live.view()
    world.heard.marks.clear()
    verdict = Wait(job.key, job.uid, WaitReason.NOT_ENOUGH_FREE, "not now")
    world.live.apply(plan(verdict))
    world.live.apply(plan(verdict))
    assert world.heard.marks == [("TrainingJob", job.key)]
    assert world.live.decision_for(job.key, job.uid) == verdict
    world.put(Kind.JOB, placed(job, "n0", "n1"))
    world.live.view()
    assert world.live.decision_for(job.key, job.uid) is None


def test_job_that_cannot_be_admitted_is_told_why_by_the_next_view(world: World) -> None:
    job = replace(a_job(), queue="nobody")
    world.put(Kind.JOB, job)
    assert world.waiting() == []
    verdict = world.live.decision_for(job.key, job.uid)
    assert isinstance(verdict, Wait)
    assert verdict.reason is WaitReason.QUEUE_NOT_FOUND
    world.put(Kind.QUEUE, Queue("nobody", "u", 1, "1", 0.0))
    assert world.waiting() == ["default/j"]


def test_priority_comes_from_the_class(world: World) -> None:
    world.put(Kind.JOB, replace(a_job(), priority_class="high"))
    assert world.waiting() == []
    world.live.set_priorities({"high": 7})
    assert world.east.gangs[0].priority == 7


def test_a_namespace_that_gets_the_right_label_lets_its_jobs_into_the_queue(world: World) -> None:
    world.put(Kind.QUEUE, Queue("team", "uid-t", 1, "1", 0.0, namespaces=Selector((("team", "a"),))))
    job = replace(a_job(), queue="team")
    world.put(Kind.JOB, job)
    assert world.waiting() == []
    verdict = world.live.decision_for(job.key, job.uid)
    assert isinstance(verdict, Wait)
    assert verdict.reason is WaitReason.QUEUE_NOT_ALLOWED
    world.live.set_namespaces({"default": {"team": "a"}, "other": {}})
    assert world.waiting() == ["default/j"]


def test_a_job_is_news_to_its_queue_and_to_those_above_it(world: World) -> None:
    world.put(Kind.QUEUE, Queue("all", "uid-a", 1, "1", 0.0))
    world.put(Kind.QUEUE, Queue("team", "uid-t", 1, "1", 0.0, parent="all"))
    world.heard.marks.clear()
    world.put(Kind.JOB, replace(a_job(), queue="team"))
    assert {key for kind, key in world.heard.marks if kind == Kind.QUEUE} == {"team", "all"}


def test_a_job_that_leaves_the_line_is_news_to_its_queue(world: World) -> None:
    job = replace(a_job(), queue="team")
    world.put(Kind.QUEUE, Queue("team", "uid-t", 1, "1", 0.0))
    world.put(Kind.JOB, job)
    world.heard.marks.clear()
    told = Progress(observed={"waiting": {"reason": "ShapeImpossible", "message": "Larger than any pool."}})
    world.put(Kind.JOB, replace(job, resource_version="2", progress=told))
    assert (Kind.QUEUE, "team") in world.heard.marks


def test_a_pool_that_comes_is_news_to_the_queues_whose_quotas_may_name_its_model(world: World) -> None:
    pool = PoolObject("acme", "uid-p", 1, "1", 0.0, "east", "acme-1", "acme.com/one")
    world.put(Kind.POOL, pool)
    assert (Kind.QUEUE, "default") in world.heard.marks
    world.heard.marks.clear()
    world.put(Kind.POOL, replace(pool, resource_version="2", schedulable=False))
    assert (Kind.QUEUE, "default") not in world.heard.marks


def test_another_quota_is_news_to_every_queue(world: World) -> None:
    world.put(Kind.QUEUE, Queue("team", "uid-t", 1, "1", 0.0))
    world.heard.marks.clear()
    world.put(Kind.QUEUE, Queue("team", "uid-t", 2, "2", 0.0, weight=2.0))
    assert {key for kind, key in world.heard.marks if kind == Kind.QUEUE} == {"team", "default"}
    assert [one.weight for one in world.east.queues] == [1.0, 2.0]


def test_mask_of_a_gang_follows_the_labels_of_nodes(world: World) -> None:
    job = a_job(gang={"constraint": NodeConstraint(selector=(("tier", "gold"),))})
    world.put(Kind.JOB, job)
    constraint = job.gang.demands(GPU)
    assert not world.east.masks[constraint].any()
    generation = world.east.generation
    world.node("n2", labels={**H100, "tier": "gold"})
    assert world.east.masks[constraint].tolist() == [False, False, True, False]
    assert world.east.generation > generation


@pytest.mark.parametrize(("devices", "admitted"), [(8, True), (0, False)])
def test_the_taint_of_a_resource_keeps_away_who_does_not_ask_for_it(
    world: World, devices: int, admitted: bool
) -> None:
    for name in ("n0", "n1", "n2", "n3"):
        world.node(name, taints=[{"key": GPU, "value": "present", "effect": "NoSchedule"}])
    job = a_job()
    world.put(Kind.JOB, replace(job, gang=replace(job.gang, devices=devices)))
    (plan,) = [run_cycle(snapshot, Policy(), 0.0) for snapshot in world.live.view()]
    assert isinstance(plan.decisions[0], Place) is admitted


def test_trouble_of_a_node_reaches_the_jobs_on_it(world: World) -> None:
    job = placed(a_job(), "n0", "n1")
    world.put(Kind.JOB, job)
    world.put(Kind.JOB, placed(a_job("k"), "n2", "n3"))
    world.heard.marks.clear()
    world.node("n1", ready="Unknown")
    assert [mark for mark in world.heard.marks if mark[0] == Kind.JOB] == [("TrainingJob", "default/j")]
    first, second = world.live.health_of(job)
    assert (first.state, second.state, second.exists) == (NodeState.USABLE, NodeState.NOT_READY, True)


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


def test_a_job_that_is_only_told_something_is_not_counted_anew(world: World) -> None:
    world.put(Kind.JOB, a_job())
    assert {("AICluster", "east"), ("JobQueue", "default")} <= set(world.heard.marks)
    world.heard.marks.clear()
    told = Progress(observed={"waiting": {"reason": "NotEnoughFree"}})
    world.put(Kind.JOB, replace(a_job(version=2), progress=told))
    assert world.heard.marks == [("TrainingJob", "default/j")]
    world.put(Kind.JOB, placed(a_job(), "n0", "n1", version=3))
    assert {("AICluster", "east"), ("JobQueue", "default")} <= set(world.heard.marks)
