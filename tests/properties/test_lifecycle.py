"""Kill the operator at any write, start another: the same job comes to the same end.

Never are pods of two attempts alive together, and never is part of a gang left alone past its deadline.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from crosstree.core.checkpoint import Checkpoint
from tests.support.builders.jobs import T0, a_job
from tests.support.virtual_jobs import VirtualJobs
from tests.support.virtual_pods import Outcome


@dataclass(frozen=True)
class Story:
    """What befalls a job, apart from the operator's death."""

    workers: int = 2
    max_restarts: int = 2
    fates: tuple[tuple[int, int, int, str, bool], ...] = ()
    """(attempt, index, exit code, reason, disrupted)."""
    refusing: int = 0
    lost_at: int | None = None
    deleted_at: int | None = None
    silent_at: int | None = None
    suspended: tuple[int, int] | None = None
    evicted_at: int | None = None
    lagging: bool = False
    alone: bool = False


def world(story: Story, kill_at: frozenset[int] = frozenset(), *, before: bool = False) -> VirtualJobs:
    fates = {(attempt, index): rest for attempt, index, *rest in story.fates}

    def behaviour(attempt: int, index: int) -> Outcome:
        code, reason, disrupted = fates.get((attempt, index), (0, "", False))
        return Outcome(2 if code else 6, code, reason, disrupted)

    job = a_job(story.workers, max_restarts=story.max_restarts, created=T0 - 5, alone=story.alone)
    return VirtualJobs(job, behaviour=behaviour, kill_at=kill_at, kill_before=before, refusing=story.refusing)


def live(story: Story, made: VirtualJobs) -> VirtualJobs:
    def each(tick: int) -> None:
        if tick == story.lost_at and (placement := made.job.progress.placement):
            made.lose(placement.nodes[0].name)
        if tick == story.silent_at and (placement := made.job.progress.placement):
            made.fail(placement.nodes[-1].name)
        if tick == story.deleted_at:
            made.remove("train-worker-0")
        if tick == story.evicted_at and made.job.progress.placement:
            made.evict()
        if story.suspended and tick in story.suspended:
            made.update(suspend=tick == story.suspended[0])

    return asyncio.run(made.run(200 if story.silent_at is None else 700, each=each))


def end(made: VirtualJobs) -> tuple[str, int]:
    status = made.job.progress.observed
    return status["phase"], status["restartsCharged"]


FATE = st.tuples(
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from([1, 3, 127, 137, 143]),
    st.sampled_from(["", "Error", "OOMKilled"]),
    st.booleans(),
)
PROGRAM = st.builds(
    Story,
    workers=st.integers(1, 3),
    max_restarts=st.integers(0, 3),
    fates=st.lists(FATE, max_size=3).map(tuple),
    refusing=st.sampled_from([0, 0, 1, 20]),
    lagging=st.booleans(),
    alone=st.booleans(),
)
TROUBLE = st.builds(
    Story,
    workers=st.integers(1, 3),
    fates=st.lists(FATE, max_size=2).map(tuple),
    refusing=st.sampled_from([0, 0, 1, 20]),
    lagging=st.booleans(),
    alone=st.booleans(),
    lost_at=st.none() | st.integers(0, 30),
    deleted_at=st.none() | st.integers(0, 30),
    silent_at=st.none() | st.integers(0, 30),
    suspended=st.none() | st.tuples(st.integers(0, 10), st.integers(11, 30)),
    evicted_at=st.none() | st.integers(0, 30),
)
KILLS = st.frozensets(st.integers(1, 60), max_size=6)
EXAMPLES = 60
"""Each is two whole lives of a job; hypothesis' own default would take a minute."""


@settings(max_examples=EXAMPLES)
@given(PROGRAM, KILLS, st.booleans())
@example(Story(workers=3), frozenset(range(1, 40)), False)
@example(Story(workers=3), frozenset(range(1, 40, 2)), True)
def test_the_operators_death_at_any_write_does_not_change_how_the_job_ends(
    story: Story, kills: frozenset[int], before: bool
) -> None:
    undisturbed = live(story, world(story))
    killed = live(story, world(story, kills, before=before))
    assert undisturbed.violations == []
    assert killed.violations == []
    assert end(killed) == end(undisturbed)


@settings(max_examples=EXAMPLES)
@given(TROUBLE, KILLS, st.booleans())
@example(  # workers of two nodes lost in turn
    Story(workers=2, fates=((1, 0, 1, "", True), (1, 1, 1, "", True)), alone=True), frozenset(), False
)
def test_whatever_happens_attempts_never_overlap_and_the_job_ends(
    story: Story, kills: frozenset[int], before: bool
) -> None:
    made = live(story, world(story, kills, before=before))
    assert made.violations == []
    assert end(made)[0] in ("Succeeded", "Failed")


def test_every_single_write_of_a_restarted_job_may_be_the_last_one() -> None:
    story = Story(workers=2, fates=((1, 1, 1, "", False),))
    undisturbed = live(story, world(story))
    assert end(undisturbed) == ("Succeeded", 1)
    for write in range(1, undisturbed.writes + 1):
        for before in (False, True):
            killed = live(story, world(story, frozenset({write}), before=before))
            assert killed.violations == [], write
            assert end(killed) == ("Succeeded", 1), write


def test_every_single_write_of_a_gang_that_makes_room_may_be_the_last_one() -> None:
    story = Story(workers=2, evicted_at=2)
    undisturbed = live(story, world(story))
    assert end(undisturbed) == ("Succeeded", 0)
    assert [one.reason for one in undisturbed.job.progress.restarts] == ["Preempted"]
    for write in range(1, undisturbed.writes + 1):
        for before in (False, True):
            killed = live(story, world(story, frozenset({write}), before=before))
            assert killed.violations == [], write
            assert end(killed) == ("Succeeded", 0), write
            assert len(killed.job.progress.restarts) == 1, write


def test_pods_that_make_room_are_told_how_long_they_have_to_save() -> None:
    story = Story(workers=2, evicted_at=2)
    made = world(story)
    made.job = replace(made.job, checkpoint=Checkpoint(grace=90.0))
    live(story, made)
    assert made.graces == [90, 90]
