"""What users of other schedulers complain about most, tried on a real API server.

Each test is one complaint: the numbers are those of the list in the design notes, the words those of the issue it comes
from. Sixteen simulated machines of two models; every job is a gang of whole nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crosstree.base.names import API_VERSION
from tests.support.objects import a_cluster, a_job
from tests.support.operated import Json, Operated, h100, operated
from tests.support.waiting import always, eventually

H100, MI300X = "nvidia-h100-sxm", "amd-mi300x"
LEAF_OF = {f"h100-{number:03d}": f"leaf-{number // 4}" for number in range(8)}

CLASSES = {"urgent": 1000, "low": 10}


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    # A gang may be stopped as soon as it runs: that it is left alone at first is tried elsewhere.
    scheduling = {"preemption": {"minRuntime": "0s"}}
    amd = {"profile": "amd-mi300x-8", "count": 4}
    folder = tmp_path_factory.mktemp("complaints")
    with operated(folder, h100(8), amd, clusters=(a_cluster(scheduling=scheduling),)) as world:
        world.kubectl.apply(*(a_class(name, value) for name, value in CLASSES.items()))
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world
        assert world.overbooked() == []


def a_class(name: str, value: int) -> Json:
    kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    return {**kind, "metadata": {"name": name}, "value": value}


def a_queue(name: str, *quotas: Json, **spec: Any) -> Json:
    spec["quotas"] = [{"model": "*", **quota} for quota in quotas]
    return {"apiVersion": API_VERSION, "kind": "JobQueue", "metadata": {"name": name}, "spec": spec}


@contextmanager
def queues(world: Operated, *made: Json) -> Iterator[None]:
    """Let a test have queues of its own."""
    world.kubectl.apply(*made)
    try:
        yield
    finally:
        world.kubectl("delete", "trainingjobs", "--all", "-n", world.namespace, "--wait=false")
        world.kubectl("delete", "jobqueues", *(one["metadata"]["name"] for one in made))


def leaves(nodes: list[str]) -> set[str]:
    return {LEAF_OF[node] for node in nodes}


def stopped(world: Operated, name: str) -> Json:
    """Wait until a job has been stopped for another, and return the condition that says so."""
    return eventually(
        lambda: world.condition("Preempted", name),
        until=lambda seen: seen.get("status") == "True",
        within=60,
        what=f"job {name} made room",
    )


def untouched(world: Operated, *names: str) -> bool:
    """Tell whether these jobs run on in their first attempt."""
    seen = [world.status(name) for name in names]
    return all((one["phase"], one["attempt"]) == ("Running", 1) for one in seen)


def left_alone(world: Operated, *names: str) -> None:
    """Watch for a while that nobody stops these jobs."""
    always(lambda: untouched(world, *names), during=2.0, holds=bool, every=0.5)


def test_1_and_4_room_is_made_where_the_topology_needs_it(world: Operated) -> None:
    """kueue#10815, volcano#4374: victims chosen blind to topology; what they free is scattered and of no use."""
    low = {"workers": 1, "priorityClassName": "low"}
    for number in range(8):
        world.apply(a_job(f"low-{number}", **low))
    for number in range(8):
        world.runs(f"low-{number}")
    where = {f"low-{number}": world.nodes_of(f"low-{number}") for number in range(8)}
    world.apply(a_job("urgent", workers=4, priorityClassName="urgent", topology={"required": "leaf"}))
    world.runs("urgent")
    (leaf,) = leaves(world.nodes_of("urgent"))
    on_it = {name for name, nodes in where.items() if leaves(nodes) == {leaf}}
    assert len(on_it) == 4
    for name in on_it:
        stopped(world, name)
    assert untouched(world, *(where.keys() - on_it))


