"""What somebody else changed behind the operator's back is put right, or the job starts again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.objects import a_job
from tests.support.operated import SOON, Operated, h100, operated
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with operated(tmp_path_factory.mktemp("drift"), h100(4)) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world


def overwrite(world: Operated, kind: str, name: str, status: dict, namespace: str = "default") -> None:
    patch = json.dumps({"status": status})
    world.kubectl("-n", namespace, "patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)


def test_a_pod_deleted_by_somebody_restarts_the_gang_at_no_charge(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    world.kubectl.delete("pod", "train-worker-1", world.namespace)
    status = world.runs(attempt=2)
    (restart,) = status["restarts"]
    assert (restart["reason"], restart["charged"]) == ("PodDeleted", False)
    assert "worker" in restart["message"] and "by somebody else" in restart["message"]
    assert len(world.pods()) == 3
    assert world.record.violations("train", world.namespace) == []


def test_all_pods_deleted_at_once_are_one_restart(world: Operated) -> None:
    world.apply(a_job(workers=3))
    world.runs()
    world.kubectl("-n", world.namespace, "delete", "pods", "--all", "--wait=false")
    assert len(world.runs(attempt=2)["restarts"]) == 1
    assert world.record.violations("train", world.namespace) == []


def test_a_deleted_service_is_made_again_and_the_gang_runs_on(world: Operated) -> None:
    world.apply(a_job(workers=2))
    world.runs()
    first = eventually(lambda: world.kubectl.find("service", "train", world.namespace), within=SOON)
    world.kubectl.delete("service", "train", world.namespace)
    eventually(
        lambda: world.kubectl.get("service", "train", world.namespace)["metadata"]["uid"],
        until=lambda uid: uid != first["metadata"]["uid"],
        within=SOON,
    )
    assert world.status()["attempt"] == 1


def test_a_deleted_pool_is_made_again_and_the_gang_runs_on(world: Operated) -> None:
    world.apply(a_job(workers=2))
    world.runs()
    (pool,) = world.kubectl.list("acceleratorpools")
    world.kubectl.delete("acceleratorpool", pool["metadata"]["name"])
    again = eventually(
        lambda: world.kubectl.find("acceleratorpool", pool["metadata"]["name"]),
        until=lambda found: bool(found) and (found.get("status") or {}).get("total") == 32,
        within=SOON,
    )
    assert again["metadata"]["uid"] != pool["metadata"]["uid"]
    assert world.status()["attempt"] == 1


def test_what_an_admin_sets_on_a_pool_stays_and_is_heeded(world: Operated) -> None:
    (pool,) = world.kubectl.list("acceleratorpools")
    name = pool["metadata"]["name"]
    world.apply(a_job("runs", workers=1))
    world.runs("runs")
    close(world, name, schedulable=False)
    try:
        world.apply(a_job("waits", workers=1))
        world.wait(lambda seen: seen.get("waiting"), "waits")
        assert world.kubectl.get("acceleratorpool", name)["spec"]["schedulable"] is False
        assert world.status("runs")["phase"] == "Running"
    finally:
        close(world, name, schedulable=True)
    world.runs("waits")


def close(world: Operated, pool: str, *, schedulable: bool) -> None:
    change = {"spec": {"schedulable": schedulable}}
    world.kubectl("patch", "acceleratorpool", pool, "--type=merge", "-p", json.dumps(change))


def test_numbers_written_over_by_hand_are_corrected(world: Operated) -> None:
    before = eventually(
        lambda: world.kubectl.get("aicluster", "east")["status"],
        until=lambda seen: seen["accelerators"]["free"] == 32,
        within=SOON,
    )
    overwrite(world, "aicluster", "east", {"accelerators": {**before["accelerators"], "free": 7, "total": 8}})
    eventually(
        lambda: world.kubectl.get("aicluster", "east")["status"]["accelerators"],
        until=lambda seen: seen == before["accelerators"],
        within=SOON,
    )


def test_a_phase_written_by_hand_changes_nothing_and_is_corrected(world: Operated) -> None:
    world.apply(a_job(workers=2))
    world.runs()
    overwrite(world, "trainingjob", "train", {"phase": "Succeeded", "span": "9 moons"}, world.namespace)
    world.wait(lambda seen: (seen["phase"], seen.get("span")) == ("Running", "1 leaf"))
    assert world.status()["attempt"] == 1


def test_a_deleted_default_queue_is_made_again(world: Operated) -> None:
    world.kubectl.delete("jobqueue", "default")
    eventually(lambda: world.kubectl.find("jobqueue", "default"), within=SOON)
