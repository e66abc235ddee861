"""Which turns are answered without being had."""

from __future__ import annotations

from dataclasses import replace

from crosstree.core.calendar import Booking
from crosstree.core.cycle import run_cycle
from crosstree.core.desk import Desk, open_desk
from crosstree.core.manners import Backfill, Manners, Preemption
from crosstree.core.plan import Promise, Wait
from crosstree.core.policy import Policy
from crosstree.core.queues import QueueSpec, Quota
from crosstree.core.refused import Refused
from crosstree.core.search_turns import IN_TURN, SEARCHES
from crosstree.core.snapshot import Snapshot
from crosstree.core.start import start
from crosstree.core.vain import known_in_vain
from crosstree.core.workload import Gang
from tests.support.builders.core import H100, a_gang, a_pool, a_snapshot
from tests.support.builders.running import NOW, running, with_running
from tests.support.virtual_time import declared

NOBODY_TOLD = Policy(reservations=0)
FIRST = a_gang(4, name="first")
SECOND = replace(FIRST, key="other/second", uid="second", created=5.0)


def full(**changes: object) -> Snapshot:
    """Four nodes, all of them held by a gang of priority 0."""
    empty = a_snapshot(a_pool(leaves=1, nodes=4))
    return with_running(empty, running(a_gang(4, name="there"), list(empty.names), empty), **changes)


def after_turn_of(gang: Gang, snapshot: Snapshot) -> Desk:
    """Let a gang have its turn, in vain."""
    desk = open_desk(snapshot, NOBODY_TOLD, NOW)
    refused = start(gang, 1, desk)
    assert isinstance(refused, Refused) and refused.again is None
    return desk


def test_who_asks_for_the_same_gets_the_same_answer_under_its_own_name() -> None:
    desk = after_turn_of(FIRST, full())
    found = known_in_vain(SECOND, 7, desk)
    assert found is not None and found == Refused(SECOND, 7, again=found.again)
    assert known_in_vain(replace(SECOND, workers=3), 7, desk) is None


def test_who_was_promised_a_place_has_a_turn_of_its_own() -> None:
    desk = after_turn_of(FIRST, full())
    promised = replace(SECOND, promise=Promise(H100, (), ("there",), NOW + 60))
    assert known_in_vain(promised, 7, desk) is None


def test_once_something_is_booked_everybody_has_a_turn_again() -> None:
    desk = after_turn_of(FIRST, full())
    desk.accounts.take("default", H100, 8)
    assert known_in_vain(SECOND, 7, desk) is None


def test_a_gang_that_got_no_search_for_victims_answers_for_nobody() -> None:
    desk = open_desk(full(), NOBODY_TOLD, NOW)
    desk.clearing.searches = SEARCHES + IN_TURN
    assert isinstance(start(replace(FIRST, priority=9), 1, desk), Refused)
    assert known_in_vain(replace(SECOND, priority=9), 2, desk) is None


def test_nobody_answers_for_others_while_some_are_still_told_when_they_start() -> None:
    desk = open_desk(full(), Policy(reservations=1), NOW)
    assert isinstance(start(FIRST, 1, desk), Refused)
    assert known_in_vain(SECOND, 2, desk) is None


def test_who_gets_the_answer_of_another_counts_among_those_who_asked_for_victims() -> None:
    desk = after_turn_of(FIRST, full())
    asked = desk.clearing.asked
    known_in_vain(SECOND, 2, desk)
    assert desk.clearing.asked == asked + 1


def told(snapshot: Snapshot) -> dict[str, str]:
    """Return what each waiting gang is told where nobody has a place kept."""
    plan = run_cycle(snapshot, NOBODY_TOLD, NOW)
    return {one.key: one.message for one in plan.decisions if isinstance(one, Wait)}


def test_who_waits_behind_a_booking_is_told_of_the_one_that_is_in_its_way_by_now() -> None:
    def one(name: str, seconds: float, at: float) -> Gang:
        return a_gang(1, name=name, queue="guests", created=at, expected=declared(seconds))

    calendar = (Booking("early", H100, 56, NOW + 1000, 600.0), Booking("late", H100, 64, NOW + 5000, 600.0))
    line = [one(f"long-{at}", 10_000.0, float(at)) for at in range(5)]
    line[2] = one("short", 2_000.0, 2.0)
    said = told(
        replace(
            a_snapshot(a_pool(leaves=2, nodes=4), gangs=line),
            queues=(QueueSpec("own", calendar=calendar), QueueSpec("guests")),
            manners=Manners(Backfill.NONE, Preemption.NEVER),
        )
    )
    assert ["(late)" in said[f"default/long-{at}"] for at in (0, 1)] == [True, True]
    assert ["(early)" in said[f"default/long-{at}"] for at in (3, 4)] == [True, True]


def test_names_of_jobs_are_told_in_their_own_namespace_only() -> None:
    """Whatever namespace the turn was of that answers for the others."""
    limited = QueueSpec("default", quotas=(Quota(H100, limit=32),))
    asking = [
        replace(FIRST, key=f"{space}/g{at}", uid=f"{space}{at}")
        for space in ("default", "other")
        for at in range(3)
    ]
    said = told(full(queues=(limited,), gangs=tuple(asking)))
    assert ["there" in said[f"default/g{at}"] for at in range(3)] == [True] * 3
    assert ["there" in said[f"other/g{at}"] for at in range(3)] == [False] * 3
