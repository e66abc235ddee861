"""A TrainingJob from its first look to its end, in a world without an API server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crosstree.base.errors import AlreadyExists, Conflict, Refused, Unavailable
from crosstree.core.cluster import Binding
from crosstree.core.pods import PodFact
from crosstree.core.snapshot import NodeState
from crosstree.reconcilers.trainingjob import TrainingJobReconciler
from crosstree.reconcilers.trainingjob.expectations import TAKEN_AFTER
from tests.support.builders.jobs import KEY, T0, a_job, a_pod
from tests.support.virtual_jobs import Killed, VirtualJobs
from tests.support.virtual_pods import Outcome, VirtualPod

LONG = Outcome(ticks=100_000)


def a_world(workers: int = 3, **changes: Any) -> VirtualJobs:
    spec = {name: changes.pop(name) for name in list(changes) if name not in VirtualJobs.__dataclass_fields__}
    changes.setdefault("behaviour", lambda attempt, index: LONG)
    return VirtualJobs(a_job(workers, created=T0 - 5, **spec), **changes)


def status(world: VirtualJobs) -> dict:
    return dict(world.job.progress.observed)


async def test_a_gang_starts_with_one_status_write_and_runs_with_another() -> None:
    world = await a_world(16).run(20)
    assert world.phases == ["Starting", "Running"]
    assert world.writes == 16 + 1 + 2  # pods, Service, status


async def test_a_gang_that_runs_causes_no_write() -> None:
    world = await a_world().run(10)
    before = world.writes
    await world.run(100)
    assert world.writes == before


async def test_the_placement_is_stored_before_any_pod_is_made() -> None:
    world = a_world(kill_at=frozenset({1}), kill_before=True)
    with pytest.raises(Killed):
        await TrainingJobReconciler(world, world).reconcile(KEY, T0)
    assert world.pods == {}


async def test_a_lost_race_keeps_the_placement_reserved_until_the_job_is_read_again() -> None:
    class Raced(VirtualJobs):
        async def patch_status(self, *args: Any, **more: Any) -> Any:
            if not self.job.suspend:
                raise Conflict("somebody wrote first", status=409)
            return await super().patch_status(*args, **more)

    world = Raced(a_job(created=T0 - 5))
    operator = TrainingJobReconciler(world, world)
    with pytest.raises(Conflict):
        await operator.reconcile(KEY, T0)
    assert world._given is not None  # the write that won may have been ours, its answer lost
    world.update(suspend=True)
    await operator.reconcile(KEY, T0 + 1)
    assert world._given is None
    assert world.pods == {}


async def test_a_lost_answer_keeps_the_placement_reserved() -> None:
    class Silent(VirtualJobs):
        async def patch_status(self, *args: Any, **more: Any) -> Any:
            raise Unavailable("no answer")

    world = Silent(a_job(created=T0 - 5))
    with pytest.raises(Unavailable):
        await TrainingJobReconciler(world, world).reconcile(KEY, T0)
    assert world._given is not None


@pytest.mark.parametrize(("status", "kept"), [(403, True), (422, False)])
async def test_a_placement_refused_for_want_of_rights_stays_reserved_until_they_are_back(
    status: int, kept: bool
) -> None:
    class Refusing(VirtualJobs):
        async def patch_status(self, *args: Any, **more: Any) -> Any:
            raise Refused("no", status=status)

    world = Refusing(a_job(created=T0 - 5))
    with pytest.raises(Refused):
        await TrainingJobReconciler(world, world).reconcile(KEY, T0)
    assert (world._given is not None) is kept


async def test_direct_binding_names_the_node_in_the_pod() -> None:
    world = a_world()
    world.store.clusters["east"] = replace(world.store.clusters["east"], binding=Binding.DIRECT)
    await TrainingJobReconciler(world, world).reconcile(KEY, T0)
    assert [pod.body["spec"]["nodeName"] for pod in world.pods.values()] == ["n00", "n01", "n02"]


async def test_a_failed_gang_is_restarted_whole_and_keeps_its_numbers() -> None:
    world = await a_world(behaviour=lambda attempt, index: Outcome(3, int(attempt == 1 and index == 1))).run(
        60
    )
    assert world.violations == []
    assert (status(world)["phase"], status(world)["attempt"], status(world)["restartsCharged"]) == (
        "Succeeded",
        2,
        1,
    )
    assert world.phases.index("Recovering") < len(world.phases) - 2


async def test_a_job_that_keeps_failing_fails_with_the_reason_and_keeps_its_failed_pods() -> None:
    world = a_world(max_restarts=1, behaviour=lambda attempt, index: Outcome(3, 9) if index == 1 else LONG)
    await world.run(60)
    end = next(c for c in status(world)["conditions"] if c["type"] == "Finished")
    assert end["reason"] == "MaxRestartsExceeded"
    assert end["message"].startswith("Worker 1 on node n01 failed: exit code 9.")
    await world.run(5)
    assert list(world.pods) == ["train-worker-1"]


async def test_a_lost_node_is_left_at_once_and_its_pod_removed_by_force() -> None:
    world = await a_world().run(8)
    world.lose("n01")
    await world.run(20)
    assert status(world)["phase"] == "Running"
    assert "n01" not in {share["name"] for share in status(world)["placement"]["nodes"]}
    assert (status(world)["attempt"], status(world)["restartsCharged"]) == (2, 0)


async def test_a_node_that_stays_silent_is_given_up_after_the_bound_and_never_before() -> None:
    world = await a_world().run(8)
    world.fail("n01")
    await world.run(295)
    assert list(world.pods) == ["train-worker-1"]
    await world.run(25)
    assert status(world)["phase"] == "Running"
    assert "n01" not in {share["name"] for share in status(world)["placement"]["nodes"]}
    assert world.violations == []


async def test_pods_on_an_unreachable_node_are_waited_for_and_named() -> None:
    world = await a_world().run(8)
    world.fail("n01")
    await world.run(120)
    message = next(c for c in status(world)["conditions"] if c["type"] == "Recovering")["message"]
    assert status(world)["phase"] == "Recovering"
    assert "Node n01 is NotReady and can't confirm that train-worker-1 ended" in message
    assert list(world.pods) == ["train-worker-1"]
    world.lose("n01")
    await world.run(20)
    assert status(world)["phase"] == "Running"


async def test_a_node_that_comes_back_ends_the_waiting() -> None:
    world = await a_world().run(8)
    world.fail("n01")
    await world.run(60)
    world.nodes["n01"] = NodeState.USABLE
    await world.run(20)
    assert (status(world)["phase"], world.violations) == ("Running", [])


async def test_a_deleted_pod_restarts_the_gang() -> None:
    world = await a_world().run(8)
    world.remove("train-worker-2")
    await world.run(20)
    assert [entry["reason"] for entry in status(world)["restarts"]] == ["PodDeleted"]
    assert (status(world)["phase"], status(world)["attempt"]) == ("Running", 2)


async def test_suspending_and_resuming() -> None:
    world = await a_world().run(8)
    world.update(suspend=True)
    await world.run(10)
    assert (status(world)["phase"], world.pods, "placement" in status(world)) == ("Suspended", {}, False)
    world.update(suspend=False)
    await world.run(10)
    assert (status(world)["phase"], status(world)["attempt"]) == ("Running", 2)


async def test_a_job_suspended_from_birth_is_never_placed() -> None:
    world = await a_world(suspend=True).run(30)
    assert (world.phases, world.pods) == (["Suspended"], {})


async def test_refused_pods_are_taken_back_and_tried_again_after_a_pause() -> None:
    world = await a_world(refusing=10).run(20)
    assert (world.pods, status(world)["waiting"]["reason"]) == ({}, "PodsRefused")
    assert "exceeded quota" in status(world)["waiting"]["message"]
    await world.run(30)
    assert (status(world)["phase"], world.violations) == ("Running", [])


async def test_pauses_grow_while_the_server_refuses() -> None:
    world = await a_world(refusing=10_000).run(1200)
    at = [entry["at"] for entry in status(world)["restarts"]]
    assert 5 <= len(at) <= 6


async def test_a_service_that_is_refused_withdraws_the_gang() -> None:
    class NoServices(VirtualJobs):
        async def create_service(self, namespace: str, body: bytes) -> None:
            raise Refused("services is forbidden", status=403)

    world = NoServices(a_job(created=T0 - 5))
    await world.run(5)
    assert "Service train could not be created: services is forbidden" in status(world)["waiting"]["message"]
    assert world.pods == {}


@pytest.mark.parametrize(
    "answer",
    [Unavailable("503"), Refused("services is forbidden", status=403)],
    ids=["struggling", "refused"],
)
async def test_a_service_that_cannot_be_made_again_leaves_the_running_gang_alone(answer: Exception) -> None:
    class Moody(VirtualJobs):
        async def create_service(self, namespace: str, body: bytes) -> None:
            if self.now > T0 + 1000:
                raise answer
            await super().create_service(namespace, body)

    world = Moody(a_job(created=T0 - 5), behaviour=lambda attempt, index: LONG)
    await world.run(10)
    world.services, world.now = 0, T0 + 7200
    with pytest.raises(type(answer)):
        await TrainingJobReconciler(world, world).reconcile(KEY, world.now)
    assert (status(world)["phase"], len(world.pods)) == ("Running", 2)


async def test_a_name_taken_by_an_unseen_pod_withdraws_the_gang_after_a_while() -> None:
    class Taken(VirtualJobs):
        async def create_pod(self, namespace: str, body: bytes) -> None:
            if b'"train-worker-1"' in body:
                raise AlreadyExists("exists", status=409)
            await super().create_pod(namespace, body)

    world = Taken(a_job(created=T0 - 5), behaviour=lambda attempt, index: LONG)
    await world.run(int(TAKEN_AFTER) + 15)
    assert (
        "Pod train-worker-1 could not be created: a pod of that name" in status(world)["waiting"]["message"]
    )
    assert world.pods == {}


async def test_a_pod_of_a_deleted_namesake_is_waited_for_and_not_adopted() -> None:
    world = a_world()
    old = a_pod(0, job_uid="uid-of-old", uid="old", node="n00")
    world.pods[old.name] = VirtualPod(old, {})
    await world.run(5)
    assert (world.job.progress.placement, list(world.pods)) == (None, [old.name])
    assert old.name in status(world)["waiting"]["message"]
    del world.pods[old.name]
    await world.run(10)
    assert status(world)["phase"] == "Running"


async def test_a_finished_job_is_deleted_when_its_time_is_over() -> None:
    world = a_world(ttl_after_finished=30.0, behaviour=lambda attempt, index: Outcome(2))
    await world.run(20)
    assert (status(world)["phase"], world.exists) == ("Succeeded", True)
    world.now += 30
    await world.run(1)
    assert not world.exists


async def test_a_job_being_deleted_is_left_to_the_garbage_collector() -> None:
    world = await a_world().run(8)
    before = world.writes
    world.update(deleting=True)
    await world.run(10)
    assert world.writes == before


async def test_events_tell_the_story_once() -> None:
    world = await a_world(behaviour=lambda attempt, index: Outcome(3)).run(30)
    assert [reason for _, reason, _ in world.events] == ["GangPlaced", "Running", "Succeeded"]


async def test_a_watch_that_lags_makes_nothing_twice() -> None:
    world = await a_world(16, lagging=True).run(20)
    assert (world.phases, world.writes) == (["Starting", "Running"], 16 + 1 + 2)


async def test_a_job_that_cannot_be_understood_says_so_once_and_nothing_else_changes() -> None:
    world = a_world()
    raw = {
        "metadata": {
            "namespace": "ml",
            "name": "train",
            "uid": "uid-train",
            "resourceVersion": "1",
            "generation": 4,
        },
        "spec": {"workers": "x"},
    }
    world.broken_raw = raw
    await world.run(5)
    assert (world.phases, world.writes, world.pods) == (["Pending"], 1, {})
    assert status(world)["waiting"]["reason"] == "InvalidSpec"
    assert "spec.workers" in status(world)["waiting"]["message"]


async def test_a_service_deleted_behind_our_back_is_made_again() -> None:
    world = a_world()
    await world.run(3)
    assert world.services == 1
    world.services = 0
    world.now += 10
    await TrainingJobReconciler(world, world).reconcile(KEY, world.now)
    assert world.services == 1


class Blind(VirtualJobs):
    """A world whose watch shows no pod at all for a while."""

    sees_from = T0 + 25

    def pods_of(self, namespace: str, job_name: str) -> tuple[PodFact, ...]:
        return super().pods_of(namespace, job_name) if self.now >= self.sees_from else ()


async def test_pods_that_the_watch_does_not_show_for_long_are_not_made_again_nor_given_up() -> None:
    world = Blind(a_job(created=T0 - 5), behaviour=lambda attempt, index: LONG)
    await world.run(20)
    pods = {pod.fact.uid for pod in world.pods.values()}
    assert (world.phases, len(pods)) == (["Starting"], world.job.gang.workers)
    await world.run(15)
    assert (status(world)["phase"], status(world)["attempt"]) == ("Running", 1)
    assert ({pod.fact.uid for pod in world.pods.values()}, world.violations) == (pods, [])


async def test_places_are_not_given_up_while_pods_live_that_the_watch_does_not_show() -> None:
    world = Blind(a_job(created=T0 - 5), behaviour=lambda attempt, index: LONG)
    await world.run(3)
    world.update(suspend=True)
    await world.run(15)
    assert world.pods
    assert world.job.progress.placement is not None
    await world.run(20)
    assert (status(world)["phase"], world.pods, world.job.progress.placement) == ("Suspended", {}, None)


class Behind(VirtualJobs):
    """A world whose watch does not show the pod of worker 2 for a while."""

    behind_until = T0

    def pods_of(self, namespace: str, job_name: str) -> tuple[PodFact, ...]:
        found = super().pods_of(namespace, job_name)
        return found if self.now >= self.behind_until else tuple(pod for pod in found if pod.index != 2)


async def test_a_new_leader_spares_a_ready_gang_whose_pods_its_watch_does_not_show_yet() -> None:
    world = Behind(a_job(3, created=T0 - 5), behaviour=lambda attempt, index: LONG)
    await world.run(8)
    assert status(world)["phase"] == "Running"
    world.behind_until = world.now + 20
    successor = TrainingJobReconciler(world, world)
    for _ in range(5):
        await successor.reconcile(KEY, world.now)
        world.now += 1
    assert (status(world)["phase"], status(world)["attempt"], "restarts" in status(world)) == (
        "Running",
        1,
        False,
    )
    world.remove("train-worker-2")
    await world.run(40)
    assert [entry["reason"] for entry in status(world)["restarts"]] == ["PodDeleted"]
