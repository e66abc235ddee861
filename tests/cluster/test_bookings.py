"""Complaint 12 on a real API server: accelerators booked for an hour in the calendar (kueue#10741)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crosstree.base.names import API_VERSION
from tests.support.objects import a_cluster, a_job
from tests.support.operated import Json, Operated, h100, operated
from tests.support.waiting import eventually

H100 = "nvidia-h100-sxm"


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    scheduling = {"preemption": {"minRuntime": "0s"}}
    folder = tmp_path_factory.mktemp("bookings")
    with operated(folder, h100(8), clusters=(a_cluster(scheduling=scheduling),)) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world
        assert world.overbooked() == []


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def booked(world: Operated, accelerators: int, at: datetime, **booking: Any) -> Iterator[None]:
    """Let a test have the queue `demo` with one booking."""
    one = {
        "name": "show",
        "model": H100,
        "accelerators": accelerators,
        "start": written(at),
        "duration": "1h",
    }
    queue = {"apiVersion": API_VERSION, "kind": "JobQueue", "metadata": {"name": "demo"}}
    world.kubectl.apply({**queue, "spec": {"calendar": [{**one, **booking}]}})
    try:
        yield
    finally:
        world.kubectl("delete", "trainingjobs", "--all", "-n", world.namespace, "--wait=false")
        world.kubectl("delete", "jobqueue", "demo")


def demo(world: Operated, state: str) -> Json:
    """Wait until the booking stands as it should, and return the status of the queue."""
    return eventually(
        lambda: world.local.api.get("/apis/crosstree.dev/v1alpha1/jobqueues/demo").get("status", {}),
        until=lambda seen: [one["state"] for one in seen.get("calendar", ())] == [state],
        within=30,
        what=f"the booking was {state}",
    )


def test_12_who_would_still_be_there_waits_and_who_is_gone_by_then_runs(world: Operated) -> None:
    """Six of eight machines are booked in an hour: two are left for a job of unknown length."""
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    with booked(world, 48, begin):
        seen = demo(world, "Upcoming")
        assert seen["calendar"] == [
            {
                "name": "show",
                "state": "Upcoming",
                "start": written(begin),
                "end": written(begin + timedelta(hours=1)),
            }
        ]
        world.apply(a_job("long", workers=2))
        world.runs("long")
        world.apply(a_job("longer", workers=2))
        waiting = world.wait(lambda seen: seen.get("waiting"), "longer")["waiting"]
        assert waiting["reason"] == "ReservedForOther"
        assert "JobQueue demo has booked 48 of that model from " in waiting["message"]
        assert "may start now: declare spec.expectedDuration" in waiting["message"]
        world.apply(a_job("short", workers=4, expectedDuration="30m"))
        world.runs("short")
        world.patch("longer", expectedDuration="20m")
        world.runs("longer")


def test_12b_when_the_window_opens_the_owner_gets_what_it_has_booked(world: Operated) -> None:
    """Nobody is stopped before the hour, nor by it: the job that waits for it has whole gangs stopped, and no more."""
    for name in ("left", "right"):
        world.apply(a_job(name, workers=4, expectedDuration="10h"))
        world.runs(name)
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)
    with booked(world, 32, begin, every="24h"):
        demo(world, "Upcoming")
        world.apply(a_job("show", workers=4, queue="demo"))
        told = world.wait(lambda seen: seen.get("expectedStart"), "show")
        assert abs(datetime.fromisoformat(told["expectedStart"]) - begin) < timedelta(minutes=1)
        assert "when booking show of its queue begins" in told["waiting"]["message"]
        assert {world.status(name)["phase"] for name in ("left", "right")} == {"Running"}
        assert datetime.now(UTC) < begin
        seen = demo(world, "Open")
        assert seen["usage"][0]["guaranteed"] == 32
        assert seen["conditions"][1]["status"] == "True"
        started = world.runs("show")
        assert datetime.fromisoformat(started["startedAt"]) >= begin
        gone = [n for n in ("left", "right") if world.condition("Preempted", n).get("status") == "True"]
        assert len(gone) == 1


def test_12c_what_can_not_be_kept_is_said_on_the_queue(world: Operated) -> None:
    """More is booked than there is: the condition says how much of what, and from when on."""
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    with booked(world, 80, begin, until=written(begin + timedelta(days=9)), every="24h"):
        (fits,) = [one for one in demo(world, "Upcoming")["conditions"] if one["type"] == "BookingsFit"]
        assert (fits["status"], fits["reason"]) == ("False", "Overbooked")
        assert fits["message"].startswith(
            f"80 {H100} are booked in all from {begin:%Y-%m-%d %H:%M} UTC on, 64 usable."
        )
        (row,) = [one for one in queues(world) if one["name"] == "demo"]
        assert row["overbooked"] == fits["message"]
        assert (row["calendar"][0]["accelerators"], row["calendar"][0]["state"]) == (80, "Upcoming")


def queues(world: Operated) -> list[Json]:
    """What `crosstree queues` tells programs."""
    command = [
        sys.executable,
        "-m",
        "crosstree",
        "queues",
        "-o",
        "json",
        "--kubeconfig",
        str(world.local.kubeconfig),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=dict(os.environ), check=True
    )
    found: list[Json] = json.loads(done.stdout)["queues"]
    return found
