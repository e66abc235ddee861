"""The life of a job on a real API server: it starts whole, in fabric order, and ends as it should."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from crosstree.base.names import LABEL_ATTEMPT, LABEL_CLUSTER, LABEL_INDEX, LABEL_JOB, LABEL_ROLE
from tests.support.kubectl import KubectlError
from tests.support.objects import GPU, LEAF, a_cluster, a_job
from tests.support.operated import SOON, Operated, h100, operated
from tests.support.waiting import eventually

DIRECT = "direct"


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    selectors = {name: {"nodeSelector": {"matchLabels": {"lab": name}}} for name in ("east", DIRECT)}
    clusters = (
        a_cluster("east", **selectors["east"]),
        a_cluster(DIRECT, **selectors[DIRECT], scheduling={"binding": "Direct"}),
    )
    groups = h100(12, labels={"lab": "east"}), h100(4, name="bare", labels={"lab": DIRECT})
    with operated(tmp_path_factory.mktemp("lifecycle"), *groups, clusters=clusters) as world:
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world


def job(name: str = "train", **spec: object) -> dict:
    return a_job(name, **{"cluster": "east", **spec})


def leaves(world: Operated) -> list[str]:
    """The leaf of each worker, by index."""
    leaf = {
        node["metadata"]["name"]: node["metadata"]["labels"].get(LEAF) for node in world.kubectl.list("nodes")
    }
    return [leaf[name] for name in world.nodes_of()]


def test_a_gang_that_must_share_a_leaf_runs_inside_one(world: Operated) -> None:
    world.apply(job(workers=4, topology={"required": "leaf"}))
    status = world.runs()
    assert len(set(leaves(world))) == 1
    assert status["span"] == "1 leaf"
    assert status["accelerators"] == 32
    assert world.overbooked() == []


def test_ranks_follow_the_fabric(world: Operated) -> None:
    world.apply(job(workers=6, topology={"required": "spine", "preferred": "leaf"}))
    status = world.runs()
    found = leaves(world)
    assert len(set(found)) == 2
    assert sum(one != other for one, other in pairwise(found)) == 1, found
    placed = {
        share["first"] + step: share["name"]
        for share in status["placement"]["nodes"]
        for step in range(share["count"])
    }
    assert [placed[index] for index in range(6)] == world.nodes_of()


def test_groups_of_workers_share_a_leaf_each(world: Operated) -> None:
    world.apply(job(workers=8, topology={"groups": {"size": 4, "required": "leaf"}}))
    world.runs()
    found = leaves(world)
    assert [len(set(found[first : first + 4])) for first in (0, 4)] == [1, 1]


def test_a_worker_is_what_the_contract_says(world: Operated) -> None:
    world.apply(job(workers=2))
    world.runs()
    owner = world.job()["metadata"]["uid"]
    for index, pod in enumerate(world.pods()):
        meta, spec = pod["metadata"], pod["spec"]
        assert meta["name"] == spec["hostname"] == f"train-worker-{index}"
        assert spec["subdomain"] == "train"
        assert {key: meta["labels"][key] for key in (LABEL_JOB, LABEL_ROLE, LABEL_INDEX, LABEL_ATTEMPT)} == {
            LABEL_JOB: "train",
            LABEL_ROLE: "worker",
            LABEL_INDEX: str(index),
            LABEL_ATTEMPT: "1",
        }
        assert meta["labels"][LABEL_CLUSTER] == "east"
        assert [one["uid"] for one in meta["ownerReferences"]] == [owner]
        (trainer,) = spec["containers"]
        assert trainer["resources"]["limits"][GPU] == trainer["resources"]["requests"][GPU] == "8"
        env = {one["name"]: one["value"] for one in trainer["env"]}
        assert (env["PET_NNODES"], env["PET_NODE_RANK"], env["PET_NPROC_PER_NODE"]) == ("2", str(index), "8")
        assert env["PET_MASTER_ADDR"] == env["CROSSTREE_MASTER"] == "train-worker-0.train"


def test_workers_find_each_other_through_a_headless_service(world: Operated) -> None:
    world.apply(job(workers=2))
    world.runs()
    service = eventually(lambda: world.kubectl.get("service", "train", world.namespace), within=SOON)
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"] == {LABEL_JOB: "train"}
    assert service["metadata"]["ownerReferences"][0]["uid"] == world.job()["metadata"]["uid"]


@pytest.mark.parametrize("cluster", ["east", DIRECT])
def test_a_job_succeeds_when_all_its_workers_have(world: Operated, cluster: str) -> None:
    world.apply(job(workers=3, cluster=cluster, run_seconds=1))
    status = world.phase("Succeeded")
    assert status["attempt"] == 1
    assert status["startedAt"] <= status["finishedAt"]
    assert world.condition("Finished")["message"] == "All 3 workers succeeded."
    assert sorted(world.record.attempts("train", world.namespace)[1]) == [0, 1, 2]


def test_pinned_pods_are_bound_by_kube_scheduler_and_direct_ones_by_us(world: Operated) -> None:
    world.apply(job("pinned", workers=1), job("bound", workers=1, cluster=DIRECT))
    world.runs("pinned")
    world.runs("bound")
    scheduled = {
        event["involvedObject"]["name"]
        for event in eventually(
            lambda: [e for e in world.kubectl.list("events", world.namespace) if e["reason"] == "Scheduled"],
            within=SOON,
        )
    }
    assert "pinned-worker-0" in scheduled
    assert "bound-worker-0" not in scheduled
    (pod,) = world.pods("bound")
    assert pod["spec"]["nodeName"] == world.status("bound")["placement"]["nodes"][0]["name"]


def test_a_failed_worker_restarts_the_whole_gang_once_all_its_old_pods_are_gone(world: Operated) -> None:
    # Pods that take a while to stop: a new attempt that did not wait would be caught by the record.
    world.apply(job(workers=3, pods={"localcluster.dev/stop-seconds": "2"}))
    world.runs()
    world.fail(1, exit_code=7)
    status = world.runs(attempt=2)
    assert status["restartsCharged"] == 1
    (restart,) = status["restarts"]
    assert (restart["reason"], restart["charged"]) == ("WorkerFailed", True)
    assert {n: len(made) for n, made in world.record.attempts("train", world.namespace).items()} == {
        1: 3,
        2: 3,
    }
    assert world.record.violations("train", world.namespace) == []
    env = {one["name"]: one["value"] for one in world.pods()[0]["spec"]["containers"][0]["env"]}
    assert env["CROSSTREE_ATTEMPT"] == "2"


def test_a_job_out_of_restarts_fails_and_names_worker_node_and_exit_code(world: Operated) -> None:
    world.apply(job(workers=2, restart={"maxRestarts": 1}))
    world.runs()
    world.fail(0, exit_code=3)
    world.runs(attempt=2)
    node = world.nodes_of()[1]
    world.fail(1, exit_code=42)
    status = world.phase("Failed")
    told = world.condition("Finished")
    assert told["reason"] == "MaxRestartsExceeded"
    for words in ("Worker 1", f"node {node}", "exit code 42", "maxRestarts is 1"):
        assert words in told["message"]
    assert status["restartsCharged"] == 1
    # The failed pod stays for its logs; nothing goes on running and holding accelerators.
    eventually(
        lambda: [pod["status"]["phase"] for pod in world.pods()],
        until=lambda phases: "Running" not in phases,
        within=SOON,
    )


def test_a_second_out_of_memory_ends_the_job(world: Operated) -> None:
    world.apply(job(workers=2))
    world.runs()
    world.fail(0, exit_code=137, reason="OOMKilled")
    assert world.runs(attempt=2)["restarts"][0]["reason"] == "OutOfMemory"
    world.fail(0, exit_code=137, reason="OOMKilled")
    world.phase("Failed")
    told = world.condition("Finished")
    assert told["reason"] == "OutOfMemory"
    assert "raise the memory limit" in told["message"]


def test_a_command_that_can_not_be_run_is_not_tried_again(world: Operated) -> None:
    world.apply(job(workers=2))
    world.runs()
    world.fail(1, exit_code=127)
    assert world.phase("Failed")["attempt"] == 1
    assert world.condition("Finished")["reason"] == "CommandNotRunnable"


def test_a_suspended_job_gives_everything_back_and_resumes(world: Operated) -> None:
    world.apply(job(workers=2))
    world.runs()
    world.patch("train", suspend=True)
    status = world.phase("Suspended")
    assert world.pods() == []
    assert "placement" not in status
    assert status["waiting"]["reason"] == "Suspended"
    world.patch("train", suspend=False)
    resumed = world.runs(attempt=2)
    assert resumed["restartsCharged"] == 0
    assert world.record.violations("train", world.namespace) == []


def test_a_job_suspended_from_birth_waits_until_it_is_let_go(world: Operated) -> None:
    world.apply(job(workers=2, suspend=True))
    world.phase("Suspended")
    assert world.record.attempts("train", world.namespace).get(1, []) == []
    world.patch("train", suspend=False)
    world.runs(attempt=1)


def test_a_deleted_job_takes_pods_and_service_with_it(world: Operated) -> None:
    world.apply(job(workers=2))
    world.runs()
    eventually(lambda: world.kubectl.find("service", "train", world.namespace), within=SOON)
    world.kubectl.delete("trainingjob", "train", world.namespace)
    eventually(
        lambda: world.pods() == [] and world.kubectl.find("service", "train", world.namespace) is None,
        within=SOON,
    )


def test_a_job_created_again_under_its_name_waits_for_the_old_pods(world: Operated) -> None:
    world.apply(job(workers=2, pods={"localcluster.dev/stop-seconds": "2"}))
    world.runs()
    world.kubectl.delete("trainingjob", "train", world.namespace)
    world.apply(job(workers=2))
    world.runs()
    uid = world.job()["metadata"]["uid"]
    assert {pod["metadata"]["ownerReferences"][0]["uid"] for pod in world.pods()} == {uid}
    assert world.record.violations("train", world.namespace) == []
    service = eventually(lambda: world.kubectl.find("service", "train", world.namespace), within=SOON)
    eventually(
        lambda: world.kubectl.get("service", "train", world.namespace)["metadata"]["ownerReferences"][0][
            "uid"
        ],
        until=lambda owner: owner == uid,
        within=SOON,
        what=f"the Service {service['metadata']['uid']} belonged to the new job",
    )


def test_a_finished_job_is_deleted_when_its_time_is_over(world: Operated) -> None:
    world.apply(job(workers=1, run_seconds=1, ttlAfterFinished="1s"))
    eventually(
        lambda: world.kubectl.find("trainingjob", "train", world.namespace) is None and world.pods() == [],
        within=SOON,
    )
    assert len(world.record.attempts("train", world.namespace)[1]) >= 1


def test_what_may_change_changes_and_what_may_not_is_refused(world: Operated) -> None:
    world.apply(job(workers=2))
    world.runs()
    world.patch("train", ttlAfterFinished="2h", suspend=True)
    world.phase("Suspended")
    with pytest.raises(KubectlError, match="delete the job and create it again"):
        world.patch("train", workers=3)
    assert world.job()["spec"]["workers"] == 2