def test_2_nobody_is_stopped_for_a_gang_that_could_not_run_then(world: Operated) -> None:
    """kueue#5243: freed accelerators on four nodes admit a pod of eight that can never run."""
    for number in range(8):
        world.apply(a_job(f"low-{number}", workers=1, per_worker=4, priorityClassName="low"))
        world.apply(a_job(f"keep-{number}", workers=1, per_worker=4, priorityClassName="urgent"))
    names = [f"{kind}-{number}" for kind in ("low", "keep") for number in range(8)]
    for name in names:
        world.runs(name)
    shared = {node for number in range(8) for node in world.nodes_of(f"keep-{number}")}
    world.apply(a_job("whole", workers=8, per_worker=8, priorityClassName="urgent"))
    waiting = world.wait(lambda seen: seen.get("waiting"), "whole")["waiting"]
    assert waiting["reason"] in ("NotEnoughFree", "Fragmented"), shared
    left_alone(world, *names)


def test_3_the_plan_is_kept_and_no_more_jobs_are_stopped_than_it_names(world: Operated) -> None:
    """kueue#15211, #13797: the preemptor forgets its plan each cycle: thrash, wasted evictions."""
    for number in range(8):
        world.apply(a_job(f"low-{number}", workers=1, priorityClassName="low"))
    for number in range(8):
        world.runs(f"low-{number}")
    world.apply(a_job("urgent", workers=3, priorityClassName="urgent"))
    # While room is made, small ones come that would fit into what is freed.
    world.apply(*(a_job(f"late-{number}", workers=1, priorityClassName="low") for number in range(4)))
    world.runs("urgent")
    statuses = {f"low-{number}": world.status(f"low-{number}") for number in range(8)}
    restarted = [name for name, seen in statuses.items() if seen["phase"] != "Running" or seen["attempt"] > 1]
    assert len(restarted) == 3
    assert not any(world.status(f"late-{number}").get("attempt") for number in range(4))


def test_5_two_queues_do_not_reclaim_from_each_other_for_ever(world: Operated) -> None:
    """volcano#3869: two jobs reclaim each other forever."""
    ours, theirs = {"guaranteed": 32}, {"guaranteed": 32}
    with queues(world, a_queue("five-a", ours), a_queue("five-b", theirs)):
        for number in range(2):
            world.apply(a_job(f"a-{number}", workers=4, queue="five-a"))
            world.runs(f"a-{number}")
        world.apply(a_job("b-0", workers=4, queue="five-b"))
        world.runs("b-0")
        (gone,) = [name for name in ("a-0", "a-1") if world.condition("Preempted", name)["status"] == "True"]
        (stays,) = {"a-0", "a-1"} - {gone}
        world.apply(a_job("b-1", workers=4, queue="five-b"))
        world.wait(lambda seen: seen.get("waiting"), "b-1")
        left_alone(world, stays, "b-0")
        assert (world.status(gone)["attempt"], world.status("b-1").get("attempt", 0)) == (1, 0)


def test_6_who_saved_its_work_is_stopped_and_not_who_has_not(world: Operated) -> None:
    """kueue#477, volcano#5998: evict who lost least since its last checkpoint."""
    for name in ("old", "saved"):
        world.apply(a_job(name, workers=4, priorityClassName="low"))
        world.runs(name)
    began = datetime.fromisoformat(world.condition("Placed", "saved")["lastTransitionTime"])
    eventually(
        lambda: datetime.now(UTC) - began > timedelta(seconds=3), within=10, what="there was work to save"
    )
    note = f"crosstree.dev/checkpointed-at={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    world.kubectl("-n", world.namespace, "annotate", "tj", "saved", note)
    world.apply(a_job("urgent", workers=4, priorityClassName="urgent"))
    world.runs("urgent")
    stopped(world, "saved")
    assert untouched(world, "old")


