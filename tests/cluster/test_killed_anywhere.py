"""Kill the operator at any write, start another: the same job runs, nothing is made twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crosstree.base.names import API_VERSION
from tests.support.crew import Crew
from tests.support.killing_proxy import Moment, Write
from tests.support.objects import a_cluster, a_job
from tests.support.operated import Operated, h100, installed
from tests.support.operator_forks import OperatorForks
from tests.support.waiting import eventually

WORKERS = 4
OURS = "/apis/crosstree.dev/v1alpha1"
STATUS = f"{OURS}/namespaces/[^/]+/trainingjobs/[^/]+/status"
PODS = "/api/v1/namespaces/[^/]+/pods"

STARTING = [
    Write("placement", "PATCH", STATUS, '"placement":{'),
    Write("first-pod", "POST", PODS),
    Write("middle-pod", "POST", PODS, nth=3),
    Write("last-pod", "POST", PODS, nth=WORKERS),
    Write("service", "POST", "/api/v1/namespaces/[^/]+/services"),
    Write("running", "PATCH", STATUS, '"phase":"Running"'),
    Write("first-event", "POST", "/api/v1/namespaces/[^/]+/events"),
    Write("finish", "PATCH", STATUS, '"phase":"Succeeded"'),
    Write("pool", "POST", f"{OURS}/acceleratorpools"),
    Write("cluster-status", "PATCH", f"{OURS}/aiclusters/[^/]+/status"),
    Write("queue", "POST", f"{OURS}/jobqueues"),
    Write("queue-status", "PATCH", f"{OURS}/jobqueues/[^/]+/status"),
]
RESTARTING = [
    Write("recovering", "PATCH", STATUS, '"phase":"Recovering"'),
    Write("first-deletion", "DELETE", f"{PODS}/[^/]+"),
    Write("last-deletion", "DELETE", f"{PODS}/[^/]+", nth=WORKERS),
    Write("release", "PATCH", STATUS, '"placement":null'),
    Write("second-placement", "PATCH", STATUS, '"attempt":2.*"placement":{|"placement":{.*"attempt":2'),
    Write("second-attempts-pod", "POST", PODS, nth=WORKERS + 2),
]
ALONE = [
    Write("worker-recorded", "PATCH", STATUS, '"rung":"Worker"'),
    Write("workers-deletion", "DELETE", f"{PODS}/[^/]+"),
    Write("worker-anew", "POST", PODS, nth=WORKERS + 1),
]
_TRAIN = STATUS.replace("trainingjobs/[^/]+", "trainingjobs/train")
RESIZING = [
    Write("resizing", "PATCH", _TRAIN, '"phase":"Resizing"'),
    Write("deletion-to-resize", "DELETE", f"{PODS}/train-worker-1"),
    Write("release-to-resize", "PATCH", _TRAIN, '"placement":null'),
    Write("larger-placement", "PATCH", _TRAIN, '"attempt":2.*"placement":{|"placement":{.*"attempt":2'),
    Write("larger-attempts-pod", "POST", PODS, '"crosstree.dev/attempt":"2"', nth=5),
]
_QUEUE = f"{OURS}/jobqueues/group/status"
CHARGING = [
    Write("first-charge", "PATCH", _QUEUE, '"usedSeconds"'),
    Write("end-of-the-first-run", "PATCH", STATUS, '"placement":null'),
    Write("charge-of-the-first-run", "PATCH", _QUEUE, '"usedSeconds":[1-9]'),
    Write("end-of-the-last-run", "PATCH", STATUS, '"phase":"Succeeded"'),
]
MOMENTS = [pytest.param(moment, id=moment.value) for moment in Moment]


@pytest.fixture(scope="module")
def module_world() -> Iterator[Operated]:
    with installed(h100(8)) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.first_day(request.node.name) as world:
        yield world


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", STARTING, ids=lambda write: write.name)
def test_a_job_starts_and_ends_once_although_the_operator_is_killed_at(
    world: Operated, forks: OperatorForks, tmp_path: Path, write: Write, moment: Moment
) -> None:
    with Crew(world, forks, write, moment, tmp_path) as crew:
        world.kubectl.apply(a_cluster())
        world.apply(a_job(workers=WORKERS))
        crew.until_phase("Running", attempt=1)
        crew.until_served()
        world.finish()
        crew.until_phase("Succeeded", attempt=1)
        eventually(crew.was_killed, within=30, what=f"{write.name} came by; seen: {crew.killer.seen}")
        nothing_lost(world, attempts=1)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", RESTARTING, ids=lambda write: write.name)
def test_a_gang_restarts_once_although_the_operator_is_killed_at(
    world: Operated, forks: OperatorForks, tmp_path: Path, write: Write, moment: Moment
) -> None:
    with Crew(world, forks, write, moment, tmp_path) as crew:
        world.kubectl.apply(a_cluster())
        world.apply(a_job(workers=WORKERS))
        crew.until_phase("Running", attempt=1)
        world.fail(1, exit_code=5)
        crew.until_phase("Running", attempt=2)
        world.finish()
        crew.until_phase("Succeeded", attempt=2)
        eventually(crew.was_killed, within=30, what=f"{write.name} came by; seen: {crew.killer.seen}")
        nothing_lost(world, attempts=2)
        status = world.status()
        assert (status["restartsCharged"], len(status["restarts"])) == (1, 1)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", ALONE, ids=lambda write: write.name)
def test_a_worker_alone_is_charged_and_made_again_once_although_the_operator_is_killed_at(
    world: Operated, forks: OperatorForks, tmp_path: Path, write: Write, moment: Moment
) -> None:
    with Crew(world, forks, write, moment, tmp_path) as crew:
        world.kubectl.apply(a_cluster())
        alone = {"framework": {"name": "custom"}, "restart": {"scope": "Worker"}}
        world.apply(a_job(workers=WORKERS, **alone))
        crew.until_phase("Running", attempt=1)
        world.fail(1, exit_code=5)
        eventually(crew.was_killed, within=60, what=f"{write.name} came by; seen: {crew.killer.seen}")
        made = eventually(
            lambda: world.record.attempts("train", world.namespace)[1],
            until=lambda indices: len(indices) > WORKERS,
            within=60,
            what="the worker came anew",
        )
        assert sorted(made) == [0, 1, 1, 2, 3]
        crew.until_ready(WORKERS)
        world.finish()
        crew.until_phase("Succeeded", attempt=1)
        assert sorted(world.record.attempts("train", world.namespace)[1]) == [0, 1, 1, 2, 3]
        assert world.record.violations("train", world.namespace, remade=True) == []
        status = world.status()
        assert (status["restartsCharged"], len(status["restarts"])) == (1, 1)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", RESIZING, ids=lambda write: write.name)
def test_a_gang_grows_once_although_the_operator_is_killed_at(
    world: Operated, forks: OperatorForks, tmp_path: Path, write: Write, moment: Moment
) -> None:
    with Crew(world, forks, write, moment, tmp_path) as crew:
        hurried = {"preemption": {"mode": "LowerPriority", "minRuntime": "1s"}}
        world.kubectl.apply(a_cluster(scheduling=hurried))
        world.apply(a_job("other", workers=6))
        world.runs("other")
        world.apply(a_job(workers={"min": 2, "max": 8}, expectedDuration="12h"))
        crew.until_phase("Running", attempt=1)
        world.finish("other")
        crew.until_phase("Running", attempt=2)
        eventually(crew.was_killed, within=30, what=f"{write.name} came by; seen: {crew.killer.seen}")
        made = world.record.attempts("train", world.namespace)
        assert {attempt: sorted(indices) for attempt, indices in made.items()} == {
            1: [0, 1],
            2: list(range(8)),
        }
        assert world.record.violations("train", world.namespace) == []
        status = world.status()
        assert [(one["reason"], one["charged"]) for one in status["restarts"]] == [("Resized", False)]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", CHARGING, ids=lambda write: write.name)
def test_a_budget_is_charged_once_for_every_run_although_the_operator_is_killed_at(
    world: Operated, forks: OperatorForks, tmp_path: Path, write: Write, moment: Moment
) -> None:
    with Crew(world, forks, write, moment, tmp_path) as crew:
        budget = {"model": "*", "acceleratorHours": 1000}
        group = {"apiVersion": API_VERSION, "kind": "JobQueue", "metadata": {"name": "group"}}
        world.kubectl.apply(a_cluster(), group | {"spec": {"budgets": [budget]}})
        world.apply(a_job(workers=WORKERS, queue="group"))
        crew.until_phase("Running", attempt=1)
        held_for_a_second(world)
        world.fail(1, exit_code=5)
        crew.until_phase("Running", attempt=2)
        held_for_a_second(world)
        world.finish()
        crew.until_phase("Succeeded", attempt=2)
        eventually(crew.was_killed, within=30, what=f"{write.name} came by; seen: {crew.killer.seen}")
        status = world.status()
        held = [*status["runs"], {"since": status["placement"]["since"], "until": status["finishedAt"]}]
        row = eventually(
            lambda: world.kubectl.get("jobqueue", "group")["status"]["budgets"][0],
            until=lambda row: row["until"] >= status["finishedAt"],
            within=30,
            what="both runs are charged",
        )
        assert len(held) == 2
        assert row["usedSeconds"] == WORKERS * 8 * sum(seconds(one["since"], one["until"]) for one in held)


def held_for_a_second(world: Operated) -> None:
    """Wait until there is something to charge: times in the API have whole seconds."""
    since = datetime.fromisoformat(world.status()["placement"]["since"])
    eventually(lambda: datetime.now(UTC), until=lambda now: now > since + timedelta(seconds=1), within=5)


def seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def nothing_lost(world: Operated, *, attempts: int) -> None:
    """Every attempt had every worker exactly once, one attempt at a time, and all the rest is there."""
    made = world.record.attempts("train", world.namespace)
    assert {attempt: sorted(indices) for attempt, indices in made.items()} == {
        attempt: list(range(WORKERS)) for attempt in range(1, attempts + 1)
    }
    assert world.record.violations("train", world.namespace) == []
    assert [pod["status"]["phase"] for pod in world.pods()] == ["Succeeded"] * WORKERS
    assert world.kubectl.find("jobqueue", "default") is not None
    eventually(
        lambda: world.kubectl.get("aicluster", "east").get("status", {}),
        until=lambda seen: (
            [pool["total"] for pool in seen.get("pools", ())] == [64] and seen["accelerators"]["free"] == 64
        ),
        within=30,
        what="the AICluster said what there is",
    )
    assert len(world.kubectl.list("acceleratorpools")) == 1
