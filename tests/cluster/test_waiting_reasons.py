"""A job that can't run says so at once, everywhere a user looks: column, status, Event and `crosstree explain`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.objects import GPU, a_foreign_pod, a_job
from tests.support.operated import SOON, Operated, h100, operated
from tests.support.waiting import eventually

AT_ONCE = 5.0
"""Seconds. On an idle machine it takes a few hundred milliseconds; kubectl itself takes some of these."""

JOBS: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "too-large": (
        {"workers": 40},
        "ShapeImpossible",
        ("40 workers of 8 nvidia-h100-sxm", "holds only 8", "Ask for at most 8 workers"),
    ),
    "too-large-for-a-leaf": (
        {"workers": 6, "topology": {"required": "leaf"}},
        "ShapeImpossible",
        (
            "6 workers of 8 nvidia-h100-sxm need one leaf",
            "holds only 4",
            "Allowing level spine would start it now",
        ),
    ),
    "no-such-level": ({"topology": {"required": "moon"}}, "LevelUnknown", ("moon", "leaf", "spine")),
    "no-such-model": (
        {"model": "huawei-ascend-910b"},
        "ModelUnavailable",
        ("AICluster east has no huawei-ascend-910b", "Models here: nvidia-h100-sxm"),
    ),
    "no-such-queue": ({"queue": "nowhere"}, "QueueNotFound", ("nowhere", "default")),
    "no-such-cluster": ({"cluster": "west"}, "ClusterNotFound", ("west", "east")),
    "no-such-class": (
        {"priorityClassName": "urgent"},
        "PriorityClassNotFound",
        ("urgent",),
    ),
    "too-many-per-worker": ({"per_worker": 9}, "IllegalSize", ("9",)),
}


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with operated(tmp_path_factory.mktemp("waiting"), h100(8)) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world


def explained(world: Operated, name: str) -> str:
    command = [sys.executable, "-m", "crosstree", "explain", f"{world.namespace}/{name}", "--no-color"]
    done = subprocess.run(
        [*command, "--kubeconfig", str(world.local.kubeconfig)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "400"},
    )
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


@pytest.mark.parametrize("name", JOBS)
def test_a_job_that_can_not_run_says_why_and_what_would_help(world: Operated, name: str) -> None:
    spec, reason, words = JOBS[name]
    world.apply(a_job(name, **spec))
    waiting = world.wait(lambda seen: seen.get("waiting"), name, within=AT_ONCE)["waiting"]
    assert waiting["reason"] == reason
    for part in words:
        assert part in waiting["message"]
    row = world.kubectl("-n", world.namespace, "get", "tj", name, "--no-headers")
    assert reason in row.split()
    (told,) = eventually(lambda: [text for why, text in world.events(name) if why == reason], within=SOON)
    assert told == waiting["message"]
    assert waiting["message"] in world.kubectl("-n", world.namespace, "describe", "tj", name)
    said = explained(world, name)
    assert f"It waits: {reason}" in said
    assert waiting["message"] in said  # whatever lines it was wrapped into
    assert world.pods(name) == []


def test_a_gang_short_of_room_counts_nodes_and_starts_when_others_leave(world: Operated) -> None:
    nodes = [node["metadata"]["name"] for node in world.kubectl.list("nodes")]
    world.apply(*(a_foreign_pod(f"tenant-{node}", node, {GPU: "1"}) for node in nodes[:5]))
    world.apply(a_job(workers=4))
    waiting = world.wait(lambda seen: seen.get("waiting"))["waiting"]
    assert waiting["reason"] in ("NotEnoughFree", "Fragmented")
    assert "Of 8 nodes there: 3 free, 5 used." in waiting["message"]
    world.kubectl.delete("pod", f"tenant-{nodes[0]}", world.namespace)
    world.runs()
    assert world.overbooked() == []


def test_a_gang_starts_when_the_domain_it_must_share_is_free(world: Operated) -> None:
    # Two of eight nodes taken, one on each leaf: six are free, and no leaf has four.
    taken = ("h100-000", "h100-004")
    world.apply(*(a_foreign_pod(f"tenant-{node}", node, {GPU: "8"}) for node in taken))
    world.apply(a_job(workers=4, topology={"required": "leaf"}))
    waiting = world.wait(lambda seen: seen.get("waiting"))["waiting"]
    assert waiting["reason"] == "NoDomainLargeEnough"
    assert "has room for 3 now" in waiting["message"]
    assert "Allowing level spine would start it now" in waiting["message"]
    world.kubectl.delete("pod", "tenant-h100-004", world.namespace)
    world.runs()
    assert sorted(world.nodes_of()) == [f"h100-00{n}" for n in range(4, 8)]


def test_a_missing_queue_is_found_as_soon_as_it_is_there(world: Operated) -> None:
    world.apply(a_job(workers=1, queue="late"))
    world.wait(lambda seen: (seen.get("waiting") or {}).get("reason") == "QueueNotFound")
    queue = {
        "apiVersion": "crosstree.dev/v1alpha1",
        "kind": "JobQueue",
        "metadata": {"name": "late"},
        "spec": {"cluster": "east"},
    }
    world.kubectl.apply(queue)
    world.runs()
    world.kubectl.delete("jobqueue", "late")
