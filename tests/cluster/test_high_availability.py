"""Two replicas, one lease: one acts, the other is ready to, and whatever happens to the first it is never both."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from crosstree.base.names import LABEL_ATTEMPT
from tests.support.objects import a_cluster, a_job
from tests.support.operated import Operated, h100, installed
from tests.support.operator_process import OperatorProcess
from tests.support.replicas import LEASE, NAMESPACE, holder, leader, lease, replica, written
from tests.support.waiting import always, eventually

HAND_OVER = 15.0
"""Seconds in which a dead leader has to be replaced."""

LOOSE = 10.0
"""Seconds more, on a machine that does other things besides."""

Start = Callable[[str], OperatorProcess]


@pytest.fixture(scope="module")
def module_world() -> Iterator[Operated]:
    with installed(h100(8)) as world:
        world.kubectl.apply(a_cluster())
        yield world


@pytest.fixture
def world(module_world: Operated, request: pytest.FixtureRequest) -> Iterator[Operated]:
    with module_world.apart(request.node.name) as world:
        yield world
        # A test may end with every replica gone: nobody would look after its jobs any more.
        world.kubectl.delete("lease", LEASE, NAMESPACE)


@pytest.fixture
def start(module_world: Operated, world: Operated, tmp_path: Path) -> Iterator[Start]:
    """Return what starts a replica of a name, ready when it returns."""
    begun: list[OperatorProcess] = []
    with ExitStack() as running:

        def begin(name: str) -> OperatorProcess:
            begun.append(running.enter_context(replica(module_world.local.kubeconfig, tmp_path, name)))
            return begun[-1]

        yield begin
    for one in begun:  # pytest shows it if the test failed
        print(f"the log of {name(one)} ends with:\n{one.last_words()}")  # noqa: T201


NUMBERS = count(1)
"""The audit log is one for all tests: every pair of replicas has names of its own."""


def two(start: Start, world: Operated) -> tuple[OperatorProcess, OperatorProcess]:
    """Start a leader and a replica that stands by."""
    number = next(NUMBERS)
    first = start(f"first-{number}")
    leader(world.kubectl, name(first))
    return first, start(f"second-{number}")


def name(one: OperatorProcess) -> str:
    return one.settings["identity"]


def by(one: OperatorProcess, world: Operated) -> list[float]:
    """When the API server received each write of a replica, its claims of the lease aside."""
    return [write.at for write in written(world.local) if write.who == name(one)]


def test_one_acts_and_the_other_is_ready_and_silent(world: Operated, start: Start) -> None:
    first, second = two(start, world)
    world.apply(a_job(workers=2))
    world.runs()
    assert (first.metric("crosstree_leader"), second.metric("crosstree_leader")) == (1, 0)
    assert second.get("/readyz")[0] == second.get("/healthz")[0] == 200
    eventually(lambda: by(first, world), within=10)
    assert by(second, world) == []


def test_an_idle_cluster_sees_only_the_renewals(world: Operated, start: Start) -> None:
    two(start, world)
    seen: list[int] = []

    def settled() -> bool:
        seen.append(len(written(world.local)))
        return len(seen) > 25 and len(set(seen[-25:])) == 1

    eventually(settled, within=40, what="nothing was written any more")
    before = seen[-1]
    always(lambda: len(written(world.local)), during=5, holds=lambda number: number == before, every=0.5)
    renewals = [one.at for one in written(world.local, leases=True) if one.resource == "leases"]
    assert len([at for at in renewals if at > renewals[-1] - 5]) <= 4


def test_a_killed_leader_is_replaced_in_time(world: Operated, start: Start) -> None:
    first, second = two(start, world)
    world.apply(a_job(workers=2))
    world.runs()
    first.kill()
    killed = time.monotonic()
    world.apply(a_job("next", workers=2))
    leader(world.kubectl, name(second))
    took_over = time.monotonic()
    world.wait(lambda seen: seen.get("placement"), "next", what="the new leader decided")
    decided = time.monotonic()
    print(f"lease after {took_over - killed:.1f} s, decision {decided - took_over:.2f} s later")  # noqa: T201
    assert took_over - killed < HAND_OVER + LOOSE
    assert decided - took_over < 2 + LOOSE
    world.runs("next")
    assert world.status()["attempt"] == 1
    assert second.metric("crosstree_leader") == 1
    assert world.record.violations("train", world.namespace) == []


def test_a_leader_that_is_told_to_stop_hands_over_at_once(world: Operated, start: Start) -> None:
    first, second = two(start, world)
    assert first.stop() == 0
    stopped = time.monotonic()
    leader(world.kubectl, name(second))
    took = time.monotonic() - stopped
    print(f"handed over in {took:.2f} s")  # noqa: T201
    assert took < 2 + LOOSE / 2
    world.apply(a_job(workers=2))
    world.runs()


def test_a_leader_that_stood_still_writes_nothing_more_and_ends(world: Operated, start: Start) -> None:
    first, second = two(start, world)
    world.apply(a_job(workers=2))
    world.runs()
    first.signal(signal.SIGSTOP)
    leader(world.kubectl, name(second))
    claimed = _acquired(second, world)
    world.fail(1, exit_code=5)
    world.runs(attempt=2)
    world.apply(a_job("next", workers=2))
    first.signal(signal.SIGCONT)
    assert first.ended(within=20) == 1
    world.runs("next")
    eventually(lambda: by(second, world), within=10)
    assert [at for at in by(first, world) if at > claimed] == []
    assert "Leadership lost" in first.last_words()
    assert world.record.violations("train", world.namespace) == []
    assert world.overbooked() == []


def test_an_api_server_that_is_away_harms_nobody(world: Operated, start: Start) -> None:
    first, second = two(start, world)
    world.apply(a_job(workers=2))
    world.runs()
    world.local.kill("kube-apiserver")
    gone = time.monotonic()
    assert first.ended(within=30) == 1
    eventually(lambda: time.monotonic() - gone > 15, within=30)
    world.local.start_component("kube-apiserver")
    world.local.reconnect()
    leader(world.kubectl, name(second))
    world.apply(a_job("next", workers=2))
    world.runs("next")
    assert world.status()["attempt"] == 1
    assert second.metric("crosstree_leader") == 1


def test_a_lease_deleted_by_hand_is_made_again_by_its_holder(world: Operated, start: Start) -> None:
    first, second = two(start, world)
    world.kubectl.delete("lease", LEASE, NAMESPACE)
    leader(world.kubectl, name(first), within=10)
    always(lambda: holder(world.kubectl), during=3, holds=lambda who: who == name(first), every=0.5)
    assert first.alive and second.alive


def test_a_lease_taken_by_hand_ends_the_leader_and_another_follows(world: Operated, start: Start) -> None:
    first, second = two(start, world)
    patch = '{"spec":{"holderIdentity":"me","leaseDurationSeconds":null,"renewTime":null}}'
    world.kubectl("-n", NAMESPACE, "patch", "lease", LEASE, "--type=merge", "-p", patch)
    assert first.ended(within=15) == 1
    leader(world.kubectl, name(second))
    world.kubectl("-n", NAMESPACE, "label", "lease", LEASE, "kept=yes")
    before = lease(world.kubectl)["spec"]["renewTime"]
    renewed = eventually(
        lambda: lease(world.kubectl), within=15, until=lambda seen: seen["spec"]["renewTime"] != before
    )
    assert renewed["metadata"]["labels"] == {"kept": "yes"}
    assert renewed["spec"]["holderIdentity"] == name(second)


def test_a_pod_of_an_earlier_attempt_that_comes_late_is_swept_by_the_new_leader(
    world: Operated, start: Start
) -> None:
    first, second = two(start, world)
    world.apply(a_job(workers=2))
    world.runs()
    late = world.pods()[1]
    first.kill()
    leader(world.kubectl, name(second))
    # A job that has to wait: its old leader's creation arrives while nothing is placed.
    world.apply(a_job("filler", workers=6))
    world.runs("filler")
    for node in world.nodes_of():
        world.kubectl("cordon", node)
    world.fail(1, exit_code=5)
    try:
        world.wait(lambda seen: not seen.get("placement"), what="the gang waited")
        pod = late["metadata"]["name"]
        meta = {key: late["metadata"][key] for key in ("name", "labels", "ownerReferences", "namespace")}
        stray = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": late["spec"]}
        world.kubectl.create(stray)
        eventually(
            lambda: world.kubectl.find("pod", pod, world.namespace),
            until=lambda seen: seen is None,
            within=30,
            what=f"the late {pod} was swept",
        )
        assert world.overbooked() == []
    finally:
        for closed in world.kubectl.list("nodes"):
            world.kubectl("uncordon", closed["metadata"]["name"])
    world.runs(attempt=2)
    assert {pod["metadata"]["labels"][LABEL_ATTEMPT] for pod in world.pods()} == {"2"}


def _acquired(one: OperatorProcess, world: Operated) -> float:
    """Return when a replica first claimed the lease, by the API server's clock."""

    def claims() -> list[float]:
        wrote = written(world.local, leases=True)
        return [claim.at for claim in wrote if claim.resource == "leases" and claim.who == name(one)]

    return eventually(claims, within=10, what="the claim was in the audit log")[0]