def test_7_an_elastic_gang_goes_on_smaller_instead_of_being_stopped(world: Operated) -> None:
    """kueue#975: shrink instead of kill."""
    elastic = a_job("elastic", priorityClassName="low")
    elastic["spec"]["workers"] = {"min": 4, "max": 8, "step": 4}
    world.apply(elastic)
    world.runs("elastic")
    assert len(world.pods("elastic")) == 8
    world.apply(a_job("urgent", workers=4, priorityClassName="urgent"))
    world.runs("urgent")
    world.runs("elastic", attempt=2)
    assert len(world.pods("elastic")) == 4
    assert world.status("elastic")["restartsCharged"] == 0


def test_10_a_large_gang_is_not_overtaken_for_ever_and_what_fits_before_it_runs(world: Operated) -> None:
    """KAI#1969: large multi-node gangs never land. volcano#2384: backfill does not backfill."""
    world.apply(a_job("long", workers=6, expectedDuration="10m"))
    world.runs("long")
    world.apply(a_job("large", workers=8))
    world.wait(lambda seen: seen.get("expectedStart"), "large")
    world.apply(a_job("overtaker", workers=2, expectedDuration="2h"))
    world.apply(a_job("filler", workers=2, expectedDuration="5m"))
    world.runs("filler")
    waiting = world.wait(lambda seen: seen.get("waiting"), "overtaker")["waiting"]
    assert waiting["reason"] in ("ReservedForOther", "NotEnoughFree")
    world.finish("filler")
    world.phase("Succeeded", "filler")
    waiting = world.wait(
        lambda seen: (seen.get("waiting") or {}).get("reason") == "ReservedForOther", "overtaker"
    )["waiting"]
    world.finish("long")
    world.runs("large")
    assert not world.status("overtaker").get("attempt")


def test_14_a_waiting_job_says_when_it_may_run_and_who_is_in_front(world: Operated) -> None:
    """kueue#2833: when may my job run, who is in front, whom can I talk to."""
    begun = datetime.now(UTC)
    world.apply(a_job("running", workers=8, expectedDuration="2h"))
    world.runs("running")
    world.apply(a_job("first", workers=8, expectedDuration="1h"))
    world.wait(lambda seen: seen.get("queuePosition") == 1, "first")
    world.apply(a_job("second", workers=8))
    seen = world.wait(lambda seen: seen.get("queuePosition") == 2 and seen.get("expectedStart"), "second")
    start = datetime.fromisoformat(seen["expectedStart"])
    assert timedelta(hours=2, minutes=50) < start - begun < timedelta(hours=3, minutes=20)
    row = world.kubectl("-n", world.namespace, "get", "tj", "second", "-o", "wide", "--no-headers")
    assert seen["expectedStart"] in row


def test_13_a_group_uses_its_hours_and_waits_for_the_next_period(world: Operated) -> None:
    """kueue#6587: budgets of hours for a group."""
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=10)
    # 16 accelerators for some seconds of each minute.
    hours = {"model": "*", "acceleratorHours": 0.03, "start": f"{begun:%Y-%m-%dT%H:%M:%SZ}", "every": "1m"}
    with queues(world, a_queue("group-13", budgets=[hours])):
        world.apply(a_job("first", workers=2, queue="group-13"))
        since = datetime.fromisoformat(world.runs("first")["placement"]["since"])
        world.apply(a_job("second", workers=1, queue="group-13", expectedDuration="1h"))
        told = world.wait(lambda seen: seen.get("waiting"), "second")["waiting"]
        assert told["reason"] == "BudgetExhausted"
        assert "JobQueue group-13 has used" in told["message"]
        assert "more than the whole budget" in told["message"]
        eventually(lambda: datetime.now(UTC) - since > timedelta(seconds=8), within=30)
        world.finish("first")
        held = world.wait(lambda seen: seen.get("finishedAt"), "first")
        world.apply(a_job("third", workers=1, queue="group-13"))
        told = world.wait(lambda seen: seen.get("waiting"), "third")["waiting"]
        assert told["reason"] == "BudgetExhausted"
        row = eventually(
            lambda: world.kubectl.get("jobqueue", "group-13")["status"]["budgets"][0],
            until=lambda row: row["until"] >= held["finishedAt"],
            within=20,
            what="the run is charged",
        )
        seconds = datetime.fromisoformat(held["finishedAt"]) - datetime.fromisoformat(
            held["placement"]["since"]
        )
        written = world.kubectl.get("jobqueue", "group-13")["metadata"]["resourceVersion"]
        always(
            lambda: world.kubectl.get("jobqueue", "group-13")["metadata"]["resourceVersion"],
            during=3.0,
            holds=lambda version: version == written,
            every=0.5,
        )
        assert row["usedSeconds"] == 16 * seconds.total_seconds()
        status = world.wait(lambda seen: seen.get("startedAt"), "third", within=60)
        assert datetime.fromisoformat(status["placement"]["since"]) >= begun + timedelta(minutes=1)


