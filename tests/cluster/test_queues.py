"""Queues on a real API server: limits that hold and are explained, who may submit, and a tree that is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from crosstree.base.names import API_VERSION
from tests.support.objects import a_job
from tests.support.operated import SOON, Operated, h100, operated
from tests.support.waiting import eventually

Json = dict[str, Any]
H100, MI300 = "nvidia-h100-sxm", "amd-mi300x"


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    amd = {"profile": "amd-mi300x-8", "count": 2}
    with operated(tmp_path_factory.mktemp("queues"), h100(8), amd) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world
    for name in ("all", "team", "other"):
        if world.kubectl.find("jobqueue", name):
            world.kubectl.delete("jobqueue", name)


def a_queue(name: str = "team", *, limit: int | None = None, guaranteed: int = 0, **spec: Any) -> Json:
    quota = {"model": H100, "guaranteed": guaranteed, **({} if limit is None else {"limit": limit})}
    quotas = {} if limit is None and not guaranteed else {"quotas": [quota]}
    return {
        "apiVersion": API_VERSION,
        "kind": "JobQueue",
        "metadata": {"name": name},
        "spec": {**quotas, **spec},
    }


def status(world: Operated, name: str = "team") -> Json:
    found: Json = world.kubectl.get("jobqueue", name).get("status", {})
    return found


def ready(world: Operated, name: str, reason: str) -> str:
    """Wait until a queue says so, and return its sentence."""
    found = eventually(
        lambda: status(world, name).get("conditions", [{}])[0],
        until=lambda condition: condition.get("reason") == reason,
        within=SOON,
        what=f"JobQueue {name} was {reason}",
    )
    return str(found["message"])


def held(world: Operated, name: str, usage: Json) -> None:
    """Wait until a queue says that it holds so much, all of one model."""
    eventually(
        lambda: status(world, name).get("usage"),
        until=lambda found: found == [usage],
        within=SOON,
        what=f"JobQueue {name} held what it should",
    )


def waits(world: Operated, name: str, reason: str) -> str:
    seen = world.wait(lambda seen: (seen.get("waiting") or {}).get("reason") == reason, name)
    return str(seen["waiting"]["message"])


def crosstree(world: Operated, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "crosstree", *arguments, "--kubeconfig", str(world.local.kubeconfig)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "400"},
    )
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_a_limit_holds_is_explained_and_when_it_is_raised_the_job_starts(world: Operated) -> None:
    world.kubectl.apply(a_queue("all", limit=24), a_queue("team", parent="all", guaranteed=8))
    world.apply(a_job("first", workers=2, queue="team"))
    world.runs("first")
    world.apply(a_job("second", workers=2, queue="team"))
    said = waits(world, "second", "QuotaExhausted")
    assert said.startswith(
        f"2 workers of 8 {H100} are 16 accelerators; JobQueue all above team is limited to 24 of that model, of"
        " which 16 are held by 1 job (first in this namespace). It starts when they give back 8; a limit of 32"
        " would start it now, and 1 worker would stay within it."
    )
    assert said in crosstree(world, "explain", f"{world.namespace}/second", "--no-color")
    held(world, "team", {"model": H100, "allocated": 16, "guaranteed": 8, "borrowed": 8})
    told = json.loads(crosstree(world, "queues", "all", "-o", "json"))["queues"]
    assert [(one["name"], one["depth"], one["running"], one["waiting"]) for one in told] == [
        ("all", 0, 1, 1),
        ("team", 1, 1, 1),
    ]
    world.kubectl.apply(a_queue("all", limit=32))
    world.runs("second")
    held(world, "all", {"model": H100, "allocated": 32, "guaranteed": 8, "borrowed": 24, "limit": 32})


def test_a_job_starts_on_the_next_model_where_the_quota_of_the_first_is_exhausted(world: Operated) -> None:
    world.kubectl.apply(a_queue("team", limit=0))
    models = {"perWorker": 8, "models": [H100, MI300]}
    world.apply(a_job("spills", workers=2, queue="team", accelerators=models))
    assert world.runs("spills")["placement"]["model"] == MI300


def test_what_a_queue_is_guaranteed_it_gets_first(world: Operated) -> None:
    world.kubectl.apply(a_queue("team", guaranteed=64), a_queue("other"))
    world.apply(a_job("holds", workers=8, queue="other"))
    world.runs("holds")
    # Both want all there is; the one that borrows is older and has waited longer.
    world.apply(a_job("borrows", workers=8, queue="other"))
    waits(world, "borrows", "NotEnoughFree")
    world.apply(a_job("owns", workers=8, queue="team"))
    world.finish("holds")
    world.runs("owns")
    assert world.status("borrows")["phase"] == "Pending"


def test_a_cycle_is_told_by_its_members_and_harms_nobody(world: Operated) -> None:
    world.kubectl.apply(
        a_queue("team", parent="other", guaranteed=8), a_queue("other", parent="team"), a_queue("all")
    )
    said = ready(world, "team", "ParentCycle")
    assert said.startswith("spec.parent leads back to itself: team under other under team.")
    ready(world, "other", "ParentCycle")
    ready(world, "all", "Ready")
    for queue in ("all", "team"):
        world.apply(a_job(f"in-{queue}", workers=1, queue=queue))
        world.runs(f"in-{queue}")
    held(world, "team", {"model": H100, "allocated": 8, "guaranteed": 0, "borrowed": 8})
    world.kubectl.apply(a_queue("team", guaranteed=8))
    ready(world, "team", "Ready")
    ready(world, "other", "Ready")


def test_a_queue_whose_parent_is_deleted_keeps_running_its_jobs_and_says_what_is_wrong(
    world: Operated,
) -> None:
    world.kubectl.apply(a_queue("all"), a_queue("team", parent="all"))
    world.apply(a_job("train", workers=1, queue="team"))
    world.runs()
    world.kubectl.delete("jobqueue", "all")
    assert "spec.parent is 'all', and there is no such JobQueue" in ready(world, "team", "ParentNotFound")
    world.apply(a_job("next", workers=1, queue="team"))
    world.runs("next")
    assert world.status()["attempt"] == 1


def test_a_namespace_that_may_not_is_told_and_let_in_once_it_has_the_label(world: Operated) -> None:
    world.kubectl.apply(a_queue(namespaceSelector={"matchLabels": {"team": "a"}}))
    world.apply(a_job(workers=1, queue="team"))
    said = waits(world, "train", "QueueNotAllowed")
    assert said.startswith(
        "spec.queue is 'team', which takes only jobs of namespaces with team=a, and"
        f" {world.namespace} is none. Queues that take its jobs: default"
    )
    world.kubectl("label", "namespace", world.namespace, "team=a")
    world.runs()
