"""Elastic jobs on a real API server: they start with what fits, grow, and make room rather than being stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from crosstree.base.names import LABEL_ATTEMPT
from tests.support.kubectl import KubectlError
from tests.support.objects import a_cluster, a_job
from tests.support.operated import SOON, Json, Operated, h100, operated
from tests.support.waiting import always, eventually

NODES = 8
HURRIED = {"preemption": {"mode": "LowerPriority", "minRuntime": "1s"}}
"""Tests have no ten minutes until a gang may grow or shrink."""
LONG = {"expectedDuration": "12h"}
"""A job for which a restart is soon made up for."""


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    clusters = (a_cluster(scheduling=HURRIED),)
    with operated(tmp_path_factory.mktemp("elastic"), h100(NODES), clusters=clusters) as world:
        urgent = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}
        world.kubectl.apply({**urgent, "metadata": {"name": "urgent"}})
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world


def elastic(least: int, most: int, name: str = "train", **spec: object) -> Json:
    return a_job(name, workers={"min": least, "max": most}, **LONG, **spec)


def runs_with(world: Operated, workers: int, name: str = "train") -> Json:
    """Wait until a job runs with so many workers, whichever attempt that is."""
    return world.wait(
        lambda seen: (
            seen.get("phase") == "Running" and (seen.get("placement") or {}).get("workers") == workers
        ),
        name,
        what=f"job {name} ran with {workers} workers",
    )


def world_size(pod: Json) -> str:
    """What a pod is told of the number of workers."""
    env = pod["spec"]["containers"][0]["env"]
    return next(one["value"] for one in env if one["name"] == "PET_NNODES")


def columns(world: Operated, name: str = "train") -> str:
    return world.kubectl("get", "tj", name, "-n", world.namespace, "--no-headers")


def test_an_elastic_job_starts_with_what_fits_and_says_so(world: Operated) -> None:
    world.apply(a_job("other", workers=5))
    world.runs("other")
    world.apply(elastic(2, 8))
    status = runs_with(world, 3)
    assert (status["workers"], status["accelerators"], status["attempt"]) == ("3 (2..8)", 24, 1)
    pods = world.pods()
    assert [world_size(pod) for pod in pods] == ["3"] * 3
    assert "3 (2..8)" in columns(world)
    assert world.condition("Placed")["message"].startswith("3 workers of 8 nvidia-h100-sxm")
    assert world.overbooked() == []


def test_a_job_whose_smallest_size_does_not_fit_waits_and_says_which_would(world: Operated) -> None:
    world.apply(a_job("other", workers=7))
    world.runs("other")
    world.apply(elastic(2, 8))
    status = world.phase("Pending")
    assert status["workers"] == "2..8"
    told = world.wait(lambda seen: seen.get("waiting"))["waiting"]
    assert told["reason"] == "NotEnoughFree"
    assert told["message"].startswith("At least 2 workers of 8 nvidia-h100-sxm need")


def test_an_elastic_job_grows_when_others_end_and_keeps_its_nodes(world: Operated) -> None:
    world.apply(a_job("other", workers=5))
    world.runs("other")
    world.apply(elastic(2, 8))
    runs_with(world, 3)
    before = set(world.nodes_of())
    world.finish("other")
    status = runs_with(world, 8)
    assert before < set(world.nodes_of())
    assert [world_size(pod) for pod in world.pods()] == ["8"] * 8
    (restart,) = status["restarts"]
    assert (restart["reason"], restart["charged"], status["restartsCharged"]) == ("Resized", False, 0)
    # Pods of the other end one by one: what is free when it is told to stop may be less than when it starts again.
    assert re.fullmatch(
        r"It grows from 3 to [4-8] workers, into accelerators that nobody waits for\.", restart["message"]
    )
    assert "It goes on with 8 workers in place of 3" in status["recovery"]["message"]
    assert world.record.violations("train", world.namespace) == []
    assert world.overbooked() == []


def test_an_elastic_job_makes_room_for_a_more_urgent_one_and_goes_on_smaller(world: Operated) -> None:
    world.apply(elastic(2, 8))
    runs_with(world, 8)
    world.apply(a_job("urgent", workers=4, priorityClassName="urgent"))
    world.runs("urgent")
    status = runs_with(world, 4)
    assert status["restarts"][-1]["reason"] == "Resized"
    assert status["restartsCharged"] == 0
    assert not set(world.nodes_of()) & set(world.nodes_of("urgent"))
    assert {pod["metadata"]["labels"][LABEL_ATTEMPT] for pod in world.pods()} == {str(status["attempt"])}
    # Nothing more happens while the load stays as it is.
    always(
        lambda: (world.status()["attempt"], world.status("urgent")["attempt"]),
        during=5,
        holds=lambda seen: seen == (status["attempt"], 1),
        every=0.5,
    )
    world.finish("urgent")
    runs_with(world, 8)
    assert world.record.violations("train", world.namespace) == []
    assert world.overbooked() == []


def test_a_job_that_lost_a_node_goes_on_without_it(world: Operated) -> None:
    world.apply(elastic(4, 8))
    runs_with(world, 8)
    lost = world.nodes_of()[3]
    world.kubectl("cordon", lost)
    world.fail(3, exit_code=7)
    status = runs_with(world, 7)
    assert lost not in world.nodes_of()
    assert status["restarts"][0]["reason"] == "WorkerFailed"
    world.mend()


def test_the_api_server_refuses_a_size_that_makes_no_sense(world: Operated) -> None:
    with pytest.raises(KubectlError, match=r"spec\.workers\.min is 8, more than max 2"):
        world.apply(elastic(8, 2))


def test_without_the_policy_the_operator_refuses_it_with_the_same_words(world: Operated) -> None:
    binding = world.kubectl.get("validatingadmissionpolicybinding", "trainingjobs.crosstree.dev")
    world.kubectl("delete", "validatingadmissionpolicybinding", "trainingjobs.crosstree.dev")

    def taken() -> bool:
        try:
            world.apply(elastic(8, 2))
        except KubectlError:
            return False
        return True

    try:
        eventually(taken, within=SOON, what="the policy was out of force")
        told = world.wait(lambda seen: seen.get("waiting"))["waiting"]
        assert told["reason"] == "InvalidSpec"
        assert "spec.workers.min is 8, more than max 2" in told["message"]
    finally:
        world.kubectl.apply({**binding, "metadata": {"name": binding["metadata"]["name"]}})
    # Stored as it is, it can still be labelled, and deleted in the foreground, once the policy is back.
    world.kubectl("label", "tj", "train", "-n", world.namespace, "team=a")
    world.kubectl("delete", "tj", "train", "-n", world.namespace, "--cascade=foreground", "--timeout=30s")
