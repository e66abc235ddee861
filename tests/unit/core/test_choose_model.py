"""A gang that takes several models: it starts on what is free, unless waiting for a faster one finishes sooner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crosstree.core.cycle import run_cycle
from crosstree.core.manners import Backfill, Manners
from crosstree.core.plan import Place, Wait, WaitReason
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec
from crosstree.core.snapshot import Snapshot
from crosstree.core.workload import Expectation, Source
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running

A100 = "nvidia-a100-sxm"
HOUR = 3600.0
FAST = a_pool(leaves=1, nodes=2)
SLOW = a_pool(leaves=1, nodes=2, name="pool-a100", model=A100)
TWICE = (QueueSpec("default", rates=((H100, 2.0), (A100, 1.0))),)


def known(hours: float, confidence: float = 0.9) -> Expectation:
    return Expectation(hours * HOUR, Source.DECLARED, confidence)


def world(free_in: float, *, hours: float = 4, confidence: float = 0.9, **changes) -> Snapshot:
    """Both fast nodes are free in some hours, two slow ones now; a gang of two takes either, the fast ones first."""
    gang = a_gang(2, models=[H100, A100], expected=known(hours, confidence))
    empty = a_snapshot(FAST, SLOW, gangs=[gang])
    there = a_gang(2, name="there", expected=known(10))
    ends = {"ends": NOW + free_in * HOUR, "began": NOW - HOUR}
    snapshot = with_running(empty, running(there, ["n000", "n001"], empty, **ends))
    return replace(snapshot, **{"queues": TWICE, **changes})


def decide(snapshot: Snapshot) -> Place | Wait:
    decision = next(one for one in run_cycle(snapshot, Policy(), NOW).decisions if one.key == "default/train")
    assert isinstance(decision, Place | Wait)
    return decision


def taken(snapshot: Snapshot) -> str:
    decision = decide(snapshot)
    return decision.model if isinstance(decision, Place) else f"waits: {decision.reason.value}"


@pytest.mark.parametrize(
    ("free_in", "answer"),
    [(1, "waits: WaitingForModel"), (3.9, "waits: WaitingForModel"), (4.1, A100), (100, A100)],
)
def test_it_waits_as_long_as_the_faster_model_wins(free_in: float, answer: str) -> None:
    # Four hours on the fast model are eight on the slow one.
    assert taken(world(free_in)) == answer


def test_it_takes_the_first_model_that_is_free_where_no_rate_is_known() -> None:
    assert taken(world(0.1, queues=())) == A100
    assert taken(world(0.1, queues=(QueueSpec("default"),))) == A100


def test_it_does_not_wait_for_a_model_that_it_likes_better_and_that_is_slower() -> None:
    assert taken(world(0.1, queues=(QueueSpec("default", rates=((A100, 2.0),)),))) == A100


def test_who_does_not_say_how_long_it_runs_starts_now() -> None:
    assert taken(world(0.1, confidence=0.0)) == A100


def test_nobody_waits_for_a_place_that_is_not_kept() -> None:
    assert taken(world(1, manners=Manners(backfill=Backfill.NONE))) == A100


def test_it_says_that_it_waits_of_its_own_choice_and_until_when() -> None:
    decision = decide(world(1))
    assert isinstance(decision, Wait)
    assert decision.reason is WaitReason.WAITING_FOR_MODEL
    assert decision.forecast is not None and decision.forecast.start == NOW + HOUR
    assert decision.message.startswith(
        f"2 workers of 8 {A100} could start now, but {H100} is faster and expected to finish sooner, the wait "
        f"included. Naming {A100} alone in accelerators.models would start it now; else expected "
    )


def test_the_place_it_waits_for_is_kept_and_the_other_is_left_to_others() -> None:
    other = a_gang(2, name="other", models=[A100], created=1.0)
    late = a_gang(1, name="late", models=[H100], created=2.0, expected=known(50))
    snapshot = world(1)
    snapshot = replace(snapshot, gangs=(*snapshot.gangs, other, late))
    plan = {one.key: one for one in run_cycle(snapshot, Policy(), NOW).decisions}
    assert isinstance(plan["default/other"], Place)
    assert isinstance(plan["default/train"], Wait) and isinstance(plan["default/late"], Wait)