def test_13b_a_run_lasts_no_longer_than_its_queue_allows(world: Operated) -> None:
    """kueue#6587: wall time for a group."""
    with queues(world, a_queue("all-13", maxRunTime="10s"), a_queue("short-13", parent="all-13")):
        world.apply(a_job("declares", workers=1, queue="short-13", expectedDuration="1h"))
        world.apply(a_job("lasts", workers=2, queue="short-13", checkpoint={"grace": "2m"}))
        told = world.wait(lambda seen: seen.get("waiting"), "declares")["waiting"]
        assert told["reason"] == "QueueNotAllowed"
        assert "spec.expectedDuration is 1h, and JobQueue all-13 above short-13" in told["message"]
        world.runs("lasts")
        status = world.wait(lambda seen: seen.get("phase") == "Failed", "lasts", within=30)
        end = world.condition("Finished", "lasts")
        assert end["reason"] == "RunTimeExceeded"
        assert (
            "The run has lasted 10s, the longest that JobQueue all-13 above short-13 allows" in end["message"]
        )
        lasted = datetime.fromisoformat(status["finishedAt"]) - datetime.fromisoformat(
            status["placement"]["since"]
        )
        assert timedelta(seconds=10) <= lasted < timedelta(seconds=20)
        eventually(lambda: not world.pods("lasts"), within=30, what="its pods are gone")
        assert (world.status("lasts")["attempt"], world.status("lasts")["restartsCharged"]) == (1, 0)


def test_29_one_queue_has_a_limit_for_each_model_and_spills_over(world: Operated) -> None:
    """KAI#1087, #145: a quota per model, and one queue over all of them."""
    quotas = [{"model": H100, "limit": 16}, {"model": MI300X, "limit": 32}]
    with queues(world, a_queue("both", *quotas)):
        job = a_job("h100", workers=2, queue="both")
        both = {"perWorker": 8, "models": [H100, MI300X]}
        spill = a_job("spill", workers=2, queue="both")
        spill["spec"]["accelerators"] = both
        world.apply(job)
        world.runs("h100")
        world.apply(spill)
        assert world.runs("spill")["placement"]["model"] == MI300X
        world.apply(a_job("over", workers=1, queue="both"))
        waiting = world.wait(lambda seen: seen.get("waiting"), "over")["waiting"]
        assert waiting["reason"] == "QuotaExhausted"
        assert H100 in waiting["message"] and "16" in waiting["message"]


def test_36_one_job_requires_one_level_for_its_groups_and_prefers_another_for_all(world: Operated) -> None:
    """kueue#9361: a required block and a preferred rack in one job."""
    topology = {"required": "spine", "preferred": "leaf", "groups": {"size": 2, "required": "leaf"}}
    world.apply(a_job("both", workers=6, topology=topology))
    status = world.runs("both")
    nodes = world.nodes_of("both")
    assert all(len(leaves(nodes[at : at + 2])) == 1 for at in range(0, 6, 2))
    spans = {span["level"]: (span["domains"], span["lowerBound"]) for span in status["placement"]["spans"]}
    assert spans["spine"] == (1, 1)
    assert spans["leaf"] == (2, 2)
