"""Preemption against a real API server: who is stopped, in what order things are written, and that nobody fights.

Named after what users of other schedulers suffer from: victims chosen blind to the fabric, plans forgotten between two
cycles, jobs that reclaim each other for ever, victims that had just begun, or had lost the most.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crosstree.base.clock import from_rfc3339, to_rfc3339
from crosstree.base.names import ANNOTATION_CHECKPOINT, API_VERSION
from tests.support.crew import Crew
from tests.support.killing_proxy import Moment, Write
from tests.support.objects import a_cluster, a_job
from tests.support.operated import Json, Operated, h100, installed, operated
from tests.support.operator_forks import OperatorForks
from tests.support.waiting import eventually

OURS = "/apis/crosstree.dev/v1alpha1"
STATUS = f"{OURS}/namespaces/[^/]+/trainingjobs/[^/]+/status"
HIGH = f"{OURS}/namespaces/[^/]+/trainingjobs/high/status"
LOW = f"{OURS}/namespaces/[^/]+/trainingjobs/low/status"
PODS = "/api/v1/namespaces/[^/]+/pods"
LEAF = {"topology": {"required": "leaf"}}
AT_ONCE = {"scheduling": {"preemption": {"minRuntime": "0s"}}}


def a_priority(name: str, value: int) -> Json:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "preemptionPolicy": "Never",
    }


def a_queue(name: str, guaranteed: int = 0) -> Json:
    quotas = [{"model": "nvidia-h100-sxm", "guaranteed": guaranteed}]
    spec = {"quotas": quotas} if guaranteed else {}
    return {"apiVersion": API_VERSION, "kind": "JobQueue", "metadata": {"name": name}, "spec": spec}


def high(name: str = "high", **spec: Any) -> Json:
    return a_job(name, workers=4, priorityClassName="urgent", **{**LEAF, **spec})


def low(name: str, **spec: Any) -> Json:
    return a_job(name, workers=4, **{**LEAF, "checkpoint": {"grace": "1s"}, **spec})


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """Four leaves of four nodes, and jobs that may be stopped as soon as they have begun."""
    folder = tmp_path_factory.mktemp("operator")
    with operated(folder, h100(16), clusters=(a_cluster(**AT_ONCE),)) as world:
        world.kubectl.apply(a_priority("urgent", 1000), a_queue("owner", 64), a_queue("borrower"))
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world


def full(world: Operated, *, spec: dict[str, dict[str, Any]] | None = None, queue: str = "default") -> None:
    """Let jobs a, b, c and d hold a leaf each."""
    for name in "abcd":
        world.apply(low(name, queue=queue, **(spec or {}).get(name, {})))
        world.runs(name)


def untouched(world: Operated, *names: str) -> None:
    for name in names:
        assert (world.status(name)["phase"], world.status(name)["attempt"]) == ("Running", 1), name


def test_the_one_gang_is_stopped_that_loses_least_and_frees_the_leaf(world: Operated) -> None:
    full(world, spec={"c": {"checkpoint": {"grace": "1s", "restartCost": "1s"}}})
    leaf = set(world.nodes_of("c"))
    world.apply(high())
    world.runs("high")
    assert set(world.nodes_of("high")) == leaf
    untouched(world, "a", "b", "d")
    stopped = world.phase("Preempted", "c")
    assert (stopped["restartsCharged"], stopped["restarts"][-1]["reason"]) == (0, "Preempted")
    condition = world.condition("Preempted", "c")
    assert (condition["status"], condition["reason"]) == ("True", "Preempted")
    assert "It makes room for high (queue default, priority 1000)" in condition["message"]
    assert "plan" not in world.status("high")
    assert world.record.violations("c", world.namespace) == []
    world.finish("high")
    world.runs("c", attempt=2)
    assert world.condition("Preempted", "c")["status"] == "False"


def test_a_reported_checkpoint_changes_who_is_stopped(world: Operated) -> None:
    full(world)
    # `a` is the oldest: without a report it would lose the most.
    eventually(
        lambda: time.time() - _began(world, "d") > 2, within=30, what="the youngest was two seconds old"
    )
    saved = json.dumps({"metadata": {"annotations": {ANNOTATION_CHECKPOINT: to_rfc3339(time.time())}}})
    world.kubectl("-n", world.namespace, "patch", "tj", "a", "--type=merge", "-p", saved)
    world.apply(high())
    world.runs("high")
    world.phase("Preempted", "a")
    untouched(world, "b", "c", "d")


def _began(world: Operated, name: str) -> float:
    return from_rfc3339(world.condition("Placed", name)["lastTransitionTime"])


def test_a_queue_gets_its_guarantee_back_and_no_more(world: Operated) -> None:
    full(world, queue="borrower", spec={name: {"priorityClassName": "urgent"} for name in "abcd"})
    for name in ("own1", "own2", "own3"):
        world.apply(low(name, queue="owner"))
    world.runs("own1")
    world.runs("own2")
    waiting = world.wait(lambda seen: seen.get("waiting"), "own3")
    assert "plan" not in waiting, "64 of 64 accelerators guaranteed are in use"
    stopped = [name for name in "abcd" if world.status(name)["phase"] != "Running"]
    assert len(stopped) == 2
    assert {world.condition("Preempted", name)["reason"] for name in stopped} == {"Reclaimed"}


def test_a_gang_that_has_just_begun_is_left_alone(world: Operated) -> None:
    world.kubectl("patch", "aicluster", "east", "--type=merge", "-p", json.dumps({"spec": scheduling("1h")}))
    try:
        full(world)
        world.apply(high())
        world.wait(lambda seen: seen.get("waiting"), "high")
        world.apply(low("another"))
        world.wait(lambda seen: seen.get("waiting"), "another")  # a cycle later
        untouched(world, *"abcd")
        assert "plan" not in world.status("high")
    finally:
        world.kubectl(
            "patch", "aicluster", "east", "--type=merge", "-p", json.dumps({"spec": scheduling("0s")})
        )


def scheduling(least: str) -> Json:
    return {"scheduling": {"preemption": {"minRuntime": least}}}


def test_two_who_need_room_do_not_fight(world: Operated) -> None:
    full(world)
    world.apply(high("first"), high("second"))
    world.runs("first")
    world.runs("second")
    stopped = [name for name in "abcd" if world.status(name)["phase"] != "Running"]
    assert len(stopped) == 2
    world.finish("first")
    world.finish("second")
    for name in stopped:
        world.runs(name, attempt=2)
    untouched(world, *(set("abcd") - set(stopped)))
    assert all(len(world.status(name)["restarts"]) == 1 for name in stopped)
    assert (world.status("first")["attempt"], world.status("second")["attempt"]) == (1, 1)
    assert world.overbooked() == []


# killed anywhere --------------------------------------------------------------------------------------------

WRITES = [
    Write("plan", "PATCH", HIGH, '"plan":{'),
    Write("order", "PATCH", LOW, '"phase":"Preempted"'),
    Write("first-deletion", "DELETE", f"{PODS}/[^/]+"),
    Write("last-deletion", "DELETE", f"{PODS}/[^/]+", nth=4),
    Write("release", "PATCH", LOW, '"placement":null'),
    Write("placement", "PATCH", HIGH, '"placement":{'),
    Write("first-pod", "POST", PODS, nth=5),
    Write("running", "PATCH", HIGH, '"phase":"Running"'),
]
MOMENTS = [pytest.param(moment, id=moment.value) for moment in Moment]


@pytest.fixture(scope="module")
def small_world() -> Iterator[Operated]:
    """One leaf, and no operator yet."""
    with installed(h100(4)) as world:
        world.kubectl.apply(a_priority("urgent", 1000))
        yield world


@pytest.fixture
def fresh(small_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with small_world.first_day(request.node.name) as world:
        world.kubectl.apply(a_cluster(**AT_ONCE))
        yield world


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.name)
def test_one_gang_makes_room_once_although_the_operator_is_killed_at(
    fresh: Operated, forks: OperatorForks, tmp_path: Path, write: Write, moment: Moment
) -> None:
    with Crew(fresh, forks, write, moment, tmp_path) as crew:
        fresh.apply(low("low"))
        crew.until_phase("Running", 1, "low")
        fresh.apply(high())
        crew.until_phase("Running", 1, "high")
        eventually(crew.was_killed, within=30, what=f"{write.name} came by; seen: {crew.killer.seen}")
        crew.until_phase("Preempted", 1, "low")
        status = fresh.status("low")
        assert (status["restartsCharged"], [one["reason"] for one in status["restarts"]]) == (
            0,
            ["Preempted"],
        )
        assert "plan" not in fresh.status("high")
        fresh.finish("high")
        crew.until_phase("Running", 2, "low")
        for name in ("low", "high"):
            assert fresh.record.violations(name, fresh.namespace) == []
        assert fresh.overbooked() == []


def test_nobody_is_stopped_if_the_one_it_was_for_is_gone_by_then(
    fresh: Operated, forks: OperatorForks, tmp_path: Path
) -> None:
    with Crew(fresh, forks, WRITES[0], Moment.AFTER, tmp_path) as crew:
        fresh.apply(low("low"))
        crew.until_phase("Running", 1, "low")
        fresh.apply(high())
        eventually(crew.killer.killed.is_set, within=60, what="the plan was written")
        assert fresh.status("high")["plan"]["victims"][0]["job"] == "low"
        fresh.kubectl("-n", fresh.namespace, "delete", "tj", "high")
        crew.take_over()
        fresh.apply(a_job("next", workers=1))
        eventually(lambda: fresh.status("next").get("waiting"), within=60, what="the new operator decided")
        untouched(fresh, "low")
