"""The judge of the fault campaign sees what must not be: for each rule a history that breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.judge import LAG, OVERBOOKED, PARTIAL, SILENT, Judge
from tests.support.sightings import Job, Node, Pod, Sighting

GPU = "nvidia.com/gpu"
JOB = Job("j", "ns/train", 2, 8, "leaf", False, False, 0, "", (), 0, 0, "", "", ())
PLACED = replace(JOB, attempt=1, resource=GPU, places=("a", "b"))


def a_node(name: str, leaf: str = "l1", *, usable: bool = True, gpus: int = 8) -> Node:
    return Node(f"u-{name}", name, True, usable, (("leaf", leaf),), ((GPU, gpus),))


def a_pod(index: int, node: str, *, attempt: int = 1, uid: str = "", **more: object) -> Pod:
    made = Pod(
        uid or f"p{attempt}{index}",
        f"ns/train-worker-{index}",
        "j",
        attempt,
        index,
        node,
        node,
        ((GPU, 8),),
        "Running",
        False,
    )
    return replace(made, **more)  # type: ignore[arg-type]


WHOLE = replace(PLACED, conditions=(("PodsReady", "True"),))
GANG = (JOB, PLACED, a_pod(0, "a"), a_pod(1, "b"))


def judged(
    *things: object, nodes: tuple[Node, ...] = (a_node("a"), a_node("b")), wait: float = 0.0
) -> list[str]:
    """Return the breaches of a history: an object each second, a negative one is a deletion."""
    judge = Judge({"leaf": "leaf"})
    at = 1000.0
    for version, thing in enumerate((*nodes, *things)):
        gone, one = (True, thing[0]) if isinstance(thing, tuple) else (False, thing)
        judge.see(Sighting(version, at, one, gone=gone))
        at += 1.0
    judge.settle(at + wait)
    return judge.breaches


def test_a_gang_that_starts_as_decided_breaks_no_rule():
    assert judged(*GANG) == []


@pytest.mark.parametrize(
    ("history", "says"),
    [
        pytest.param((JOB, a_pod(0, "a")), "0 of 2 workers placed", id="pod-before-placement"),
        pytest.param((*GANG, a_pod(0, "a", uid="x")), "beside another pod", id="worker-twice"),
        pytest.param((*GANG, WHOLE, (a_pod(0, "a"),), a_pod(0, "a", uid="x")), "was made before", id="again"),
        pytest.param(
            (*GANG, replace(PLACED, attempt=2), a_pod(0, "a", attempt=2)),
            "beside pods of attempts [1]",
            id="two-attempts",
        ),
        pytest.param((JOB, PLACED, a_pod(0, "b")), "was made for b, the status says a", id="other-node"),
        pytest.param((JOB, replace(PLACED, places=("a",))), "placed with 1 of 2", id="placed-in-part"),
        pytest.param((JOB, replace(PLACED, places=("a", "a"))), "16 are promised", id="promised-twice"),
        pytest.param(
            (*GANG, replace(PLACED, attempt=0)), "attempt went from 1 back to 0", id="history-goes-back"
        ),
        pytest.param(
            (
                *GANG,
                replace(PLACED, conditions=(("Finished", "True"),), phase="Succeeded"),
                replace(PLACED, phase="Running"),
            ),
            "had ended (Succeeded) and is Running now",
            id="ended-and-runs",
        ),
        pytest.param(
            (JOB, replace(PLACED, conditions=(("Finished", "True"),), phase="Failed"), a_pod(0, "a")),
            "after its job had ended",
            id="pod-after-the-end",
        ),
    ],
)
def test_a_history_that_must_not_be_is_a_breach(history, says):
    assert any(says in breach for breach in judged(*history)), judged(*history)


def test_a_node_that_took_no_work_for_longer_than_the_operator_may_need_to_hear_of_it():
    nodes = (a_node("a"), a_node("b", usable=False))
    assert any("took no work" in breach for breach in judged(JOB, PLACED, nodes=nodes))


def test_a_node_cordoned_in_the_moment_of_the_decision_is_nobodys_fault():
    assert judged(JOB, a_node("b", usable=False), PLACED) == []


def test_a_required_level_that_does_not_hold():
    nodes = (a_node("a"), a_node("b", leaf="l2"))
    assert any("requires one leaf" in breach for breach in judged(JOB, PLACED, nodes=nodes))


FOREIGN = replace(a_pod(0, "a", uid="f"), owner="", key="ns/foreign")
UNBOUND = replace(a_pod(0, "a"), node="", phase="Pending")
IN_USE = "with pod ns/train-worker-0 16 are in use"


def test_more_devices_in_use_than_there_are():
    assert any(IN_USE in one for one in judged(FOREIGN, *GANG))


def test_a_foreign_pod_bound_by_hand_while_kube_scheduler_was_binding_ours_is_nobodys_fault():
    assert judged(JOB, PLACED, UNBOUND, FOREIGN, a_pod(0, "a")) == []


@pytest.mark.parametrize("leaves", [replace(FOREIGN, phase="Failed"), (FOREIGN,), (a_pod(0, "a"),)])
def test_a_gang_and_the_foreign_pod_that_outran_it_do_not_share_devices_for_long(leaves):
    outrun = (
        replace(JOB, workers=1),
        replace(PLACED, workers=1, places=("a",)),
        UNBOUND,
        FOREIGN,
        a_pod(0, "a"),
    )
    assert judged(*outrun, wait=OVERBOOKED) == [
        f"a was overbooked by ns/train-worker-0 and ns/foreign for {OVERBOOKED + 1:.0f} s"
    ]
    assert judged(*outrun, leaves, wait=OVERBOOKED) == []


@pytest.mark.parametrize(
    "history",
    [
        pytest.param((JOB, PLACED, FOREIGN, UNBOUND, a_pod(0, "a")), id="there-when-ours-was-made"),
        pytest.param((JOB, PLACED, FOREIGN, a_pod(0, "a")), id="ours-made-with-its-node"),
        pytest.param(
            (JOB, PLACED, UNBOUND, FOREIGN, *[replace(JOB, uid="k", waiting="x")] * int(LAG), a_pod(0, "a")),
            id="bound-when-all-had-heard",
        ),
        pytest.param(
            (JOB, PLACED, UNBOUND, replace(FOREIGN, node=""), FOREIGN, a_pod(0, "a")), id="not-by-hand"
        ),
        pytest.param(
            (JOB, PLACED, UNBOUND, replace(FOREIGN, owner="k", key="ns/other"), a_pod(0, "a")), id="ours-too"
        ),
    ],
)
def test_a_pod_that_outran_ours_in_no_other_way_excuses_nobody(history):
    assert any(IN_USE in one for one in judged(*history)), judged(*history)


def test_a_place_beside_a_foreign_pod_that_was_there_for_longer_than_the_operator_may_need_to_hear_of_it():
    heard = (FOREIGN, *[replace(JOB, waiting="NotEnoughFree")] * int(LAG), PLACED)
    assert "8 are promised to jobs beside the 8 of foreign pods" in judged(*heard)[0]
    assert judged(*heard[:-1], replace(FOREIGN, phase="Succeeded"), PLACED) == []
    assert judged(FOREIGN, JOB, PLACED) == []


@pytest.mark.parametrize(("blinds", "breaches"), [(True, 0), (False, 1)])
def test_only_a_fault_that_blinds_excuses_a_place_beside_a_foreign_pod(blinds, breaches):
    judge = Judge({})
    for at, thing in (
        (0.0, a_node("a")),
        (0.0, a_node("b")),
        (100.0, FOREIGN),
        (100.0, replace(JOB, required="")),
    ):
        judge.see(Sighting(int(at), at, thing))
    judge.fault(100.0, 200.0, blinds=blinds)
    judge.see(Sighting(150, 150.0, replace(PLACED, required="")))
    assert len(judge.breaches) == breaches


def test_a_worker_may_be_made_again_in_its_attempt_only_where_the_job_says_so_and_when_the_first_is_gone():
    alone = (replace(JOB, alone=True), replace(PLACED, alone=True), *GANG[2:])
    assert judged(*alone, (a_pod(1, "b"),), a_pod(1, "b", uid="again")) == []
    assert "beside another pod of worker 1" in judged(*alone, a_pod(1, "b", uid="again"))[0]
    assert "was made before" in judged(*GANG, WHOLE, (a_pod(1, "b"),), a_pod(1, "b", uid="again"))[0]
    assert judged(*GANG, (a_pod(1, "b"),), a_pod(1, "b", uid="again")) == []  # not whole yet: it still starts


def test_a_pod_hidden_from_its_job_is_no_mate_of_the_next_attempt():
    hidden = replace(a_pod(1, "b"), owner="", attempt=0, index=0)
    again = replace(PLACED, attempt=2, places=("a", "c"))
    nodes = (a_node("a"), a_node("b"), a_node("c"))
    assert judged(*GANG, hidden, (a_pod(0, "a"),), again, a_pod(0, "a", attempt=2), nodes=nodes) == []


def test_the_place_of_a_worker_that_ended_well_may_be_given_on_and_that_of_one_that_failed_may_not():
    other = replace(JOB, uid="k", key="ns/other", workers=1)
    taken = replace(other, attempt=1, resource=GPU, places=("b",))
    ended = (*GANG, a_pod(1, "b", phase="Succeeded"), (a_pod(1, "b", phase="Succeeded"),))
    failed = (*GANG, a_pod(1, "b", phase="Failed"), (a_pod(1, "b", phase="Failed"),))
    assert judged(*ended, other, taken) == []
    assert any("16 are promised" in one for one in judged(*failed, other, taken))


def test_a_gang_that_stays_partly_alive():
    history = (*GANG, (a_pod(1, "b"),))
    assert judged(*history, wait=PARTIAL / 2) == []
    assert judged(*history, wait=PARTIAL) == [
        f"1 of 2 workers of ns/train were alive for {PARTIAL + 1:.0f} s"
    ]


def test_a_gang_whose_node_is_silent_is_waited_for():
    silent = replace(a_node("a"), ready=False)
    assert judged(*GANG, silent, (a_pod(1, "b"),), wait=PARTIAL) == []


def test_a_job_that_waits_without_a_reason():
    assert judged(JOB, wait=SILENT)
    assert judged(replace(JOB, waiting="NotEnoughFree"), wait=SILENT) == []


def test_deadlines_stand_still_while_a_fault_is_on():
    judge = Judge({})
    judge.see(Sighting(1, 0.0, JOB))
    judge.fault(0.0, 100.0)
    judge.settle(100.0 + SILENT / 2)
    assert judge.breaches == []


def test_what_happened_during_a_fault_may_be_unknown_to_the_operator_right_after_it():
    judge = Judge({"leaf": "leaf"})
    for at, thing in (
        (0.0, a_node("a")),
        (0.0, a_node("b")),
        (99.0, JOB),
        (100.0, a_node("b", usable=False)),
    ):
        judge.see(Sighting(int(at), at, thing))
    judge.fault(99.0, 110.0 - LAG / 2)
    judge.see(Sighting(110, 110.0, PLACED))
    assert judge.breaches == []
